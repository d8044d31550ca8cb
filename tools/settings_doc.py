"""Writes docs/settings.md from the one table in panal/settings.py; `check` only says whether it is as it should be."""

import sys
from pathlib import Path

from panal.settings import KEYS, TABLE, Setting

PAGE = Path(__file__).resolve().parent.parent / "docs" / "settings.md"
HEAD = """# Settings
Generated from `panal/settings.py` by `make format`; do not edit it here.

Every setting is an environment variable. Those that commands take as options too (`--data`, `--http-port`, …) win over
the environment. A secret may be given as `NAME_FILE`, the path of a file that holds it. An unknown `PANAL_` variable or
a value that does not fit stops the start with one sentence.

| variable | type | default | what for |
|---|---|---|---|
"""


def page() -> str:
    return HEAD + "".join(row(setting) for setting in TABLE) + TAIL + "".join(ini())


TAIL = """
## panal.ini
Optional, in the folder that the server is started in, or where `PANAL_INI` says. The environment wins over it. An
unknown key or a value that does not fit stops the start with one sentence.

| section | key | the same as |
|---|---|---|
"""


def ini() -> list[str]:
    return [f"| `{section}` | `{key}` | `{name}` |\n" for (section, key), name in KEYS.items()]


def row(setting: Setting) -> str:
    default = "" if setting.default in (None, "") else f"`{shown(setting.default)}`"
    return f"| `{setting.name}` | {kind(setting)} | {default} | {setting.help.replace('|', chr(92) + '|')} |\n"


def shown(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def kind(setting: Setting) -> str:
    words = {"str": "text", "int": "whole number", "float": "number", "bool": "yes or no", "Path": "path"}
    name = " or ".join(f"`{choice}`" for choice in setting.choices) or words[setting.type.__name__]
    return f"secret {name}" if setting.secret else name + bounds(setting)


def bounds(setting: Setting) -> str:
    if setting.minimum is None:
        return ""
    return f" from {number(setting.minimum)}" + ("" if setting.maximum is None else f" to {number(setting.maximum)}")


def number(value: float) -> str:
    """`:g` alone would write 67108864 as 6.71089e+07."""
    return str(int(value)) if value == int(value) else f"{value:g}"


if __name__ == "__main__":
    if sys.argv[1:] != ["check"]:
        PAGE.write_text(page(), encoding="utf-8")
    elif PAGE.read_text(encoding="utf-8") != page():
        sys.exit("docs/settings.md differs from panal/settings.py: make format")
