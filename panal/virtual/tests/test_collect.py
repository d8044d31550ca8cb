"""What a test in the VM needs is compiled with it, whatever ran before."""

import pytest

from panal.virtual import build, collect

from . import stories


@pytest.mark.parametrize("story", sorted(path.stem for path in stories.FOLDER.glob("power_cut_*.py")))
def test_what_a_story_shares_with_another_is_there_when_it_is_told_first(monkeypatch, tmp_path, story):
    monkeypatch.setattr(build, "cache_folder", lambda: tmp_path)
    folder = collect.folder_for(stories.FOLDER / f"{story}.py")
    assert (folder / "panal" / "virtual" / "vm" / "power_cut.mpy").exists()
