"""Which of two versions is the newer one."""

from panal.cells.devices.fleet import version


def is_newer(one: str, other: str) -> bool:
    """1.10.0 is newer than 1.9, and 1.10.0 than 1.10.0-rc1. What names no number is older than all that do."""
    return place(one) > place(other)


def place(text: str) -> tuple[tuple[int, ...], bool]:
    """Where a version stands among others."""
    return version(text), "-" not in text
