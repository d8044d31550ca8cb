"""`panal doctor` on machines where one thing is wrong."""

import json
import os
import socket
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from panal import certificates
from panal.cli import doctor
from tests.running import free_port

NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data folder of its own and ports that are free on this machine."""
    for name in list(os.environ):
        if name.startswith("PANAL_") or name == "DATABASE_URL":
            monkeypatch.delenv(name)
    (tmp_path / "data").mkdir(mode=0o700)
    settings = {"PANAL_DATA": str(tmp_path / "data"), "PANAL_HOST": "127.0.0.1"}
    for name in ("HTTP", "STREAM", "MQTT", "MQTT_WS"):
        settings[f"PANAL_{name}_PORT"] = str(free_port())
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    yield tmp_path / "data"


class Taken:
    """Ports with somebody listening on them."""

    def __init__(self, count: int) -> None:
        self.listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
        self.numbers = [listener.getsockname()[1] for listener in self.listeners]

    def __enter__(self) -> "Taken":
        return self

    def __exit__(self, *_: object) -> None:
        for listener in self.listeners:
            listener.close()


def examine(*arguments: str) -> Result:
    app = typer.Typer()
    app.command()(doctor.doctor)
    return CliRunner().invoke(app, arguments)


def findings(subject: str) -> list[dict[str, str]]:
    found = json.loads(examine("--json").output)["findings"]
    return [finding for finding in found if finding["subject"] == subject]


def states(subject: str) -> set[str]:
    return {finding["state"] for finding in findings(subject)}


def test_all_is_well_on_a_fresh_machine() -> None:
    done = examine("--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["ok"] is True


def test_every_trouble_comes_with_a_next_step(machine: Path) -> None:
    (machine / "panal.sqlite3").write_bytes(b"this is no database" * 100)
    for finding in json.loads(examine("--json").output)["findings"]:
        assert bool(finding["todo"]) == (finding["state"] != "ok"), finding


def test_it_looks_without_changing_anything(machine: Path) -> None:
    examine()
    assert list(machine.iterdir()) == []


def test_a_port_that_another_program_has_is_named_with_its_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    with Taken(1) as ports:
        monkeypatch.setenv("PANAL_MQTT_PORT", str(ports.numbers[0]))
        done = examine()
    assert done.exit_code == 1
    assert f"{ports.numbers[0]}: Address already in use" in done.output
    assert "PANAL_MQTT_PORT" in done.output


def test_a_database_that_is_damaged_is_found(machine: Path) -> None:
    (machine / "panal.sqlite3").write_bytes(b"this is no database" * 100)
    assert states("database") == {"wrong"}


def test_a_sound_database_is_sound(machine: Path) -> None:
    with sqlite3.connect(machine / "panal.sqlite3") as connection:
        connection.execute("create table word (text)")
    connection.close()
    assert states("database") == {"ok"}


def test_a_postgresql_that_does_not_answer_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    with Taken(1) as ports:
        port = ports.numbers[0]
    monkeypatch.setenv("DATABASE_URL", f"postgres://panal:hidden-word@127.0.0.1:{port}/panal")
    done = examine()
    assert done.exit_code == 1
    assert "hidden-word" not in done.output


def test_a_nats_that_does_not_answer_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    with Taken(1) as ports:
        port = ports.numbers[0]
    monkeypatch.setenv("PANAL_NATS_URL", f"nats://127.0.0.1:{port}")
    assert states("broker") == {"wrong"}


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("nats://panal:hidden-word@127.0.0.1:abc", "PANAL_NATS_URL is no address"),
        ("nats://[::1", "PANAL_NATS_URL is no address"),
        ("nats://a..b:4222", "no NATS at a..b:4222"),
    ],
)
def test_a_nats_that_is_no_address_is_a_finding(monkeypatch: pytest.MonkeyPatch, url: str, what: str) -> None:
    monkeypatch.setenv("PANAL_NATS_URL", url)
    done = examine()
    assert (done.exit_code, what in done.output, "hidden-word" in done.output) == (1, True, False), done.output


def test_a_database_and_a_host_that_are_no_addresses_are_findings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://[::1/panal")
    monkeypatch.setenv("PANAL_HOST", "a..b")
    assert (states("database"), states("ports")) == ({"wrong"}, {"wrong"})


@pytest.mark.parametrize("name", ["PANAL_MQTT_PORT", "PANAL_HTTP_ALIASES"])
def test_a_port_that_is_asked_for_twice_is_named_with_both_settings(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, os.environ["PANAL_HTTP_PORT"])
    [wrong] = [finding for finding in findings("ports") if finding["state"] == "wrong"]
    assert f"PANAL_HTTP_PORT and {name}" in wrong["what"]


def test_a_key_that_others_can_read_is_found(machine: Path) -> None:
    machine.chmod(0o755)
    key = machine / "vault.key"
    key.write_text("secret")
    key.chmod(0o644)
    assert states("secrets") == {"wrong"}
    key.chmod(0o600)
    assert states("secrets") == {"ok"}


def test_a_secret_given_as_a_file_is_looked_at_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "word").write_text("0123456789abcdef")
    (tmp_path / "word").chmod(0o640)
    monkeypatch.setenv("PANAL_SECRET_KEY_FILE", str(tmp_path / "word"))
    assert states("secrets") == {"wrong"}


def certified(folder: Path, made: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    certificates.ensure(folder / "tls", {"localhost"}, made)
    files = certificates.files_in(folder / "tls")
    monkeypatch.setenv("PANAL_TLS_CERT", str(files.certificate))
    monkeypatch.setenv("PANAL_TLS_KEY", str(files.key))


@pytest.mark.parametrize(("age_days", "state"), [(0, "ok"), (810, "warning"), (830, "wrong")])
def test_a_certificate_is_judged_by_its_end(
    machine: Path, monkeypatch: pytest.MonkeyPatch, age_days: int, state: str
) -> None:
    certified(machine, NOW - timedelta(days=age_days), monkeypatch)
    assert states("TLS") == {state}


def test_a_certificate_with_the_key_of_another_is_found(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certified(machine, NOW, monkeypatch)
    certificates.ensure(machine / "other", {"localhost"}, NOW)
    monkeypatch.setenv("PANAL_TLS_KEY", str(machine / "other" / "server.key"))
    assert states("TLS") == {"wrong"}


def test_a_clock_that_went_back_is_found_by_the_files_of_tomorrow(machine: Path) -> None:
    (machine / "note").write_text("written with the right clock")
    tomorrow = (NOW + timedelta(days=1)).timestamp()
    os.utime(machine / "note", (tomorrow, tomorrow))
    assert states("clock") == {"wrong"}


def test_a_bad_setting_is_one_sentence_and_exit_code_2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PANAL_HTTP_PORT", "many")
    done = examine()
    assert done.exit_code == 2
    assert "PANAL_HTTP_PORT: 'many' is not a whole number." in done.output
