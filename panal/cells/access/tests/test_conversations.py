"""The dialogues in conversations/ are documentation of the wire, and are run as they stand there."""

from pathlib import Path

import pytest

from panal.virtual import conversation

FILES = sorted((Path(__file__).parent / "conversations").glob("*.txt"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_door_speaks_as_written(path, tmp_path):
    conversation.run(path, tmp_path / "flash")


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("do card 04A1B2C3\nboard event", "do card 04A1B2C4\nboard event"),
        ("lock unlocked", "lock locked"),
        ("ACCESS GRANTED! / WELCOME HOME", "ACCESS DENIED! / "),
        ("sound short double", "sound triple"),
        ("+700ms", "+100ms"),
        ("quiet", "board event"),
    ],
)
def test_another_word_than_the_written_one_is_found(tmp_path, good, bad):
    text = (FILES[0].parent / "mqtt_card.txt").read_text(encoding="utf-8")
    assert good in text
    wrong = tmp_path / "wrong.txt"
    wrong.write_text(text.replace(good, bad), encoding="utf-8")
    with pytest.raises(conversation.Wrong):
        conversation.run(wrong, tmp_path / "flash")
