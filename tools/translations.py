"""Translations of the interface: source strings are English in code and templates, Spanish is in the catalogue.

extract   put every string that is used into the catalogue, and take out what is used no more
check     say what is missing, doubtful or does not fit its placeholders; used by `make check`
compile   write the .mo files that the server reads; used at set-up
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import polib

ROOT = Path(__file__).parent.parent
PANAL = ROOT / "panal"
CATALOGUES = sorted((PANAL / "control" / "locale").glob("*/LC_MESSAGES/django.po"))
KEYWORDS = {
    **dict.fromkeys(("_", "gettext", "gettext_lazy", "gettext_noop"), None),
    **dict.fromkeys(("ngettext", "ngettext_lazy"), (1, 2)),
    **dict.fromkeys(("pgettext", "pgettext_lazy"), ((1, "c"), 2)),
    # the label of a line of the navigation: a card imports nothing, not even gettext
    "Entry": (1,),
    "AlarmKind": (2,),
}
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]")


class Text(NamedTuple):
    singular: str
    plural: str
    place: str
    context: str | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        return self.singular, self.plural, self.context or ""


def main() -> None:
    command = sys.argv[1] if len(sys.argv) == 2 else ""
    if command not in ("extract", "check", "compile"):
        sys.exit(__doc__)
    if command == "compile":
        for path in CATALOGUES:
            polib.pofile(str(path)).save_as_mofile(str(path.with_suffix(".mo")))
        return
    texts = [*from_code(), *from_templates()]
    for path in CATALOGUES:
        extract(path, texts) if command == "extract" else check(path, texts)


def from_code() -> Iterator[Text]:
    from babel.messages.extract import extract_from_file

    for path in sorted(PANAL.rglob("*.py")):
        if "tests" in path.parts or "board" in path.parts:
            continue
        for line, message, _comments, context in extract_from_file("python", path, KEYWORDS):
            singular, plural = message if isinstance(message, tuple) else (message, "")
            yield Text(singular, plural, f"{path.relative_to(ROOT)}:{line}", context)


def from_templates() -> Iterator[Text]:
    """The nodes of the templates themselves: what Django will look up is what is found."""
    for path in sorted(PANAL.rglob("*.html")):
        for node, line in nodes(path.read_text(encoding="utf-8")):
            found = text_of(node)
            if found is not None:
                yield Text(*found, f"{path.relative_to(ROOT)}:{line}")


def nodes(source: str) -> Iterator[tuple[object, int]]:
    from django.template.base import Template
    from django.templatetags.i18n import BlockTranslateNode, TranslateNode

    template = Template(source, engine=engine())
    for kind in (TranslateNode, BlockTranslateNode):
        for node in template.nodelist.get_nodes_by_type(kind):
            yield node, node.token.lineno


def engine() -> "object":
    import os
    import tempfile

    import django
    from django.apps import apps
    from django.template import engines

    if not apps.ready:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "panal.control.settings")
        os.environ.setdefault("PANAL_DATA", tempfile.mkdtemp())
        sys.path.insert(0, str(ROOT))
        django.setup()
    return engines["django"].engine


def text_of(node: object) -> tuple[str, str] | None:
    from django.templatetags.i18n import TranslateNode

    if isinstance(node, TranslateNode):
        constant = node.filter_expression.var
        literal = getattr(constant, "literal", constant)
        return (str(literal), "") if isinstance(literal, str) else None
    singular, _names = node.render_token_list(node.singular)  # type: ignore[attr-defined]
    plural = node.render_token_list(node.plural)[0] if node.plural else ""  # type: ignore[attr-defined]
    return singular, plural


def extract(path: Path, texts: list[Text]) -> None:
    catalogue = polib.pofile(str(path), wrapwidth=110)
    known = {key_of(entry): entry for entry in catalogue}
    used: dict[tuple[str, str, str], list[str]] = {}
    for text in texts:
        used.setdefault(text.key, []).append(text.place.rsplit(":", 1)[0])
    catalogue.clear()
    for key, places in sorted(used.items()):
        entry = known.get(key) or fresh(*key)
        # files without lines: a catalogue that changes with every line of code is a merge conflict
        entry.occurrences = [(place, "") for place in sorted(set(places))]
        catalogue.append(entry)
    catalogue.save(str(path))


def key_of(entry: polib.POEntry) -> tuple[str, str, str]:
    return entry.msgid, entry.msgid_plural, entry.msgctxt or ""


def fresh(singular: str, plural: str, context: str) -> polib.POEntry:
    plurals = {"msgid_plural": plural, "msgstr_plural": {0: "", 1: ""}} if plural else {}
    return polib.POEntry(msgid=singular, msgctxt=context or None, **plurals)


def check(path: Path, texts: list[Text]) -> None:
    catalogue = {key_of(entry): entry for entry in polib.pofile(str(path))}
    used = {text.key for text in texts}
    wrong = [
        f"{text.place}: {text.singular!r} is not translated"
        for text in texts
        if text.key not in catalogue or not done(catalogue[text.key])
    ]
    wrong += [f"{key[0]!r} is used no more" for key in catalogue if key not in used]
    wrong += [f"{entry.msgid!r}: its translation has other placeholders" for entry in catalogue.values() if odd(entry)]
    if wrong:
        print(*wrong, f"{path.relative_to(ROOT)}: tools/translations.py extract, then translate.", sep="\n")
        sys.exit(1)


def done(entry: polib.POEntry) -> bool:
    said = entry.msgstr_plural.values() if entry.msgid_plural else [entry.msgstr]
    return all(said) and not entry.fuzzy


def odd(entry: polib.POEntry) -> bool:
    if entry.msgid_plural:
        # a singular may say "one" instead of its number
        known = placeholders(entry.msgid) | placeholders(entry.msgid_plural)
        return any(placeholders(text) - known for text in entry.msgstr_plural.values())
    return bool(entry.msgstr) and placeholders(entry.msgid) != placeholders(entry.msgstr)


def placeholders(text: str) -> set[str]:
    return set(PLACEHOLDER.findall(text.replace("%%", "")))


if __name__ == "__main__":
    main()
