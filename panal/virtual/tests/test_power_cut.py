"""The board's queue and networks under power cuts, in the real VM on LittleFS; the stories are in panal/virtual/vm."""

import pytest

from . import stories


def test_no_event_is_lost_or_comes_back_wherever_the_power_goes():
    found = stories.tell("power_cut")
    assert found["cuts"] > 30
    assert found["pairs"] > 300


NAMES = "sorted(int(name) for name in self._storage.names(FOLDER) if name.isdigit())"


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("self._storage.rename(DRAFT, _name(number))", "pass"),
        ("self._storage.remove(_name(entry[0]))", "pass"),
        (NAMES, f"list(reversed({NAMES}))"),
    ],
)
def test_the_story_finds_a_queue_that_is_wrong(tmp_path, good, bad):
    """The story itself must be able to fail."""
    assert stories.fails_with(tmp_path, "power_cut", "board/queue.py", good, bad)


def test_a_board_knows_the_old_networks_or_the_new_ones_wherever_the_power_goes():
    found = stories.tell("power_cut_wifi")
    assert found["cuts"] > 50
    assert found["pairs"] > 20


def test_the_story_of_networks_finds_a_reset_that_forgets_the_last_order(tmp_path):
    good = 'storage.write(FILE, json.dumps({"rev": record.get("rev", 0)}))'
    assert stories.fails_with(tmp_path, "power_cut_wifi", "board/networks.py", good, 'storage.write(FILE, "{}")')
