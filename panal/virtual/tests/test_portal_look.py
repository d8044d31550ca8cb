"""The set-up page that a board serves looks like the panel, and stays small: it is copied onto every board."""

import re

import pytest

from panal.virtual import build

LOOK = build.PACKAGE / "control" / "static" / "panal"
PAGE = (build.PACKAGE / "board" / "assets" / "portal.html").read_text(encoding="utf-8")
MAX_BYTES = 14_000


def tokens(text: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+):\s*([^;}]+)", text))


@pytest.mark.parametrize(("scheme", "file"), [("light", "panal.css"), ("dark", "dark.css")])
def test_its_colours_are_the_panel_s(scheme, file):
    found = re.search(rf"color-scheme:{scheme};(.+?)}}", PAGE)
    here, panel = tokens(found[1]), tokens((LOOK / file).read_text(encoding="utf-8"))
    assert len(here) > 10
    assert here == {name: panel[name] for name in here}


def test_its_letters_are_the_panel_s_and_its_names_are_all_known():
    assert tokens((LOOK / "panal.css").read_text(encoding="utf-8"))["sans"] in PAGE
    used = set(re.findall(r"var\(--([\w-]+)\)", PAGE))
    assert used <= tokens(PAGE).keys()


def test_it_is_small_and_asks_for_nothing_from_elsewhere():
    assert len(PAGE.encode()) < MAX_BYTES
    assert not re.search(r"""(src|href)=["']|url\(|@import|https?://""", PAGE)
