"""CPython made narrower for the firmware, so that what passes here has a chance on a board.

Firmware modules may import only what MicroPython has, see dicts out of JSON in no particular order, and get hashes
without `hexdigest`. Everybody else sees the whole of Python. `python -m panal.virtual.strict FILE` runs a file of tests
like this.
"""

import builtins
import hashlib
import json
import random
import sys
import types
from collections.abc import Callable
from fnmatch import fnmatch
from typing import Any

ALLOWED = frozenset(
    "array asyncio binascii camera collections cryptography cryptolib errno esp32 framebuf gc hashlib io json machine"
    " math micropython network os panal socket ssl struct sys time tls".split()
)
"""Modules that ESP32 firmware has and ours uses, `camera` in a camera's image only. CPython says
`ssl` for `tls`, `cryptography` for `cryptolib`."""

FIRMWARE = (
    "panal.protocol.*",
    "panal.board.*",
    "panal.cells.*.messages",
    "panal.cells.*.machine",
    "panal.cells.*.device",
    "panal.cells.updates.trial",
    "panal.cells.access.rules",
    "panal.cells.care.classic",
    "panal.cells.care.detector",
    "panal.cells.care.posture",
    "panal.cells.care.settings",
    "panal.cells.care.windows",
    "panal.cells.access.roster",
    "panal.cells.lights.sun",
    "panal.cells.lights.timetable",
)
FORBIDDEN_NAMES = frozenset(
    "ConnectionError ConnectionResetError ConnectionRefusedError BrokenPipeError TimeoutError FileNotFoundError"
    " FileExistsError PermissionError UnicodeDecodeError UnicodeEncodeError vars breakpoint aiter anext"
    " __doc__ __annotations__ __init_subclass__ __cause__".split()
)
FORBIDDEN_METHODS = frozenset(
    "removeprefix removesuffix zfill ljust rjust isalnum isascii isidentifier isdecimal isnumeric casefold swapcase"
    " expandtabs translate maketrans hexdigest bit_length bit_count monotonic strftime strptime findall finditer"
    " shuffle sample readuntil with_traceback".split()
)
FORBIDDEN_IN_ASYNCIO = frozenset(
    "Queue PriorityQueue Semaphore TaskGroup Runner Future Timeout timeout timeout_at shield wait as_completed"
    " to_thread get_running_loop all_tasks iscoroutine ensure_future".split()
)
"""Names that CPython has and MicroPython 1.25 has not; `asyncio.TimeoutError` is there as a class of its own."""


def is_firmware(module: str) -> bool:
    return any(fnmatch(module, pattern) for pattern in FIRMWARE) and ".tests" not in module


def install() -> None:
    """From now on; modules that are imported already stay as they are."""
    builtins.__import__ = _narrow(builtins.__import__)


def _narrow(plain: Callable[..., Any]) -> Callable[..., Any]:
    replaced = {"json": _json(), "hashlib": _hashlib()}

    def narrow(name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
        importer = (globals or {}).get("__name__", "")
        if level == 0 and is_firmware(importer):
            if name.split(".")[0] not in ALLOWED:
                raise ImportError(f"no module named {name!r} on a board")
            if name in replaced:
                return replaced[name]
        return plain(name, globals, locals, fromlist, level)

    return narrow


def _json() -> types.ModuleType:
    """loads and dumps that keep no order, and know no option but `separators`."""
    module = types.ModuleType("json")

    def loads(text: str | bytes) -> Any:
        return json.loads(text, object_pairs_hook=_shuffled)

    def dumps(value: Any, separators: tuple[str, str] | None = None) -> str:
        return json.dumps(_reordered(value), separators=separators, ensure_ascii=False)

    module.loads, module.dumps = loads, dumps  # type: ignore[attr-defined]
    module.load = lambda file: loads(file.read())  # type: ignore[attr-defined]
    return module


def _shuffled(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    whole = dict(pairs)
    return dict(random.sample(list(whole.items()), len(whole)))


def _reordered(value: Any) -> Any:
    if isinstance(value, dict):
        return _shuffled([(key, _reordered(item)) for key, item in value.items()])
    return [_reordered(item) for item in value] if isinstance(value, list | tuple) else value


class _Hash:
    _make: Any = None

    def __init__(self, data: bytes = b"") -> None:
        self._hash: Any = self._make(data)

    def update(self, data: bytes) -> None:
        self._hash.update(data)

    def digest(self) -> bytes:
        """Once: MicroPython's hash is over after it."""
        digest: bytes = self._hash.digest()
        self._hash = None
        return digest


def _hashlib() -> types.ModuleType:
    module = types.ModuleType("hashlib")
    for name in ("sha1", "sha256"):
        setattr(module, name, type(name, (_Hash,), {"_make": staticmethod(getattr(hashlib, name))}))
    return module


def main(path: str) -> None:
    import unittest
    from importlib.util import module_from_spec, spec_from_file_location

    install()
    spec = spec_from_file_location("tests_under_strict", path)
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    unittest.main(module, argv=["strict"])


if __name__ == "__main__":
    main(sys.argv[1])
