"""An update under power cuts, in the real VM on LittleFS; the story is in panal/virtual/vm."""

import pytest

from . import stories


def test_the_board_ends_on_a_version_that_works_wherever_the_power_goes():
    found = stories.tell("power_cut_update")
    assert len(found) == 3 and min(found.values()) > 60


SAVE, SWITCH = '            self._do("save")  # before the pointer', '            self._do("switch", record["slot"])\n'
ORDER = SAVE + ": a slot that starts must find out what it is\n" + SWITCH


@pytest.mark.parametrize(
    ("file", "good", "bad"),
    [
        ("cells/updates/machine.py", ORDER, SWITCH + SAVE + "\n"),
        ("board/boot.py", 'self._write(self.good, slot, STARTS, "")', 'self._write(slot, "", 0, "")'),
        ("board/boot.py", 'self._write(self.trial, "", 0, "")', "pass"),
    ],
)
def test_the_story_finds_an_update_that_is_wrong(tmp_path, file, good, bad):
    """The story itself must be able to fail."""
    assert stories.fails_with(tmp_path, "power_cut_update", file, good, bad)
