"""Makes the firmware small before mpy-cross: on a board every name and every unused function costs memory.

Line numbers stay as they are, so a traceback from a board still points into the sources. Three things are done:
what no other line of the firmware names is left out (much of the protocol is the server's half); names that begin with
`_` and constants nobody else looks at become `_a`, `_b` …, the same ones in every file, because MicroPython keeps each
distinct name once, and so do parameters that nobody gives by name; and those constants that are whole numbers become
`const()`, which mpy-cross puts into the code.
"""

import ast
import builtins
import io
import tokenize
from collections import Counter
from collections.abc import Iterable, Iterator

LETTERS = "abcdefghijklmnopqrstuvwxyz"
Files = dict[str, str]


def shrink(files: Files) -> Files:
    """The same files (path → text), smaller. Raises SyntaxError for what is no Python."""
    while (fewer := _without_unused(files)) != files:
        files = fewer
    words = {path: _foreign_words(text) for path, text in files.items()}
    elsewhere = {path: set().union(*(w for p, w in words.items() if p != path)) for path in files}
    said = _keywords(files.values())
    return {path: _shortened(text, elsewhere[path], _parameters(text) - said) for path, text in files.items()}


def _without_unused(files: Files) -> Files:
    """Blank the functions, classes, constants and methods that nobody names."""
    counts = Counter(word for text in files.values() for word in _words(text))
    return {path: _blanked(text, counts) for path, text in files.items()}


def _blanked(text: str, counts: Counter[str]) -> str:
    lines = text.splitlines(keepends=True)
    for node in _definitions(ast.parse(text)):
        name = _defined(node)
        if name and counts[name] == _mentions_within(node, name):
            for line in range(node.lineno - 1, node.end_lineno or node.lineno):
                lines[line] = "\n"
    return "".join(lines)


def _definitions(module: ast.Module) -> Iterator[ast.stmt]:
    """What stands at the top of a file, and the methods of its classes."""
    for node in module.body:
        yield node
        if isinstance(node, ast.ClassDef):
            yield from (
                method for method in node.body[1:] if isinstance(method, ast.FunctionDef) and not _is_special(method)
            )


def _is_special(method: ast.FunctionDef) -> bool:
    return method.name.startswith("__") or bool(method.decorator_list)


def _defined(node: ast.stmt) -> str | None:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return node.name
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        return None if node.targets[0].id.startswith("__") else node.targets[0].id
    return None


def _mentions_within(node: ast.stmt, name: str) -> int:
    return Counter(_words(ast.unparse(node)))[name]


def _words(text: str) -> Iterator[str]:
    """Every name in a text, and the words in its strings: a name may be looked up by them."""
    for token in _tokens(text):
        if token.type == tokenize.NAME:
            yield token.string
        elif token.type == tokenize.STRING and token.string.strip("\"'").isidentifier():
            yield token.string.strip("\"'")


def _foreign_words(text: str) -> set[str]:
    """The words that may name something of another file: all but this file's own constants, where they stand alone."""
    own, found, before = _constants(text), set(), ""
    for token in _tokens(text):
        if token.type == tokenize.NAME and (before == "." or token.string not in own):
            found.add(token.string)
        elif token.type == tokenize.STRING and token.string.strip("\"'").isidentifier():
            found.add(token.string.strip("\"'"))
        before = token.string
    return found


def _tokens(text: str) -> Iterator[tokenize.TokenInfo]:
    return tokenize.generate_tokens(io.StringIO(text).readline)


def _keywords(texts: Iterable[str]) -> set[str]:
    """Names by which arguments are given somewhere."""
    return {
        node.arg for text in texts for node in ast.walk(ast.parse(text)) if isinstance(node, ast.keyword) and node.arg
    }


def _parameters(text: str) -> set[str]:
    """Names of parameters that are nothing else in this file: unlike those of locals, a board keeps them."""
    nodes = list(ast.walk(ast.parse(text)))
    found = {node.arg for node in nodes if isinstance(node, ast.arg) and len(node.arg) > 2} - {"self"}
    others = {
        alias.asname or alias.name for n in nodes if isinstance(n, ast.Import | ast.ImportFrom) for alias in n.names
    }
    others |= {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)}
    for scope in nodes:
        if isinstance(scope, ast.Module | ast.ClassDef):
            targets = [node for node in scope.body if isinstance(node, ast.Assign | ast.AnnAssign)]
            others |= {node.id for t in targets for node in ast.walk(t) if isinstance(node, ast.Name)}
    strings = " ".join(
        token.string for token in _tokens(text) if token.type == tokenize.STRING and token.string[0] in "fF"
    )
    return {name for name in found - others - set(dir(builtins)) if name not in strings}


def _shortened(text: str, elsewhere: set[str], parameters: set[str]) -> str:
    numbers = _number_lines(text)
    private = _constants(text) - elsewhere
    places = [token for token in _free_names(text) if token.string in parameters]
    places += [t for t in _tokens(text) if t.type == tokenize.NAME and _is_private(t.string, private)]
    counts = Counter(token.string for token in places)
    short = {name: _short(index) for index, (name, _) in enumerate(counts.most_common())}
    lines = text.splitlines(keepends=True)
    chosen = {token.start for token in places}
    for token in reversed(list(_tokens(text))):
        if token.type == tokenize.STRING and token.string[0] in "fF" and any(name in token.string for name in short):
            raise SyntaxError(f"a private name inside an f-string: {token.string}")
        if token.type == tokenize.NAME and token.start in chosen:
            (row, column), line = token.start, lines[token.start[0] - 1]
            lines[row - 1] = line[:column] + short[token.string] + line[column + len(token.string) :]
    for row, name in numbers.items():
        if name in private:
            lines[row] = _as_const(lines[row])
    return "".join(lines)


def _free_names(text: str) -> Iterator[tokenize.TokenInfo]:
    """Names that are no attribute's."""
    before = ""
    for token in _tokens(text):
        if token.type == tokenize.NAME and before != ".":
            yield token
        before = token.string


def _is_private(name: str, constants: set[str]) -> bool:
    return name in constants or (name.startswith("_") and name != "_" and not name.startswith("__"))


def _constants(text: str) -> set[str]:
    return {name for node in ast.parse(text).body if (name := _defined(node)) and name.isupper()}


def _number_lines(text: str) -> dict[int, str]:
    """Lines (from 0) of the form `NAME = 10000`."""
    found = {}
    for node in ast.parse(text).body:
        is_number = (
            isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and type(node.value.value) is int
        )
        if is_number and node.lineno == node.end_lineno:
            found[node.lineno - 1] = _defined(node) or ""
    return found


def _as_const(line: str) -> str:
    name, _, value = line.partition(" = ")
    value, hash_sign, comment = value.rstrip("\n").partition("#")
    return f"{name} = const({value.strip()})  {hash_sign}{comment}\n"


def _short(index: int) -> str:
    return "_" + (LETTERS[index] if index < 26 else LETTERS[index // 26 - 1] + LETTERS[index % 26])
