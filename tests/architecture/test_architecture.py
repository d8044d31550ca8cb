"""The rules of ARCHITECTURE.md and CONTRIBUTING.md that a program can see. Import contracts are in pyproject.toml."""

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from statistics import median

import pytest

from panal.cells import CELLS, cards
from panal.cells.card import load

ROOT = Path(__file__).parents[2]
FORBIDDEN_NAMES = {"utils", "helpers", "common", "misc", "base", "core", "manager", "handler", "service"}
FILES_OF_A_CELL = {
    *("__init__", "cell", "messages", "machine", "device", "gateway", "recorder", "models", "actions", "queries"),
    *("views", "urls", "forms", "api", "rest"),
}
FOLDERS_OF_A_CELL = {"migrations", "tests", "templates", "static", "templatetags"}
NOUNS_OF_CELLS = {
    "accounts": {"actor", "roles", "words"},
    "contacts": {"alarms", "channels", "inbox_views", "inquiries", "kinds", "policies", "push", "walls", "words"},
    "devices": {
        *(
            "alarms",
            "catalog",
            "claim_views",
            "claims",
            "comb",
            "commands",
            "factory_views",
            "fleet",
            "labels",
            "orders",
            "plots",
        ),
        *("presence", "telemetry", "twins", "words"),
    },
    "updates": {"advance", "asking", "files", "progress", "releases", "stages", "trial", "trust", "versions", "words"},
    "care": {
        *("alarms", "detector", "doubts", "exports", "faults", "judgement", "plots", "posture", "recordings"),
        *("classic", "falls", "settings", "windows"),
        *("reports", "review", "statistics", "upkeep", "wearer_views", "wearers", "words"),
    },
    "cameras": {
        *(
            "alarms",
            "boards",
            "coder",
            "downloads",
            "files",
            "films",
            "hub",
            "motion",
            "news",
            "paths",
            "plots",
            "recording",
            "relay",
        ),
        *("saver", "settings", "storage", "uploads", "viewers", "words"),
    },
    "access": {"credentials", "lists", "roster", "rules", "words"},
    "lights": {"older", "older_views", "rounds", "schedules", "sun", "timetable", "visits", "words"},
    "wifi": {"progress", "words"},
    "homeassistant": {"discovery", "speaker", "words"},
    "automations": {"parts", "rules", "runs", "words"},
}
"""Further modules, each a noun of GLOSSARY.md that is large enough for a file of its own."""


@cache
def tracked() -> tuple[Path, ...]:
    """Files that belong to the project; a clone has them without a .git when it was unpacked from an archive."""
    done = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return tuple(ROOT / name for name in done.stdout.splitlines() if (ROOT / name).is_file())


def sources(*, tests: bool) -> list[Path]:
    """Python files: those that run in production, or those of tests."""
    python = [path for path in tracked() if path.suffix == ".py" and "migrations" not in path.parts]
    return [path for path in python if is_test(path) == tests]


def is_test(path: Path) -> bool:
    return "tests" in path.relative_to(ROOT).parts or "benchmarks" in path.relative_to(ROOT).parts


def label(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def diagram() -> dict[str, set[str]]:
    """The tree in ARCHITECTURE.md: folder -> the folders in it."""
    text = (ROOT / "ARCHITECTURE.md").read_text()
    lines = text.split("## The layout is the diagram")[1].split("```")[1].strip().splitlines()
    found: dict[str, set[str]] = {"": set()}
    for line in lines:
        name = re.match(r"( *)([\w.]+)/", line)
        assert name, line
        inside = "panal" if name[1] else ""
        found.setdefault(inside, set()).add(name[2])
    return found


def test_the_root_is_as_the_diagram_shows_it() -> None:
    assert diagram()[""] == {path.relative_to(ROOT).parts[0] for path in tracked() if path.parent != ROOT}


def test_the_package_is_as_the_diagram_shows_it() -> None:
    package = [path.relative_to(ROOT / "panal") for path in tracked() if path.is_relative_to(ROOT / "panal")]
    assert diagram()["panal"] == {path.parts[0] for path in package if len(path.parts) > 1}


def test_files_at_the_root_are_named_in_the_architecture() -> None:
    documents = {"README.md", "README.es.md", "ARCHITECTURE.md", "GLOSSARY.md", "CONTRIBUTING.md"}
    documents |= {"CHANGELOG.md", "SECURITY.md", "LICENSE"}
    tools = {
        "Makefile",
        "pyproject.toml",
        "conftest.py",
        "package.json",
        "package-lock.json",
        ".npmrc",
        ".gitignore",
        ".dockerignore",
    }
    locks = {"requirements.lock", "requirements-dev.lock", "requirements-assets.lock"}
    assert {path.name for path in tracked() if path.parent == ROOT} <= documents | tools | locks


def test_no_folder_of_a_cell_is_missing_in_the_list_or_the_other_way_round() -> None:
    folders = {path.name for path in (ROOT / "panal/cells").iterdir() if (path / "__init__.py").exists()}
    assert folders == set(CELLS)


@pytest.mark.parametrize("cell", CELLS)
def test_a_cell_has_only_files_whose_names_say_their_role(cell: str) -> None:
    inside = [path.relative_to(ROOT / "panal/cells" / cell) for path in tracked() if f"/cells/{cell}/" in str(path)]
    modules = {path.stem for path in inside if len(path.parts) == 1}
    assert modules <= FILES_OF_A_CELL | NOUNS_OF_CELLS.get(cell, set())
    assert {path.parts[0] for path in inside if len(path.parts) > 1} <= FOLDERS_OF_A_CELL


@pytest.mark.parametrize("cell", CELLS)
def test_a_cell_says_in_its_docstring_what_it_is_for(cell: str) -> None:
    text = (ROOT / "panal/cells" / cell / "__init__.py").read_text()
    assert 0 < len((ast.get_docstring(ast.parse(text)) or "").splitlines()) <= 5
    assert len(ast.parse(text).body) == 1


def test_what_the_cards_name_exists() -> None:
    for card in cards():
        for _, reference in card.recorders:
            assert callable(load(reference)), reference
        for reference in filter(None, (card.gateway, card.rest)):
            assert load(reference) is not None, reference


def test_every_kind_of_event_has_one_recorder() -> None:
    recorders = {kind for card in cards() for kind, _ in card.recorders}
    kinds = [kind for card in cards() for kind in card.event_kinds]
    assert len(kinds) == len(set(kinds))
    assert {card.event_recorder for card in cards() if card.event_kinds} <= recorders


def test_no_module_is_a_drawer() -> None:
    drawers = {label(path) for path in sources(tests=False) if FORBIDDEN_NAMES & set(path.stem.split("_"))}
    assert not drawers


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of the body, without the docstring."""
    body = function.body
    if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant) and len(body) > 1:
        body = body[1:]
    return (body[-1].end_lineno or 0) - body[0].lineno + 1


def test_functions_are_short() -> None:
    found = sorted(length(function) for path in sources(tests=False) for function in functions(path))
    assert median(found) <= 8
    assert found[int(len(found) * 0.9)] <= 25


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def test_no_template_says_hx_sync() -> None:
    """What lies inside inherits it: a click in a part that is being fetched would wait, and go with the part."""
    assert not [path for path in (ROOT / "panal").rglob("*.html") if "hx-sync" in path.read_text()]


@pytest.mark.parametrize("path", sources(tests=True), ids=label)
def test_tests_use_no_mocks_and_never_sleep(path: Path) -> None:
    imported = {alias.name for node in ast.walk(tree(path)) if isinstance(node, ast.Import) for alias in node.names}
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom):
            imported |= {f"{node.module}.{alias.name}" for alias in node.names}
    assert not {name for name in imported if name.startswith(("unittest.mock", "mock"))}
    assert "mocker" not in {argument.arg for function in functions(path) for argument in function.args.args}
    if path.name.startswith("test_"):
        assert "time.sleep" not in {name for name, _ in calls(path)}


SECRETS = re.compile(r"\b(token|password|secret|seed|private_key|vault|ssid|psk|authorization|cookie)\b", re.IGNORECASE)
LOGGERS = re.compile(r"^(logger|logging|log|self\.log|self\._log)\.(debug|info|warning|error|exception|critical)$")


def logged_values(call: ast.Call) -> list[str]:
    """What a log line puts in, without the sentence itself."""
    values = [ast.unparse(argument) for argument in call.args[1:]]
    formatted = [node for node in ast.walk(call) if isinstance(node, ast.FormattedValue)]
    return values + [ast.unparse(node.value) for node in formatted]


def test_what_needs_the_machine_to_itself_is_where_tools_test_sh_looks_for_it() -> None:
    marked = [path for path in sources(tests=True) if "mark.serial" in path.read_text(encoding="utf-8")]
    assert [label(path) for path in marked if (ROOT / "tests") not in path.parents] == []
    assert marked


@pytest.mark.parametrize("path", sources(tests=False), ids=label)
def test_nothing_that_looks_like_a_secret_is_logged(path: Path) -> None:
    for name, call in calls(path):
        if LOGGERS.match(name):
            for value in logged_values(call):
                assert not any(SECRETS.search(word) for word in re.split(r"[._]", value)), (
                    f"{label(path)}:{call.lineno}"
                )


@pytest.mark.parametrize("path", sources(tests=False), ids=label)
def test_no_error_is_swallowed_without_a_word(path: Path) -> None:
    """`except Exception` logs, raises or answers; a bare except does not exist."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"{label(path)}:{node.lineno}"
            if ast.unparse(node.type) in ("Exception", "BaseException"):
                assert not isinstance(node.body[0], ast.Pass), f"{label(path)}:{node.lineno}"


def test_every_module_says_in_its_docstring_what_it_is() -> None:
    silent = [label(path) for path in sources(tests=False) if path.stat().st_size and not ast.get_docstring(tree(path))]
    assert not silent


def locked(name: str) -> dict[str, str]:
    return dict(
        re.findall(r"^([a-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)", (ROOT / name).read_text().lower(), re.MULTILINE)
    )


def pins(lines: list[str]) -> dict[str, str]:
    return dict(re.fullmatch(r"([\w.-]+)(?:\[[^]]*\])?==(.+)", line.lower()).groups() for line in lines)  # type: ignore[union-attr, misc]


@pytest.mark.parametrize(
    ("lock", "extras"), [("requirements.lock", ["setup"]), ("requirements-dev.lock", ["setup", "dev"])]
)
def test_lock_files_hold_what_pyproject_pins(lock: str, extras: list[str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = pins(project["dependencies"])
    for extra in extras:
        wanted |= pins(project["optional-dependencies"][extra])
    found = {name.replace("_", "-"): version for name, version in locked(lock).items()}
    missing = {name: version for name, version in wanted.items() if found.get(name.replace("_", "-")) != version}
    assert not missing, "make lock"


def test_lock_files_name_no_host() -> None:
    for path in tracked():
        if path.suffix == ".lock" or path.name == "package-lock.json":
            hosts = re.findall(r'(?:index-url|find-links|"resolved": "http|@ http)[^\n]*', path.read_text())
            assert not hosts, label(path)


DIALECT_IMPORTS = {
    *(
        "array",
        "asyncio",
        "binascii",
        "collections",
        "cryptolib",
        "deflate",
        "errno",
        "esp32",
        "gc",
        "hashlib",
        "heapq",
    ),
    *("io", "json", "machine", "math", "micropython", "network", "ntptime", "os", "platform", "random", "re", "select"),
    *("socket", "ssl", "struct", "sys", "time", "tls", "vfs"),
}


OF_ONE_FILE = {("envelope.py", "cryptography"), ("sensor.py", "camera"), ("lights_4.py", "framebuf")}
"""What one file takes: a module of the server's where boards have another, a module that only some images have."""


def board_sources() -> list[Path]:
    fixed = ("messages.py", "machine.py", "device.py")
    return [
        path
        for path in sources(tests=False)
        if path.is_relative_to(ROOT / "panal/protocol")
        or path.is_relative_to(ROOT / "panal/board")
        or ("cells" in path.parts and path.name in fixed)
    ]


@pytest.mark.parametrize("path", board_sources(), ids=label)
def test_board_code_imports_only_what_a_board_has(path: Path) -> None:
    for node in ast.walk(tree(path)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
        for name in names:
            if (path.name, name.split(".")[0]) not in OF_ONE_FILE:
                assert name.split(".")[0] in DIALECT_IMPORTS | {"panal"}, f"{label(path)}: {name}"
