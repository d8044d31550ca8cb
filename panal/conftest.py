"""The same test files in a second interpreter: see panal/virtual/collect.py."""

from pathlib import Path

import pytest

from panal.virtual import collect


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Pure tests run twice: here as every test does, and once more in the MicroPython VM."""
    return collect.VmFile.from_parent(parent, path=file_path) if collect.is_pure(file_path) else None
