"""What keeps a command or the server from starting is said in one sentence, whatever it is."""

import os
import secrets
import shutil
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from panal import certificates
from tests.running import Panal, clean_environment, drop_postgres, free_port, migrated, new_postgres

SERVE = ("serve", "--http-port=0", "--stream-port=0", "--mqtt-port=0")
MINT = ("device", "mint", "--model", "wearable-1")


def refusal(data: Path, *command: str, **environment: str) -> str:
    """What a command that must end with exit code 1 says, which is one line."""
    done = subprocess.run(
        [sys.executable, "-m", "panal", *command],
        env={**clean_environment(), "PANAL_DATA": str(data), "PANAL_HOST": "127.0.0.1", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = [line for line in done.stderr.splitlines() if line.startswith("panal: ")]
    assert (done.returncode, len(said), "Traceback" in done.stderr) == (1, 1, False), done
    return said[0]


def test_a_second_server_on_a_folder_is_refused_and_other_commands_are_not(tmp_path: Path) -> None:
    with Panal(tmp_path / "data") as panal:
        assert panal.process
        pid = panal.process.pid
        said = refusal(tmp_path / "data", *SERVE)
        assert said.startswith(f"panal: Another server uses {tmp_path / 'data'} (pid {pid}): stop it")
        assert refusal(tmp_path / "data", "demo", *SERVE[1:]) == said
        assert len(panal.mint()) == 1
        panal.kill()
        panal.start()


@pytest.mark.parametrize("below", ["", "deeper/still"])
def test_a_data_folder_that_cannot_be(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").touch()
    data = tmp_path / "file" / below
    for command in (MINT, SERVE):
        assert refusal(data, *command).startswith(f"panal: {data} cannot be the data folder (")


@pytest.mark.parametrize("name", ["vault.key", "secret.key"])
@pytest.mark.parametrize("content", [b"", b"\n", b"0123456789abcdef" * 3, b"\xff" * 64])
def test_a_key_that_is_not_whole(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert refusal(tmp_path, *MINT).startswith(f"panal: {tmp_path / name} is not whole: restore it from the backup")
    assert (tmp_path / name).read_bytes() == content


@pytest.mark.parametrize("name", ["PANAL_VAULT_KEY", "PANAL_SECRET_KEY"])
def test_a_key_that_is_given_too_short(tmp_path: Path, name: str) -> None:
    assert refusal(tmp_path, *MINT, **{name: "short"}).startswith(f"panal: {name} is shorter than 32 characters")


def test_a_sqlite_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "panal.sqlite3").write_bytes(os.urandom(5000))
    said = refusal(tmp_path, *MINT)
    assert said.startswith(f"panal: The database {tmp_path / 'panal.sqlite3'} cannot be used (")
    assert said.endswith("`panal doctor` says more.")


def test_a_postgres_that_does_not_answer_is_named_without_its_password(tmp_path: Path) -> None:
    password, port = secrets.token_hex(8), free_port()
    said = refusal(tmp_path, *MINT, DATABASE_URL=f"postgres://panal:{password}@127.0.0.1:{port}/homes")
    assert said.startswith(f"panal: The database homes at 127.0.0.1:{port} cannot be used (")
    assert said.endswith("`panal doctor` says more.")
    assert password not in said


@pytest.mark.parametrize(
    "url",
    ["what://u:geheim@h/n", "mysql://u:geheim@h/n", "postgres://u:geheim@h:99999/n", "postgres://u:geheim@[::1/n", "n"],
)
def test_an_address_that_is_no_postgres(tmp_path: Path, url: str) -> None:
    said = refusal(tmp_path, *MINT, DATABASE_URL=url)
    assert said.startswith("panal: DATABASE_URL is not the address of a PostgreSQL: ")
    assert "geheim" not in said


def test_a_database_of_a_newer_panal(tmp_path: Path) -> None:
    applied = "INSERT INTO django_migrations (app, name, applied) VALUES ('devices', '9999_more', '2030-01-01')"
    if url := new_postgres(is_copy=True):
        with psycopg.connect(url) as newer:
            newer.execute(applied)
    else:
        shutil.copyfile(migrated(""), tmp_path / "panal.sqlite3")
        with closing(sqlite3.connect(tmp_path / "panal.sqlite3")) as newer, newer:
            newer.execute(applied)
    said = refusal(tmp_path, *MINT, **({"DATABASE_URL": url} if url else {}))
    assert said.startswith("panal: This database was made by a newer Panal: update Panal, or")
    if url:
        drop_postgres(url)


@pytest.mark.parametrize("taken", ["http", "stream", "mqtt"])
def test_a_port_that_is_taken(tmp_path: Path, taken: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        said = refusal(tmp_path, *SERVE, f"--{taken}-port={listener.getsockname()[1]}")
    assert f"PANAL_{taken.upper()}_PORT (--{taken}-port)" in said
    assert "`panal doctor` says who has" in said


def test_a_certificate_and_a_key_that_do_not_belong_together(tmp_path: Path) -> None:
    for name in ("one", "two"):
        certificates.ensure(tmp_path / name, {"localhost"}, datetime.now(UTC))
    certificate, key = tmp_path / "one" / "server.pem", tmp_path / "two" / "server.key"
    options = (f"--tls-cert={certificate}", f"--tls-key={key}")
    assert "PANAL_TLS_CERT and PANAL_TLS_KEY" in refusal(tmp_path, *SERVE, *options)
    key.write_text("")
    assert "PANAL_TLS_CERT and PANAL_TLS_KEY" in refusal(tmp_path, *SERVE, *options)
    key.unlink()
    assert str(key) in refusal(tmp_path, *SERVE, *options)


@pytest.mark.parametrize(("one", "other"), [("http", "stream"), ("stream", "mqtt"), ("http", "mqtt")])
def test_two_ports_that_are_one(tmp_path: Path, one: str, other: str) -> None:
    port = free_port()
    said = refusal(tmp_path, *SERVE, f"--{one}-port={port}", f"--{other}-port={port}")
    assert "_PORT (--" in said
