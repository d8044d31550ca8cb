"""The factory's commands: labels that a phone can read, secrets in a file, firmware, and what is written to a board."""

import hashlib
import inspect
import json
import stat
import subprocess
import sys
from contextlib import chdir
from importlib import import_module
from pathlib import Path

import pypdfium2
import pytest
import zxingcpp
from typer.testing import CliRunner

from panal import firmware
from panal.board import config as board_config
from panal.cells.devices.catalog import MODELS, Model
from panal.cells.devices.models import Device
from panal.cli import board
from panal.cli import device as device_cli
from panal.cli import flash as flash_cli
from panal.cli import virtual as virtual_cli
from panal.settings import load

URL = "https://panal.example.com"
MINT = ("mint", "--model", "wearable-1")


@pytest.fixture
def panal(monkeypatch, db):
    """Runs `panal device …` on the test's own database."""
    for module in (device_cli, flash_cli):
        monkeypatch.setattr(module, "django_with", lambda **_: load())
    return lambda *words, **more: CliRunner().invoke(device_cli.app, [str(word) for word in words], **more)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("built") / "one"
    board.built("wearable-1", folder)
    return folder


def test_a_command_that_takes_a_model_names_those_that_there_is_firmware_for():
    made = ", ".join(model.code for model in MODELS.values() if model.pins)
    for command in (device_cli.mint, board.build, virtual_cli.run):
        assert made in inspect.get_annotations(command)["model"].__metadata__[0].help, command


def test_a_virtual_device_of_no_model_is_refused_with_their_names():
    words = ("run", "--model", "lights-older", "--id", "A", "--token", "b", "--server", URL)
    done = CliRunner().invoke(virtual_cli.app, words)
    made = ", ".join(model.code for model in MODELS.values() if model.pins)
    assert (done.exit_code, done.output) == (2, f"panal: lights-older is not one of {made}.\n")


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


def text_of(page):
    pages = page.get_textpage()
    try:
        return pages.get_text_range()
    finally:
        pages.close()


def read(path):
    """Texts and QR codes of every page of a PDF, as a reader and a camera see them."""
    document = pypdfium2.PdfDocument(path)
    try:
        pages = list(document)
        codes = [zxingcpp.read_barcodes(page.render(scale=4).to_pil()) for page in pages]
        return [text_of(page) for page in pages], [{code.text for code in found} for found in codes]
    finally:
        document.close()


@pytest.mark.parametrize("size", ["63x38", "99x57", "105x74"])
@pytest.mark.parametrize(("language", "words"), [("es", "Código de vinculación"), ("en", "Claim code")])
def test_a_camera_reads_every_label(panal, tmp_path, size, language, words):
    labels, secrets = tmp_path / "l.pdf", tmp_path / "s.json"
    options = ("--labels", labels, "--secrets", secrets, "--url", URL, "--size", size, "--language", language)
    done = panal(*MINT, "--count", 23, *options)
    assert done.exit_code == 0, done.output
    texts, codes = read(labels)
    minted = json.loads(secrets.read_text())
    wanted = {f"{URL}/claim/{one['device_id']}#{one['claim_code']}" for one in minted}
    wanted |= {f"WIFI:T:WPA;S:RackON_{one['device_id']};P:{one['ap_password']};;" for one in minted}
    assert set().union(*codes) == wanted
    assert words in texts[0] and all(one["device_id"] in "".join(texts) for one in minted)


def test_secrets_are_written_for_their_owner_only_and_not_printed(panal, tmp_path):
    path = tmp_path / "s.json"
    done = panal(*MINT, "--count", 3, "--secrets", path, "--labels", tmp_path / "l.pdf", "--url", URL)
    minted = json.loads(path.read_text())
    assert (mode_of(path), mode_of(tmp_path / "l.pdf"), len(minted)) == (0o600, 0o600, 3)
    assert not [secret for one in minted for secret in (one["token"], one["claim_code"]) if secret in done.output]


@pytest.mark.parametrize("option", ["--secrets", "--labels"])
def test_what_is_there_is_never_overwritten(panal, tmp_path, option):
    path = tmp_path / "there"
    path.write_text("the only copy")
    done = panal(*MINT, option, path, "--url", URL)
    assert (done.exit_code, "exists already" in done.output, path.read_text()) == (1, True, "the only copy")
    assert not Device.objects.exists()


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (["--labels", "{}/l.pdf"], "PANAL_PUBLIC_URL"),
        (["--labels", "{}/l.pdf", "--url", URL, "--size", "1x1"], "63x38"),
        (["--labels", "{}/l.pdf", "--url", URL, "--language", "fr"], "es, en"),
        (["--secrets", "{}/no/such/folder"], "cannot be written"),
    ],
)
def test_what_cannot_be_written_mints_nothing(panal, tmp_path, wrong, sentence):
    done = panal(*MINT, *(word.format(tmp_path) for word in wrong))
    assert (done.exit_code, sentence in done.output) == (1, True)
    assert not Device.objects.exists() and not list(tmp_path.iterdir())


def test_a_refused_batch_leaves_no_file(panal, device, tmp_path):
    done = panal(*MINT, "--id", device.pk, "--secrets", tmp_path / "s.json")
    assert done.exit_code == 1 and not list(tmp_path.iterdir())


# firmware


def files_of(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_sources_give_the_same_bytes(built, tmp_path):
    again = tmp_path / "another" / "folder" / "somewhere"
    done = subprocess.run(  # another process, another hash seed, another folder
        [sys.executable, "-m", "panal", "board", "build", "--model", "wearable-1", "--out", again],
        cwd=tmp_path,
        env={"PYTHONPATH": str(firmware.ROOT), "PYTHONHASHSEED": "7"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert files_of(again) == files_of(built)
    assert json.loads((built / "manifest.json").read_text())["sha256"] in done.stdout


def test_the_manifest_says_what_is_there(built):
    manifest = json.loads((built / "manifest.json").read_text())
    assert {file["path"] for file in manifest["files"]} == set(files_of(built)) - {"manifest.json"}
    names = set(files_of(built))
    assert {"panal/cells/care/device.mpy", "panal/board/boards/wearable_1.mpy", "panal/board/main.mpy"} <= names
    assert not [name for name in names if name.endswith(".py") and name != "main.py"]


def test_a_model_carries_its_own_cells_and_pins_only():
    names = {path.relative_to(firmware.PACKAGE).as_posix() for path in firmware.sources_for("no_such", {"care"})}
    assert "cells/devices/device.py" in names
    assert not names & {"cells/care/device.py", "cells/care/machine.py", "board/boards/wearable_1.py"}


def test_a_build_replaces_a_build_and_nothing_else(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    done = CliRunner().invoke(board.app, ["build", "--model", "wearable-1", "--out", str(tmp_path)])
    assert (done.exit_code, (tmp_path / "thesis.txt").exists()) == (1, True)


@pytest.mark.parametrize(("model", "sentence"), [("toaster-9", "is not one of"), ("toaster-1", "not made yet")])
def test_what_cannot_be_built_is_said(tmp_path, monkeypatch, model, sentence):
    monkeypatch.setitem(MODELS, "toaster-1", Model("toaster-1", "Toaster", "esp32", (), "cpu"))
    done = CliRunner().invoke(board.app, ["build", "--model", model, "--out", str(tmp_path / "x")])
    assert (done.exit_code, sentence in done.output) == (1, True)


@pytest.mark.parametrize("model", [model for model in MODELS.values() if model.pins], ids=lambda model: model.code)
def test_the_board_and_the_catalogue_say_the_same(model):
    pins = import_module(f"panal.board.boards.{model.pins}")
    assert (model.cells, model.access_point) == (pins.CELLS, pins.ACCESS_POINT)
    assert model.pins == model.code.replace("-", "_")  # as the board finds it


# flashing

PORT = "/dev/no-such-port"


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "image.bin"
    path.write_bytes(b"not really MicroPython")
    return path


def test_a_dry_run_makes_the_files_and_prints_the_commands(panal, minted, image, tmp_path):
    out = tmp_path / "out"
    options = ("--server", "http://10.0.0.7:6971", "--firmware", image, "--out", out, "--dry-run")
    done = panal("flash", "--port", PORT, "--id", minted.device_id, *options)
    assert done.exit_code == 0, done.output
    said = done.output.replace(f"{sys.executable} -m ", "").splitlines()
    names = {path.name for path in (out / "flash").iterdir()} - {"slot_a", "flash", "manifest.json"}
    top = " ".join(f"{out}/flash/{name}" for name in sorted(names))
    assert {"main.py", "config.json"} <= names
    assert said[2:] == [
        f"esptool --chip esp32 --port {PORT} --baud 460800 erase-flash",
        f"esptool --chip esp32 --port {PORT} --baud 460800 write-flash 0x1000 {image}",
        f"mpremote connect {PORT} sleep 3 fs cp -r {out}/flash/flash {out}/flash/slot_a :",
        f"mpremote connect {PORT} fs cp {top} :",
        f"mpremote connect {PORT} run {out}/provision.py",
        f"mpremote connect {PORT} reset",
    ]
    assert said[1].endswith(hashlib.sha256(image.read_bytes()).hexdigest())
    assert Device.objects.get().flashed_at is None


def test_no_secret_is_on_the_boards_files_or_on_a_command_line(panal, minted, tmp_path):
    out = tmp_path / "out"
    done = panal(
        "flash", "--port", PORT, "--id", minted.device_id, "--server", "http://10.0.0.7", "--out", out, "--dry-run"
    )
    stored = {name: content for name, content in files_of(out).items() if minted.token.encode() in content}
    assert set(stored) == {"provision.py"} and mode_of(out / "provision.py") == 0o600 and mode_of(out) == 0o700
    assert minted.token not in done.output and minted.ap_password not in done.output
    config = json.loads((out / "flash" / "config.json").read_text())
    assert (config["device_id"], config["provisioned"], config["wifi_password"]) == (minted.device_id, False, "")


def test_what_is_fitted_to_this_board_is_in_its_configuration(panal, minted, tmp_path):
    options = ("--port", PORT, "--id", minted.device_id, "--server", "http://10.0.0.7", "--dry-run")
    fitted = ("--set", "buzzer=true", "--set", "transport=ws", "--set", "heartbeat_s=60", "--set", "ntp=")
    assert panal("flash", *options, "--out", tmp_path / "out", *fitted).exit_code == 0
    config = json.loads((tmp_path / "out" / "flash" / "config.json").read_text())
    assert (config["buzzer"], config["transport"], config["heartbeat_s"], config["ntp"]) == (True, "ws", 60, "")
    parsed = board_config.parse(config | {"token": minted.token}, bytes(6))
    assert (parsed["buzzer"], parsed["display"]) == (True, "")


@pytest.mark.parametrize(
    "setting",
    ["", "buzzer", "buzzer=1", "buzzer=yes", "colour=red", "token=00", "transport=lora", "display=oled",
     "heartbeat_s=-1", "heartbeat_s=0", "heartbeat_s=true", "heartbeat_s=1e99", "command_wait_s=[]"],
)  # fmt: skip
def test_what_no_board_takes_is_refused(panal, minted, tmp_path, setting):
    options = ("--port", PORT, "--id", minted.device_id, "--server", "http://10.0.0.7", "--dry-run")
    done = panal("flash", *options, "--out", tmp_path / "out", "--set", setting)
    assert done.exit_code == 1 and not (tmp_path / "out").exists()
    assert "Traceback" not in done.output


def test_what_the_board_runs_stores_the_secrets_and_starts_in_the_first_slot(panal, minted, tmp_path):
    """As the board runs it, on a storage of our own."""
    stored = {}

    class Nvs:
        def __init__(self, space):
            stored["space"] = space

        set_blob = staticmethod(stored.__setitem__)
        commit = staticmethod(lambda: None)

    module = type(sys)("esp32")
    module.NVS = Nvs
    sys.modules["esp32"] = module
    try:
        (tmp_path / "boot.1").write_text("another slot")
        with chdir(tmp_path):
            exec(flash_cli.provision(flash_cli.Secrets(minted.token, minted.ap_password)), {"print": str})
    finally:
        del sys.modules["esp32"]
    assert stored == {"space": "panal", "token": minted.token.encode(), "ap_password": minted.ap_password.encode()}
    assert not list(tmp_path.iterdir())


def test_a_board_that_is_not_there_is_not_flashed(panal, minted, tmp_path):
    done = panal("flash", "--port", PORT, "--id", minted.device_id, "--server", "http://10.0.0.7")
    assert (done.exit_code, "It stopped at" in done.output) == (1, True)
    assert Device.objects.get().flashed_at is None


@pytest.mark.parametrize("content", ["no json", "[]", '[{"device_id": "WEAR2345"}]', '{"a": 1}'])
def test_a_wrong_file_of_secrets_is_refused(panal, minted, tmp_path, content):
    (tmp_path / "s.json").write_text(content)
    options = ("--secrets", tmp_path / "s.json", "--server", "http://10.0.0.7", "--out", tmp_path / "out", "--dry-run")
    done = panal("flash", "--port", PORT, "--id", minted.device_id, *options)
    assert done.exit_code == 1 and not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [("n\n", "Nothing was burnt"), ("y\nANOTHER1\n", "Nothing was burnt"), ("y\nWEAR2345\n", "burn-key-digest")],
)
def test_fuses_are_asked_about_twice(panal, minted, image, tmp_path, answers, sentence):
    options = ("--server", "http://10.0.0.7", "--firmware", image, "--signing-key", image, "--out", tmp_path / "out")
    done = panal("flash", "--port", PORT, "--id", "WEAR2345", *options, "--dry-run", "--secure", input=answers)
    assert sentence in done.output and "can never be undone" in done.output
    assert done.exit_code == (0 if answers.endswith("WEAR2345\n") else 1)


def test_the_fuses_are_named_as_the_tool_knows_them(tmp_path):
    """On the chip that espefuse itself simulates; its revision is too old for the digest, which it says."""
    commands = flash_cli.fuse_commands(PORT, tmp_path, Path("/no/key"))
    (tmp_path / "flash").mkdir()
    subprocess.run(commands[1], check=True, capture_output=True)
    for command in (commands[3], commands[4]):
        virtual = [*command[:5], "--virt", "--path-efuse-file", str(tmp_path / "fuses"), *command[7:]]
        done = subprocess.run(virtual, capture_output=True, text=True)
        assert done.returncode == 0 and "Successful" in done.stdout, done.stdout + done.stderr
