"""Keys that the server makes for itself: 256 random bits as hex in a file only its owner may read."""

import os
import secrets
from pathlib import Path

from panal.settings import SettingsError

LENGTH = 64
LEAST = 32  # of a key that the operator gave: 128 bits as hex


def text_of(path: Path) -> str:
    """The key in this file; made on the first call. Raises SettingsError when it is not whole."""
    try:
        key = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return _make(path)
    except UnicodeDecodeError:
        key = ""
    except OSError as error:
        raise SettingsError(f"{path} cannot be read ({error.strerror}): give it to the user that runs Panal.") from None
    if len(key) < LENGTH:  # a disk that was full or a copy that broke off
        raise SettingsError(f"{path} is not whole: restore it from the backup, nothing it has sealed opens without it.")
    return key


def given(key: str, setting: str) -> str:
    """The key in a setting, "" where none is given. Raises SettingsError when it is too short to keep a secret."""
    if key and len(key) < LEAST:
        raise SettingsError(f"{setting} is shorter than {LEAST} characters: make one by `openssl rand -hex 32`.")
    return key


def _make(path: Path) -> str:
    """Written aside and linked into place, so that two processes starting at once agree on one key."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(secrets.token_hex(LENGTH // 2))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(aside, path)
    except FileExistsError:
        pass
    finally:
        aside.unlink()
    return path.read_text(encoding="ascii").strip()
