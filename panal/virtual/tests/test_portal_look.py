"""The pages that a board serves look like the panel, and stay small: they are copied onto every board."""

import re

import pytest

from panal.virtual import build

LOOK = build.PACKAGE / "control" / "static" / "panal"
PAGES = [path.read_text(encoding="utf-8") for path in sorted((build.PACKAGE / "board" / "assets").glob("*.html"))]
each = pytest.mark.parametrize("page", PAGES, ids=("local", "portal"))
MAX_BYTES = 14_000


def tokens(text: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+):\s*([^;}]+)", text))


@each
@pytest.mark.parametrize(("scheme", "file"), [("light", "panal.css"), ("dark", "dark.css")])
def test_its_colours_are_the_panel_s(page, scheme, file):
    found = re.search(rf"color-scheme:{scheme};(.+?)}}", page)
    here, panel = tokens(found[1]), tokens((LOOK / file).read_text(encoding="utf-8"))
    assert len(here) > 10
    assert here == {name: panel[name] for name in here}


@each
def test_its_letters_are_the_panel_s_and_its_names_are_all_known(page):
    assert tokens((LOOK / "panal.css").read_text(encoding="utf-8"))["sans"] in page
    used = set(re.findall(r"var\(--([\w-]+)\)", page))
    assert used <= tokens(page).keys()


@each
def test_it_is_small_and_asks_for_nothing_from_elsewhere(page):
    assert len(page.encode()) < MAX_BYTES
    assert not re.search(r"""(src|href)=["']|url\(|@import|https?://""", page)
