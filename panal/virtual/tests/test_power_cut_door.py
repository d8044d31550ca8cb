"""A door's list and log under power cuts, in the real VM on LittleFS: panal/virtual/vm/power_cut_door.py."""

import pytest

from . import stories


def test_the_list_is_the_old_or_the_new_one_and_no_line_is_lost_wherever_the_power_goes():
    found = stories.tell("power_cut_door")
    assert found["list"] > 20
    assert found["log"] > 100


@pytest.mark.parametrize(
    ("file", "good", "bad"),
    [
        ("cells/access/roster.py", "self._fs.rename(self._root + DRAFT, self._root + FILE)", "pass"),
        ("cells/access/roster.py", "DRAFT = FILE + ", "DRAFT = FILE or "),
        ("board/journal.py", 'self._append(text + "\\n")', "pass"),
        ("board/journal.py", "self._offset += self._oldest[1]", "pass"),
    ],
)
def test_the_story_finds_what_is_wrong(tmp_path, file, good, bad):
    """The story itself must be able to fail."""
    assert stories.fails_with(tmp_path, "power_cut_door", file, good, bad)
