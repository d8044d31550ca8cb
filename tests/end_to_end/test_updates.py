"""Firmware built, signed, released and installed on a board in the MicroPython VM: one stays, one goes back."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from panal import firmware
from panal.cells.updates import messages, releases
from tests.end_to_end.boards import VirtualBoard
from tests.running import Panal, until

MODEL = "lights-4"
WAIT_S = 60


class Lights(VirtualBoard):
    model = MODEL


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("updates")


@pytest.fixture(scope="module")
def panal(folder: Path) -> Iterator[Panal]:
    with Panal(folder / "panal") as running:
        running.run("updates", "key", "--no-encrypt", "--out", str(folder / "key.pem"))
        running.run("updates", "trust", str(folder / "key.pub"))
        yield running


@pytest.fixture(scope="module")
def key(panal: Panal, folder: Path) -> RSAPrivateKey:
    found = load_pem_private_key((folder / "key.pem").read_bytes(), None)
    assert isinstance(found, RSAPrivateKey)
    return found


@pytest.fixture(scope="module")
def board(panal: Panal, folder: Path, key: RSAPrivateKey) -> Iterator[VirtualBoard]:
    flash = folder / "board"
    flash.mkdir()
    modulus = key.public_key().public_numbers().n.to_bytes(messages.SIGNATURE_BYTES, "big")
    (flash / "update.pub").write_text(base64.b64encode(modulus).decode())
    with Lights(panal, panal.mint(MODEL)[0], flash) as board:
        board.wait_for(link="up")
        yield board


def roll_out(panal: Panal, device_id: str, file: Path) -> None:
    panal.run("updates", "release", str(file), "--to", device_id)


def outcome(panal: Panal, board: VirtualBoard, version: str) -> tuple[str, str]:
    """(end, reason) of the board's update to this version."""
    query = """SELECT u.state, u.reason FROM updates_update u JOIN updates_release r ON r.id = u.release_id
        WHERE r.version = %s AND u.state IN ('done', 'rolled_back', 'refused')"""
    return until(lambda: panal.rows(query, version), WAIT_S, lambda: f"the board said {board.said[-80:]}")[0]


def test_a_good_version_is_installed_and_stays(panal: Panal, board: VirtualBoard, folder: Path) -> None:
    file = folder / "good.panal"
    said = panal.run("updates", "build", "--board", MODEL, "--version", "9.1.0", "--key", f"{folder}/key.pem",
                     "--out", str(file))  # fmt: skip
    assert str(file) in said
    roll_out(panal, board.device["device_id"], file)
    assert outcome(panal, board, "9.1.0") == ("done", "")
    until(lambda: panal.rows("SELECT fw FROM devices_device") == [("9.1.0",)], WAIT_S)


def test_a_version_that_crashes_goes_back(panal: Panal, board: VirtualBoard, folder: Path, key: RSAPrivateKey) -> None:
    file, broken = folder / "bad.panal", folder / "broken.py"
    good = (folder / "good.panal").read_bytes()
    manifest, begin = messages.parse_release(good)
    at = begin + manifest.files_size
    files = []
    for entry in messages.parse_table(good[begin:at]):
        files.append((entry.path, good[at : at + entry.size]))
        at += entry.size
    broken.write_text("raise ValueError('a programmer slept')\n")
    firmware.compile_file(broken, folder / "broken.mpy")
    bad = dict(files) | {"panal/board/clock.mpy": (folder / "broken.mpy").read_bytes()}
    file.write_bytes(releases.of_files(list(bad.items()), MODEL, "9.2.0", 0, key))
    roll_out(panal, board.device["device_id"], file)
    assert outcome(panal, board, "9.2.0") == ("rolled_back", "crash_loop")
    assert panal.rows("SELECT fw FROM devices_device") == [("9.1.0",)]
    assert sorted(path.name for path in board.folder.glob("slot_?")) == ["slot_a", "slot_b"]
