"""The dialogues in conversations/ are documentation of the wire, and are run as they stand there."""

from pathlib import Path

import pytest

from panal.virtual import conversation

FILES = sorted((Path(__file__).parent / "conversations").glob("*.txt"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_lights_speak_as_written(path, tmp_path):
    conversation.run(path, tmp_path / "flash")


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("do wall 1\nboard", "do wall 2\nboard"),
        ("lamps 100 60 0 0", "lamps 100 61 0 0"),
        ('"set_at_ms": 1795000000001', '"set_at_ms": 1795000099000'),
        ("quiet", "board reported"),
    ],
)
def test_another_word_than_the_written_one_is_found(tmp_path, good, bad):
    text = (FILES[0].parent / "mqtt_wall_and_page.txt").read_text(encoding="utf-8")
    assert good in text
    wrong = tmp_path / "wrong.txt"
    wrong.write_text(text.replace(good, bad), encoding="utf-8")
    with pytest.raises(conversation.Wrong):
        conversation.run(wrong, tmp_path / "flash")
