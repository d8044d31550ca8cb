"""Starting one virtual device: its flash folder is made ready, then this process becomes the VM."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

from panal.virtual import build, reboot

TIGHT_KB = 122
CHIP_KB = 132
"""Heaps in which a wearable's firmware has 100 KB, and the 109 of an ESP32 without PSRAM: the simulation outweighs what
drives a real chip by the rest."""


class NotReady(Exception):
    """The device cannot be started; the text says what to do."""


def find_vm() -> Path | None:
    """The 32-bit MicroPython VM that tools/micropython.sh puts into the cache, or None."""
    program = build.cache_folder() / "micropython" / "micropython"
    return program if os.access(program, os.X_OK) else None


def prepare(folder: Path, config: dict[str, object], ca: Path | None) -> None:
    """The flash as the factory leaves it; what the board itself has written stays."""
    folder.mkdir(parents=True, exist_ok=True)
    if ca is not None:
        shutil.copyfile(ca, folder / "ca.pem")
        config = {**config, "ca": "ca.pem"}
    draft = folder / "config.json.new"
    draft.write_text(json.dumps(config), encoding="utf-8")
    draft.chmod(0o600)  # the token is in it
    draft.rename(folder / "config.json")


def _flash_anew(folder: Path, build_name: str) -> None:
    """A device with another build is as if it came from the factory again: its updates were of older sources."""
    mark = folder / "build"
    if mark.exists() and mark.read_text(encoding="ascii") == build_name:
        return
    for name in ("slot_a", "slot_b"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in ("boot.0", "boot.1"):
        (folder / name).unlink(missing_ok=True)
    mark.write_text(build_name, encoding="ascii")


def free_port(kind: socket.SocketKind) -> int:
    """A loopback port for TCP or UDP that nobody has at this moment."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def has_camera(model: str) -> bool:
    """Whether a board of this model has something to look with."""
    path = build.PACKAGE / "board" / "boards" / f"{model.replace('-', '_')}.py"
    return "\nSENSOR = " in path.read_text(encoding="utf-8")


def start_scene(name: str) -> tuple[str, "subprocess.Popen[bytes]"]:
    """Begin what a camera sees, in a process that ends with the device that this one becomes; the device's option."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        command = [sys.executable, "-m", "panal.virtual.scene", f"--fd={listening.fileno()}", f"--parent={os.getpid()}"]
        process = subprocess.Popen(  # noqa: S603
            [*command, "--name", name],
            pass_fds=[listening.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # else whoever listens to the device would wait for it too
        )
        return f"--scene={listening.getsockname()[1]}", process


def run(folder: Path, vm: str, *options: str) -> NoReturn:
    """Become the device. `vm`: micropython or cpython. Raises NotReady."""
    arguments = [
        str(folder.resolve()),
        f"--ports={free_port(socket.SOCK_STREAM)},{free_port(socket.SOCK_DGRAM)}",
        *options,
    ]
    if vm == "cpython":
        os.execv(sys.executable, [sys.executable, "-m", reboot.MODULE, *arguments])  # noqa: S606
    program = find_vm()
    if program is None:
        raise NotReady("The MicroPython VM is not here. Run tools/micropython.sh once, or add --vm cpython.")
    os.chdir(build.build())
    _flash_anew(folder, Path.cwd().name)
    words = [str(program), "-X", reboot.heap_for(arguments), "-m", reboot.MODULE, *arguments, f"--vm={program}"]
    os.execv(program, words)  # noqa: S606
