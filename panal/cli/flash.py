"""`panal device flash`: firmware, configuration and secrets onto a board, by esptool and mpremote."""

import hashlib
import json
import os
import shlex
import subprocess
import sys
import tempfile
from base64 import b64encode
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from panal.firmware import MANIFEST

from .board import built
from .refusals import refusals, refuse
from .start import Data, django_with

BAUD = "460800"
CHIPS = {"esp32-s3-cam": ("esp32s3", "0x0")}
"""Chip, and where its image begins; every other board has this one."""
ESP32 = ("esp32", "0x1000")
BOOT_S = "3"
"""A board that was erased makes its file system when it starts first."""
DAY_S = 86_400
NVS_SPACE = "panal"
KEYS = "update.pub"
FITTED = ("transport", "tls_name", "plain_public", "heartbeat_s", "command_wait_s", "ntp", "buzzer", "display")
"""What `--set` takes of panal/board/config.py: what is fitted to one board and not to another, and how it speaks."""
DISPLAYS = ("", "lcd1602", "ili9342")

IRREVERSIBLE = """\
These steps burn fuses of the chip and can never be undone. They lock out whoever reads the flash, if the image was
built with ESP-IDF's secure boot V2 and flash encryption (release mode) and signed with the same key. A board with any
other image, the stock MicroPython among them, never starts again. Lose the signing key, and no board takes an image
any more. The chip must be an ESP32 of revision 3 or newer."""

Command = list[str]


class Secrets(NamedTuple):
    """What goes into the board's non-volatile storage; neither a file nor a command line on the board holds it."""

    token: str
    ap_password: str


def flash(
    port: Annotated[str, typer.Option(help="Where the board is plugged in: /dev/ttyUSB0.")],
    id: Annotated[str, typer.Option("--id", help="Which device the board becomes.")],
    server: Annotated[str, typer.Option(help="http(s)://host:port of this server; else PANAL_PUBLIC_URL.")] = "",
    mqtt: Annotated[str, typer.Option(help="The broker, host:port; else the server's host.")] = "",
    stream: Annotated[str, typer.Option(help="A camera's stream port, host:port; else the server's host, 6972.")] = "",
    ca: Annotated[Path | None, typer.Option(help="The CA (PEM) it trusts, for TLS.", exists=True)] = None,
    fitted: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help=f"buzzer=true; of {', '.join(FITTED)}.")
    ] = None,
    firmware: Annotated[
        Path | None, typer.Option(help="MicroPython's image; the board is erased first. None: it has one.", exists=True)
    ] = None,
    secrets: Annotated[
        Path | None, typer.Option(help="The file of `panal device mint --secrets`; else the vault.", exists=True)
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Keep the files in this new folder.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Make the files, print the commands, run none.")] = False,
    secure: Annotated[bool, typer.Option("--secure", help="Burn the chip's fuses. For ever. Asks twice.")] = False,
    signing_key: Annotated[
        Path | None, typer.Option(help="With --secure: the public or private key (PEM) of the image.", exists=True)
    ] = None,
    data: Data = None,
) -> None:
    """Write MicroPython, our firmware, config.json and the secrets onto a board, and mark the device flashed."""
    if dry_run and out is None:
        refuse("With --dry-run say where the files go: --out FOLDER.")
    if secure and (firmware is None or signing_key is None):
        refuse("--secure needs the image and the key it is signed with: --firmware FILE --signing-key FILE.")
    settings = django_with(data=data)
    device = _device(id)
    found = _secrets(device, secrets)
    config = _checked(_config(device, server or settings.public_url, mqtt, stream, ca) | _fitted(fitted or []))
    with ExitStack() as cleaning:
        folder = _new_folder(out) if out else Path(cleaning.enter_context(tempfile.TemporaryDirectory()))
        make_files(folder, device.model_code, config, found, ca)
        fuses = fuse_commands(port, folder, signing_key) if secure and signing_key else []
        commands = [*fuses, *flash_commands(port, folder, firmware, device.model.board)]
        _tell(firmware, commands)
        if secure:
            _ask_twice(id, fuses)
        if not dry_run:
            run_all(commands)
            _mark(device)


def _device(id: str) -> Any:
    from panal.cells.devices.models import Device, State

    device = Device.objects.filter(pk=id).exclude(state=State.REVOKED).first()
    if device is None:
        refuse(f"There is no device {id}. Make it first: panal device mint --model wearable-1.")
    return device


def _secrets(device: Any, path: Path | None) -> Secrets:
    """From the factory's file, or from the vault where no file is given."""
    from panal.cells.devices import queries
    from panal.control import vault
    from panal.protocol import keys

    if path is None:
        sealed, context = bytes(device.ap_password_encrypted), f"ap_password:{device.pk}"
        return Secrets(queries.token_of(device), vault.unseal(sealed, context) if sealed else "")
    entry = next((entry for entry in _entries(path) if entry["device_id"] == device.pk), None)
    if entry is None:
        refuse(f"{path} knows nothing of {device.pk}.")
    if keys.token_hash(entry["token"]) != bytes(device.token_sha256):
        refuse(f"{path} has an old token of {device.pk}: leave --secrets out.")
    return Secrets(entry["token"], entry["ap_password"])


def _entries(path: Path) -> list[dict[str, str]]:
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        return [{name: str(entry[name]) for name in ("device_id", "token", "ap_password")} for entry in entries]
    except (OSError, ValueError, KeyError, TypeError):
        refuse(f"{path} is not a file of `panal device mint --secrets`.")


def _config(device: Any, server: str, mqtt: str, stream: str, ca: Path | None) -> dict[str, object]:
    """config.json as it leaves the factory: no network, no secret."""
    if not server.startswith(("http://", "https://")):
        refuse("The board needs its server's address: give --server https://… or set PANAL_PUBLIC_URL.")
    if server.startswith("https://") and ca is None:
        refuse("A board checks the certificate of its server: give the CA's certificate with --ca FILE.")
    return {
        "device_id": device.pk,
        "model": device.model_code,
        "server": server.rstrip("/"),
        "mqtt": mqtt,
        "stream": stream,
        "ca": "ca.pem" if ca else "",
        "access_point": device.model.access_point_of(device.pk),
        "provisioned": False,
        "wifi_ssid": "",
        "wifi_password": "",
    }


def _fitted(settings: list[str]) -> dict[str, object]:
    """What `--set` says, of the type that the board expects."""
    from panal.board.config import DEFAULTS

    usual, found = dict(DEFAULTS), dict[str, object]()
    for setting in settings:
        name, _, text = setting.partition("=")
        if name not in FITTED:
            refuse(f"A board has no setting {name}; there are {', '.join(FITTED)}.")
        value = text if isinstance(usual[name], str) else _json(text)
        if type(value) is not type(usual[name]) or not _is_known(name, value):
            refuse(f"{setting} is not what a board takes: see docs/factory.md.")
        found[name] = value
    return found


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _is_known(name: str, value: Any) -> bool:
    if isinstance(value, str):
        return name != "display" or value in DISPLAYS
    return bool(0 <= value <= DAY_S)


def _checked(config: dict[str, object]) -> dict[str, object]:
    """By the board's own check: what that refuses would never start."""
    from panal.board.config import BadConfig, parse

    try:
        parse(config | {"token": "0" * 64}, bytes(6))
    except BadConfig as error:
        refuse(f"The board would not start: {error}.")
    return config


def _new_folder(path: Path) -> Path:
    try:
        path.mkdir(mode=0o700, parents=True)
    except OSError as error:
        refuse(f"{path} cannot be made: {error.strerror}. The files hold secrets: name a new folder.")
    return path


def make_files(folder: Path, model: str, config: dict[str, object], secrets: Secrets, ca: Path | None) -> None:
    """`flash`: what goes onto the board's file system. `provision.py`: run once in its memory, never stored there."""
    manifest = built(model, folder / "flash")
    (folder / "flash" / "slot_a").mkdir()
    (folder / "flash" / "panal").rename(folder / "flash" / "slot_a" / "panal")
    typer.echo(f"firmware: {len(manifest['files'])} files, sha256 {manifest['sha256']}")
    (folder / "flash" / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    own = folder / "flash" / "flash"  # where the firmware keeps its files
    own.mkdir()
    (own / KEYS).write_text(update_keys(), encoding="ascii")
    if ca is not None:
        (own / "ca.pem").write_bytes(ca.read_bytes())
    descriptor = os.open(folder / "provision.py", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(provision(secrets))


def update_keys() -> str:
    """The keys whose releases the board takes, as it reads them (panal/cells/updates/device.py)."""
    from panal.cells.updates.models import ReleaseKey

    keys = ReleaseKey.objects.filter(retired_at=None).order_by("pk")
    return "".join(b64encode(bytes(key.modulus)).decode() + "\n" for key in keys)


def provision(secrets: Secrets) -> str:
    """What the board runs to keep its secrets, and to forget which slot an earlier life of it had chosen."""
    stored = [f"nvs.set_blob({name!r}, {value.encode()!r})" for name, value in secrets._asdict().items()]
    forget = ["import os", "for name in ('boot.0', 'boot.1'):", " if name in os.listdir():", "  os.remove(name)"]
    return "\n".join(
        ["import esp32", f"nvs = esp32.NVS({NVS_SPACE!r})", *stored, "nvs.commit()", *forget, "print('stored')", ""]
    )


def flash_commands(port: str, folder: Path, firmware: Path | None, board: str = "") -> list[Command]:
    chip, image_at = CHIPS.get(board, ESP32)
    esptool = [sys.executable, "-m", "esptool", "--chip", chip, "--port", port, "--baud", BAUD]
    mpremote = [sys.executable, "-m", "mpremote", "connect", port]
    files = sorted(path for path in (folder / "flash").iterdir() if path.is_file() and path.name != MANIFEST)
    folders = sorted(path for path in (folder / "flash").iterdir() if path.is_dir())
    image = [[*esptool, "erase-flash"], [*esptool, "write-flash", image_at, str(firmware)]] if firmware else []
    return [
        *image,
        [*mpremote, "sleep", BOOT_S, "fs", "cp", "-r", *map(str, folders), ":"],
        [*mpremote, "fs", "cp", *map(str, files), ":"],
        [*mpremote, "run", str(folder / "provision.py")],
        [*mpremote, "reset"],
    ]


def fuse_commands(port: str, folder: Path, signing_key: Path) -> list[Command]:
    """The chip's own key for its flash, the digest of the key that signs images, and no way in by JTAG."""
    espefuse = [sys.executable, "-m", "espefuse", "--chip", "esp32", "--port", port]
    burn, key = [*espefuse, "--do-not-confirm"], str(folder / "flash-encryption.key")
    return [
        [*espefuse, "summary"],
        [sys.executable, "-m", "espsecure", "generate-flash-encryption-key", key],
        [*burn, "burn-key-digest", str(signing_key)],  # first: a chip that is too old refuses it, and nothing is burnt
        [*burn, "burn-key", "flash_encryption", key],
        [*burn, "burn-efuse", "JTAG_DISABLE", "1"],
    ]


def _tell(firmware: Path | None, commands: list[Command]) -> None:
    if firmware is not None:
        typer.echo(f"MicroPython: {firmware}, sha256 {hashlib.sha256(firmware.read_bytes()).hexdigest()}")
    for command in commands:
        typer.echo(shlex.join(command))


def _ask_twice(id: str, fuses: list[Command]) -> None:
    typer.echo(f"\n{IRREVERSIBLE}\n")
    for number, command in enumerate(fuses, 1):
        typer.echo(f"  {number}. {shlex.join(command[2:])}")
    if not typer.confirm("Burn these fuses?"):
        refuse("Nothing was burnt, and nothing was written.")
    if typer.prompt("Type the id of the device to do it") != id:
        refuse("That is another id. Nothing was burnt, and nothing was written.")


def run_all(commands: list[Command]) -> None:
    for command in commands:
        if subprocess.run(command, check=False).returncode:  # noqa: S603
            refuse(f"It stopped at: {shlex.join(command)}")


def _mark(device: Any) -> None:
    from panal.cells.accounts.actor import system
    from panal.cells.devices.actions import mark_flashed

    with refusals():
        mark_flashed(device=device, actor=system("panal device flash"))
    typer.echo(f"{device.pk} is flashed.")
