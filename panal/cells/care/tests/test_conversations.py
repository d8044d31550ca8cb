"""The dialogues in conversations/ are documentation of the wire, and are run as they stand there."""

from pathlib import Path

import pytest

from panal.virtual import conversation

FILES = sorted((Path(__file__).parent / "conversations").glob("*.txt"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_wearable_speaks_as_written(path, tmp_path):
    conversation.run(path, tmp_path / "flash")


def test_another_word_than_the_written_one_is_found(tmp_path):
    text = (FILES[0].parent / "mqtt_emergency.txt").read_text(encoding="utf-8")
    for good, bad in (("EMERGENCY_BUTTON", "FALL"), ("led blink_200", "led steady"), ("quiet", "board event")):
        wrong = tmp_path / "wrong.txt"
        wrong.write_text(text.replace(good, bad), encoding="utf-8")
        with pytest.raises(conversation.Wrong):
            conversation.run(wrong, tmp_path / bad.replace(" ", ""))
