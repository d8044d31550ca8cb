"""One server for one data folder: two would end each other's broker and write into one store."""

import fcntl
import os
from pathlib import Path

from .refusals import refuse


def hold(folder: Path) -> None:
    """From here on, until this process ends in whatever way, no other server uses the folder.

    The kernel lets go of it, so a kill leaves nothing behind. The broker, a program of its own, does not inherit it.
    """
    try:
        descriptor = os.open(folder / "server.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        refuse(f"{folder} cannot be written ({error.strerror}): give it to this user, or give --data another folder.")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = os.pread(descriptor, 20, 0).decode(errors="replace").strip()
        os.close(descriptor)
        refuse(f"Another server uses {folder} (pid {pid}): stop it, or give --data another folder.")
    except OSError:
        return  # some file systems of a network have no locks: there it is the operator's to see to
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
