"""Backup and restore of a data folder, while the server runs: needs nothing but Python's standard library.

    python3 deploy/backup.py backup DATA FILE.tar.gz      then check it: list FILE.tar.gz
    python3 deploy/backup.py restore FILE.tar.gz DATA     into a folder that does not exist yet

The file holds the database and every key: whoever has it has every device's token. It is made with mode 0600.
Pictures and films of cameras are left out: they are large, and their files never change, so `rsync` keeps up with them.
With PostgreSQL, where DATABASE_URL or DATABASE_URL_FILE is set as for the server, `pg_dump` writes the database into
it, and `restore` says how to load it.
What is not in it: the broker's store, which holds only messages on their way; boards send them again.
"""

import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
from contextlib import closing
from pathlib import Path
from typing import IO, cast
from urllib.parse import unquote, urlsplit

DATABASE = "panal.sqlite3"
DUMP = "database.pgdump"
LEFT_OUT = {"nats", "virtual", "images", "clips", "films", DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm"}
USAGE = "usage: backup.py backup DATA FILE.tar.gz | list FILE.tar.gz | restore FILE.tar.gz DATA"


def backup(data: Path, target: Path) -> None:
    if not data.is_dir():
        sys.exit(f"{data} is not a data folder.")
    part = target.with_name(target.name + ".part")
    part.unlink(missing_ok=True)
    try:
        write_archive(part, data)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def write_archive(part: Path, data: Path) -> None:
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        with tarfile.open(fileobj=file, mode="w:gz", dereference=True) as archive:  # a link would lead nowhere
            add_database(archive, data)
            for path in sorted(data.iterdir()):
                if path.name not in LEFT_OUT and not path.name.endswith(".log"):
                    archive.add(path, path.name)
        file.flush()
        os.fsync(file.fileno())


def add_database(archive: tarfile.TarFile, data: Path) -> None:
    with tempfile.TemporaryDirectory(dir=data) as scratch:
        if url := database_url():
            copy = Path(scratch) / DUMP
            dump_postgres(url, copy)
        else:
            copy = Path(scratch) / DATABASE
            copy_sqlite(data / DATABASE, copy)
        archive.add(copy, copy.name)


def database_url() -> str:
    url, named = os.environ.get("DATABASE_URL", ""), os.environ.get("DATABASE_URL_FILE")
    return Path(named).read_text().strip() if named and not url else url


def dump_postgres(url: str, target: Path) -> None:
    public, around = without_password(url)
    try:
        done = subprocess.run(
            ["pg_dump", "--format=custom", f"--file={target}", f"--dbname={public}"], check=False, env=around
        )
    except FileNotFoundError:
        sys.exit("pg_dump is missing: install PostgreSQL's client, of the server's version or newer.")
    if done.returncode:
        sys.exit("pg_dump failed (see above): nothing was backed up.")


def without_password(url: str) -> tuple[str, dict[str, str]]:
    """Everybody on a machine sees what its programs are called with; the password goes through the environment."""
    parts = urlsplit(url)
    if not parts.password:
        return url, dict(os.environ)
    user, _, host = parts.netloc.rpartition("@")
    public = parts._replace(netloc=f"{user.partition(':')[0]}@{host}").geturl()
    return public, {**os.environ, "PGPASSWORD": unquote(parts.password)}


def copy_sqlite(source: Path, target: Path) -> None:
    """A consistent copy through SQLite's own backup, however much is being written meanwhile."""
    if not source.exists():
        sys.exit(f"{source} does not exist. With PostgreSQL, set DATABASE_URL as for the server.")
    with closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as live, closing(sqlite3.connect(target)) as copy:
        live.backup(copy)
        answer = copy.execute("PRAGMA integrity_check").fetchone()[0]
    if answer != "ok":
        sys.exit(f"{source} is damaged: {answer}")
    target.chmod(0o600)


def names(source: Path) -> list[str]:
    with tarfile.open(source) as archive:
        return archive.getnames()


def restore(source: Path, data: Path) -> None:
    if data.exists():
        sys.exit(f"{data} exists: stop the server and move it away first.")
    part = data.with_name(data.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(mode=0o700, parents=True)
    try:
        with tarfile.open(source) as archive:
            unpack(archive, part)
    except BaseException:  # there are keys in it
        shutil.rmtree(part)
        raise
    part.replace(data)
    if (data / DUMP).exists():
        sys.stdout.write(f'Now load it: pg_restore --clean --if-exists --no-owner -d "$DATABASE_URL" {data / DUMP}\n')


def unpack(archive: tarfile.TarFile, folder: Path) -> None:
    """Files and folders, none of them outside. By hand: the Python 3.11.2 of Debian 12 has no extraction filter."""
    for member in archive:
        path = folder / member.name
        if ".." in path.parts or folder not in path.parents or not (member.isfile() or member.isdir()):
            sys.exit(f"{member.name!r} is nothing that a backup holds: nothing was restored.")
        if member.isdir():
            path.mkdir(exist_ok=True)
        else:
            with path.open("xb") as file:
                shutil.copyfileobj(cast(IO[bytes], archive.extractfile(member)), file)
        path.chmod(member.mode & 0o755)


def main(words: list[str]) -> None:
    match words:
        case ["backup", data, target]:
            backup(Path(data), Path(target))
            sys.stdout.write(f"{target}: {len(names(Path(target)))} entries\n")
        case ["list", source]:
            sys.stdout.write("\n".join(names(Path(source))) + "\n")
        case ["restore", source, data]:
            restore(Path(source), Path(data).absolute())
        case _:
            sys.exit(USAGE)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (OSError, sqlite3.Error, tarfile.TarError, EOFError) as error:
        sys.exit(f"Nothing was done: {error}.")
