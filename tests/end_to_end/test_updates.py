"""Firmware built, signed, released and installed on a board in the MicroPython VM: one stays, one goes back."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from panal import firmware
from panal.board.storage import Storage
from panal.cells.updates import messages, releases
from tests.end_to_end.boards import VirtualBoard
from tests.running import Panal, until

MODELS = ("lights-4", "wearable-1")  # neither has the memory for it beside its cells
WAIT_S = 90
HOME, ELSEWHERE = ({"ssid": ssid, "password": "panal panal"} for ssid in ("Panal", "Vecinos"))


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


@pytest.fixture(scope="module", params=MODELS)
def board(request: pytest.FixtureRequest, panal: Panal, folder: Path, key: RSAPrivateKey) -> Iterator[VirtualBoard]:
    flash = folder / request.param
    flash.mkdir()
    modulus = key.public_key().public_numbers().n.to_bytes(messages.SIGNATURE_BYTES, "big")
    (flash / "update.pub").write_text(base64.b64encode(modulus).decode())
    made = VirtualBoard(panal, panal.mint(request.param)[0], flash)
    made.model = request.param
    with made:
        made.wait_for(link="up")
        yield made


def roll_out(panal: Panal, board: VirtualBoard, file: Path) -> None:
    panal.run("updates", "release", str(file), "--to", board.device["device_id"])


def outcome(panal: Panal, board: VirtualBoard, version: str) -> tuple[str, str]:
    """(end, reason) of the board's update to this version."""
    query = """SELECT u.state, u.reason FROM updates_update u JOIN updates_release r ON r.id = u.release_id
        WHERE u.device_id = %s AND r.version = %s AND u.state IN ('done', 'rolled_back', 'refused')"""
    id = board.device["device_id"]
    return until(lambda: panal.rows(query, id, version), WAIT_S, lambda: f"the board said {board.said[-80:]}")[0]


def runs(panal: Panal, board: VirtualBoard) -> str:
    return str(panal.rows("SELECT fw FROM devices_device WHERE id = %s", board.device["device_id"])[0][0])


def test_a_good_version_is_installed_and_stays(panal: Panal, board: VirtualBoard, folder: Path) -> None:
    file = board.folder / "good.panal"
    said = panal.run("updates", "build", "--board", board.model, "--version", "9.1.0", "--key", f"{folder}/key.pem",
                     "--out", str(file))  # fmt: skip
    assert str(file) in said
    roll_out(panal, board, file)
    assert outcome(panal, board, "9.1.0") == ("done", "")
    until(lambda: runs(panal, board) == "9.1.0", WAIT_S)


def test_a_version_that_crashes_goes_back(panal: Panal, board: VirtualBoard, key: RSAPrivateKey) -> None:
    file, broken = board.folder / "bad.panal", board.folder / "broken.py"
    good = (board.folder / "good.panal").read_bytes()
    manifest, begin = messages.parse_release(good)
    at = begin + manifest.files_size
    files = []
    for entry in messages.parse_table(good[begin:at]):
        files.append((entry.path, good[at : at + entry.size]))
        at += entry.size
    broken.write_text("raise ValueError('a programmer slept')\n")
    firmware.compile_file(broken, broken.with_suffix(".mpy"))
    bad = dict(files) | {"panal/board/clock.mpy": broken.with_suffix(".mpy").read_bytes()}
    file.write_bytes(releases.of_files(list(bad.items()), board.model, "9.2.0", 0, key))
    roll_out(panal, board, file)
    assert outcome(panal, board, "9.2.0") == ("rolled_back", "crash_loop")
    assert runs(panal, board) == "9.1.0"
    assert sorted(path.name for path in board.folder.glob("slot_?")) == ["slot_a", "slot_b"]


def push(board: VirtualBoard, content: bytes, **headers: str) -> tuple[int, str]:
    """As older boards were updated: (status, text) of the board's answer, which may want to be asked again."""
    until(lambda: board.last().get("local"))
    url = board.last()["local"].removesuffix("local") + "django_update_firmware"
    headers.setdefault("X-Device-Key", board.device["token"])
    while True:
        said = len(board.said)
        answer = requests.post(url, files={"firmware": ("firmware.bin", content)}, headers=headers, timeout=60)
        if "Retry-After" not in answer.headers:
            return answer.status_code, answer.text
        until(lambda said=said: "a push is expected" in str(board.said[said:]))


def changed(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


@pytest.mark.parametrize("board", MODELS[:1], indirect=True)
def test_somebody_near_by_pushes_what_is_signed_and_nothing_else(
    panal: Panal, board: VirtualBoard, folder: Path, key: RSAPrivateKey
) -> None:
    file = board.folder / "pushed.panal"
    panal.run("updates", "build", "--board", board.model, "--version", "9.3.0", "--key", f"{folder}/key.pem",
              "--out", str(file))  # fmt: skip
    good = file.read_bytes()
    head = good.index(b"\n")
    for bad in (changed(good, good.index(b"9.3.0")), changed(good, head + 40), changed(good, len(good) - 1), good[:-1]):
        assert push(board, bad) == (500, "Update Failed")
    assert push(board, good, **{"X-Device-Key": "00" * 32})[0] == 401
    assert runs(panal, board) == "9.1.0"
    assert push(board, good) == (200, "Update Success! Rebooting...")
    until(lambda: runs(panal, board) == "9.3.0", WAIT_S, lambda: f"the board said {board.said[-80:]}")
    board.wait_for_log("kept is 9.3.0", WAIT_S)


def test_who_presses_while_a_board_does_nothing_but_update_is_heard_once(panal: Panal, tmp_path: Path) -> None:
    Storage(str(tmp_path)).write("quiet", "!1")
    [device] = panal.mint("wearable-1")
    with VirtualBoard(panal, device, tmp_path, "--radio", json.dumps([ELSEWHERE])) as board:
        board.wait_for_log("started")
        board.press()
        board.wait_for_log("update: put off for the button")
        board.wait_for(queue=1)
        board.do("radio", networks=[HOME])
        board.wait_for(queue=0, link="up")
    query = "SELECT kind FROM care_event WHERE device_id = %s"
    assert panal.rows(query, device["device_id"]) == [("EMERGENCY_BUTTON",)]


def test_who_wants_out_while_a_door_does_nothing_but_update_gets_the_door_back(panal: Panal, tmp_path: Path) -> None:
    Storage(str(tmp_path)).write("quiet", "!1")
    board = VirtualBoard(panal, panal.mint("door-1")[0], tmp_path, "--radio", json.dumps([ELSEWHERE]))
    board.model = "door-1"
    with board:
        board.wait_for_log("started")
        board.do("exit")
        board.wait_for_log("update: put off for the exit")
        board.wait_for(lcd=["WELCOME, INPUT", "PASSWORD OR RFID"])
        board.do("exit")
        board.wait_until_said(lock="unlocked")
