"""tools/setup.py: what is done once is not done again, and what changed is."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

PROGRAM = Path(__file__).parents[2] / "tools" / "setup.py"


@pytest.fixture
def setup(tmp_path: Path) -> ModuleType:
    """The program, with a working copy of its own."""
    spec = importlib.util.spec_from_file_location("panal_setup", PROGRAM)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.ROOT, module.VENV = tmp_path, tmp_path / ".venv"  # type: ignore[attr-defined]
    module.STAMPS = module.VENV / ".stamps"  # type: ignore[attr-defined]
    module.VENV.mkdir()
    return module


def test_a_step_is_done_once_for_the_same_content(setup: ModuleType, tmp_path: Path) -> None:
    lock = tmp_path / "a.lock"
    lock.write_text("one")
    assert not setup.stamped("a", [lock])
    setup.stamp("a", [lock])
    assert setup.stamped("a", [lock])


def test_a_step_is_done_again_when_its_content_changes_and_not_when_its_date_does(
    setup: ModuleType, tmp_path: Path
) -> None:
    lock = tmp_path / "a.lock"
    lock.write_text("one")
    setup.stamp("a", [lock])
    lock.touch()
    assert setup.stamped("a", [lock])
    lock.write_text("two")
    assert not setup.stamped("a", [lock])


def test_a_copied_environment_is_not_trusted(setup: ModuleType, tmp_path: Path) -> None:
    lock = tmp_path / "a.lock"
    lock.write_text("one")
    setup.stamp("a", [lock])
    setup.VENV = tmp_path / "elsewhere"
    assert not setup.stamped("a", [lock])


def test_what_fails_says_which_command_and_why(setup: ModuleType) -> None:
    with pytest.raises(SystemExit) as stopped:
        setup.run(sys.executable, "-c", "import sys; sys.exit('no space')", quiet=True)
    assert "no space" in str(stopped.value)


def test_without_root_a_missing_program_is_one_sentence(setup: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup.os, "geteuid", lambda: 1000)
    with pytest.raises(SystemExit, match="sudo apt-get install chromium"):
        setup.debian_install("chromium", "chromium")


def test_it_needs_nothing_but_the_standard_library() -> None:
    done = subprocess.run([sys.executable, "-I", "-S", PROGRAM], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
