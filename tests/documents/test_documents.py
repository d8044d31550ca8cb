"""What the documents say is true: links, commands, the tree, the settings, the error codes."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from panal.cli import application
from panal.settings import TABLE

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/**/*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text()):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), f"{page.name}: {target}"
        assert not anchor or anchor in anchors(found), f"{page.name}: {target}"


def anchors(page: Path) -> set[str]:
    """Heading names as they become addresses on a forge."""
    heads = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


def commands() -> dict[str, set[str]]:
    """`panal …` words -> options, from the program itself."""
    found: dict[str, set[str]] = {}
    root = typer.main.get_command(application())

    def walk(command: object, words: tuple[str, ...]) -> None:
        for name, inner in getattr(command, "commands", {}).items():
            walk(inner, (*words, name))
        if not hasattr(command, "commands"):
            found[" ".join(words)] = {option for param in command.params for option in param.opts}  # type: ignore[attr-defined]

    walk(root, ())
    return found


SAID = re.compile(r"(?:^|`|\.venv/bin/)panal ((?:[a-z]+ ?)+)([^`\n#]*)", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_every_command_in_the_documents_exists(page: Path) -> None:
    known = commands()
    for words, rest in SAID.findall(page.read_text()):
        name = next((known_name for known_name in known if f"{words.strip()} ".startswith(f"{known_name} ")), None)
        assert name, f"{page.name}: panal {words}"
        for option in re.findall(r"(--[a-z-]+)", rest):
            assert option in known[name] | {"--help"}, f"{page.name}: panal {words}{option}"


def test_every_make_target_in_the_documents_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        said = set(re.findall(r"(?:^|`)make ([a-z]+)", page.read_text(), re.MULTILINE))
        assert said <= targets, page.name


def test_make_alone_lists_every_target_with_one_line() -> None:
    listed = subprocess.run(["make", "-s"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    targets = re.findall(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[0].split()
    assert {line.split()[1] for line in listed} == set(targets)


def test_settings_page_equals_the_table() -> None:
    done = subprocess.run([sys.executable, "tools/settings_doc.py", "check"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_setting_that_documents_name_exists() -> None:
    known = {setting.name for setting in TABLE} | {f"{setting.name}_FILE" for setting in TABLE if setting.secret}
    for page in [*PAGES, *(path for path in ROOT.glob("deploy/**/*") if path.is_file())]:
        said = set(re.findall(r"\b(PANAL_[A-Z0-9_]+[A-Z0-9])\b", page.read_text()))
        assert said <= known | {"PANAL_TEST_DB"}, page.name


ERROR = re.compile(
    r"\b(BadRequest|Unauthorized|Forbidden|NotFound|Conflict|TooLarge|UnsupportedType|Unavailable)\(\s*\"([a-z_]+)\""
)
STATUS = {
    "BadRequest": "400",
    "Unauthorized": "401",
    "Forbidden": "403",
    "NotFound": "404",
    "Conflict": "409",
    "TooLarge": "413",
    "UnsupportedType": "415",
    "Unavailable": "503",
}


def test_error_codes_on_the_wire_are_exactly_those_of_the_reference() -> None:
    """Every code that device paths can answer, with its status; cells' gateway, recorder and messages included."""
    sources = [
        *ROOT.glob("panal/gateway/*.py"),
        *ROOT.glob("panal/protocol/*.py"),
        *ROOT.glob("panal/cells/*/messages.py"),
        *ROOT.glob("panal/cells/*/gateway.py"),
        *ROOT.glob("panal/cells/*/recorder.py"),
        ROOT / "panal/control/store.py",
    ]
    raised = {(STATUS[kind], code) for path in sources for kind, code in ERROR.findall(path.read_text())}
    pages = "".join(path.read_text() for path in ROOT.glob("docs/wire/*.md"))
    documented = set(re.findall(r"^\| (\d{3}) \| `([a-z_]+)` \|", pages, re.MULTILINE))
    assert raised <= documented, f"not in docs/wire: {sorted(raised - documented)}"


def test_both_front_pages_have_the_same_parts() -> None:
    english, spanish = ((ROOT / name).read_text() for name in ("README.md", "README.es.md"))
    assert len(re.findall("^## ", english, re.MULTILINE)) == len(re.findall("^## ", spanish, re.MULTILINE))
    assert set(re.findall(r"^(?:make|panal) \w+", english, re.M)) == set(
        re.findall(r"^(?:make|panal) \w+", spanish, re.M)
    )


def test_decisions_are_numbered_without_a_gap() -> None:
    pages = sorted((ROOT / "docs/decisions").glob("*.md"))
    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
    for page in pages:
        text = page.read_text()
        assert text.startswith(f"# {int(page.name[:4])}. ")
        for part in ("The question", "Decided", "Why", "What it costs", "Considered"):
            assert f"**{part}.**" in text, f"{page.name}: {part}"
