"""`panal doctor`: looks at everything the server stands on, changes nothing, and says what to do."""

import json
import os
import shutil
import socket
import sqlite3
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, NamedTuple
from urllib.parse import urlsplit

import typer

from panal import certificates
from panal.gateway.listening import CannotListen, check_tls
from panal.settings import NAMES, Settings

from .start import Data, settings_with

FREE_WARN_BYTES = 2_000_000_000
CERTIFICATE_WARN_DAYS = 30
PATIENCE_S = 3.0
RELEASED = datetime(2026, 1, 1, tzinfo=UTC)  # a clock before this is certainly wrong
SECRET_SUFFIXES = (".key", ".seed", ".creds", ".sqlite3")

OK, WARNING, WRONG = "ok", "warning", "wrong"


class Finding(NamedTuple):
    """What one look found; `todo` is the next step of a person, empty when all is well."""

    subject: str
    state: str
    what: str
    todo: str = ""


def doctor(data: Data = None, as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Check versions, data folder, disk, clock, ports, database, broker and certificates; say what to do."""
    findings = examine(settings_with(data=data))
    wrong = any(finding.state == WRONG for finding in findings)
    if as_json:
        typer.echo(json.dumps({"ok": not wrong, "findings": [finding._asdict() for finding in findings]}, indent=1))
    else:
        for finding in findings:
            show(finding)
    if wrong:
        raise typer.Exit(1)


def show(finding: Finding) -> None:
    mark, colour = {OK: ("ok", "green"), WARNING: ("!", "yellow"), WRONG: ("WRONG", "red")}[finding.state]
    typer.echo(typer.style(f"{mark:>5}  ", fg=colour) + f"{finding.subject:<12} {finding.what}")
    if finding.todo:
        typer.echo(f"{'':>20}→ {finding.todo}")


def examine(settings: Settings) -> list[Finding]:
    return [finding for look in LOOKS for finding in look(settings)]


def versions(_: Settings) -> Iterator[Finding]:
    python = sys.version.split()[0]
    yield Finding("versions", OK, f"Panal {version('panal')}, Python {python}, Django {version('django')}")


def data_folder(settings: Settings) -> Iterator[Finding]:
    folder = Path(settings.data).absolute()
    if not folder.exists():
        parent = next(parent for parent in folder.parents if parent.exists())
        yield _writable(parent, f"{folder} is made at the first start", f"Give this user {parent}, or set PANAL_DATA.")
        return
    yield _writable(folder, f"{folder} can be written", f"Give {folder} to the user that runs the server: chown.")
    yield from secret_files(settings)


def _writable(folder: Path, fine: str, todo: str) -> Finding:
    if os.access(folder, os.W_OK | os.X_OK):
        return Finding("data folder", OK, fine)
    return Finding("data folder", WRONG, f"{folder} cannot be written by this user", todo)


def secret_files(settings: Settings) -> Iterator[Finding]:
    """Keys and the database hold what identifies people and boards: for their owner only."""
    if open_to_others := [path for path in _secrets(settings) if path.stat().st_mode & 0o077]:
        names = " ".join(str(path) for path in open_to_others)
        yield Finding("secrets", WRONG, f"other users of this machine can read {names}", f"chmod 600 {names}")
    else:
        yield Finding("secrets", OK, "keys and database are for their owner only")


def _secrets(settings: Settings) -> list[Path]:
    folder = Path(settings.data)
    inside = [path for path in (*folder.glob("*"), *folder.glob("tls/*")) if path.suffix in SECRET_SUFFIXES]
    named = [os.environ.get(f"{name}_FILE") for name, setting in NAMES.items() if setting.secret]
    given = [Path(path) for path in (*named, settings.tls_key) if path]
    return [path for path in (*inside, *given) if path.is_file() and not _inside_private(path)]


def _inside_private(path: Path) -> bool:
    """A folder that only its owner may enter protects what lies in it."""
    return not path.parent.stat().st_mode & 0o077


def disk(settings: Settings) -> Iterator[Finding]:
    folder = Path(settings.data).absolute()
    place = folder if folder.exists() else next(parent for parent in folder.parents if parent.exists())
    free = shutil.disk_usage(place).free
    what = f"{free / 1e9:.1f} GB free for {folder}"
    if free < settings.disk_min_mb * 1_000_000:
        yield Finding("disk", WRONG, what, "Make room, or move PANAL_DATA: a full disk refuses every event.")
    elif free < FREE_WARN_BYTES:
        yield Finding("disk", WARNING, what, "Make room soon, or shorten the PANAL_…_DAYS settings.")
    else:
        yield Finding("disk", OK, what)


def clock(settings: Settings) -> Iterator[Finding]:
    now = datetime.now(UTC)
    last = _last_written(Path(settings.data))
    todo = "Set the clock: timedatectl set-ntp true. Commands, events and certificates depend on it."
    if now < RELEASED or (last and (last - now).total_seconds() > 60):
        yield Finding("clock", WRONG, f"{now:%Y-%m-%d %H:%M} UTC is in the past", todo)
    elif Path("/run/systemd/timesync").exists() and not Path("/run/systemd/timesync/synchronized").exists():
        yield Finding("clock", WARNING, f"{now:%Y-%m-%d %H:%M} UTC, not synchronised", todo)
    else:
        yield Finding("clock", OK, f"{now:%Y-%m-%d %H:%M} UTC")


def _last_written(folder: Path) -> datetime | None:
    stamps = [path.stat().st_mtime for path in folder.glob("*") if path.is_file()]
    return datetime.fromtimestamp(max(stamps), UTC) if stamps else None


def ports(settings: Settings) -> Iterator[Finding]:
    running = _panal_answers(settings)
    taken: dict[int, str] = {}
    for setting, port in _wanted(settings):
        if port in taken:
            what = f"{port} is asked for twice: {taken[port]} and {setting}"
            yield Finding("ports", WRONG, what, f"Give {setting} another port.")
        else:
            taken[port] = setting
            yield _port(settings.host, port, setting, running)


def _wanted(settings: Settings) -> list[tuple[str, int]]:
    """Which setting asks for which port; 0 is none that is known before the start."""
    names = ("http_port", "stream_port", "mqtt_port", "mqtt_ws_port")
    single = [(f"PANAL_{name.upper()}", getattr(settings, name)) for name in names]
    aliases = [("PANAL_HTTP_ALIASES", port) for port in settings.http_alias_ports]
    return [(setting, port) for setting, port in (*single, *aliases) if port]


def _port(host: str, port: int, setting: str, running: bool) -> Finding:
    trouble = _cannot_listen(host, port)
    if not trouble:
        return Finding("ports", OK, f"{port} is free ({setting})")
    if running:
        return Finding("ports", OK, f"{port} is taken, and Panal is running ({setting})")
    return Finding("ports", WRONG, f"{port}: {trouble}{_holder(port)}", f"Stop what has it, or set {setting}.")


def _cannot_listen(host: str, port: int) -> str:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            return error.strerror or str(error)
        except UnicodeError:
            return f"{host} is no address"
    return ""


def _holder(port: int) -> str:
    """Which program listens there, as far as this user may know."""
    import psutil

    try:
        listening = [c for c in psutil.net_connections("tcp") if c.status == "LISTEN" and c.pid]
        pid = next(c.pid for c in listening if getattr(c.laddr, "port", 0) == port)
        return f", by {psutil.Process(pid).name()} (process {pid})"
    except (StopIteration, psutil.Error):
        return ""


def _panal_answers(settings: Settings) -> bool:
    """Whether Panal itself is what listens on the HTTP port."""
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104  compared, not listened on
    request = f"GET /api/health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
    try:
        connection = socket.create_connection((host, settings.http_port), PATIENCE_S)
        with connection, _wrapped(connection, settings) as stream:
            stream.sendall(request)
            return b"200" in stream.recv(64)
    except (OSError, UnicodeError):
        return False


def _wrapped(connection: socket.socket, settings: Settings) -> socket.socket:
    if not settings.tls:
        return connection
    context = ssl.create_default_context(cafile=settings.tls_cert)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # who answers is asked here, and nothing secret is said
    return context.wrap_socket(connection)


def database(settings: Settings) -> Iterator[Finding]:
    yield _postgres(settings.database_url) if settings.database_url else _sqlite(settings.sqlite_path)


def _sqlite(path: Path) -> Finding:
    if not path.exists():
        return Finding("database", OK, f"SQLite {sqlite3.sqlite_version}; {path} is made at the first start")
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=PATIENCE_S) as connection:
            answer = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        answer = str(error)
    if answer == "ok":
        return Finding("database", OK, f"{path} is sound, {path.stat().st_size / 1e6:.1f} MB")
    return Finding(
        "database", WRONG, f"{path}: {answer}", "Stop the server and restore the last backup (docs/operator.md)."
    )


def _postgres(url: str) -> Finding:
    import psycopg

    try:
        where = f"{urlsplit(url).hostname or 'local socket'}{urlsplit(url).path}"
    except ValueError:
        return Finding(
            "database", WRONG, "DATABASE_URL is no address", "Write it as postgres://user:password@host/name."
        )
    try:
        with psycopg.connect(url, connect_timeout=int(PATIENCE_S)) as connection:
            return Finding("database", OK, f"PostgreSQL {connection.info.server_version // 10000} at {where}")
    except psycopg.Error as error:
        reason = str(error).strip().splitlines()[0]
        return Finding("database", WRONG, f"PostgreSQL at {where}: {reason}", "Check DATABASE_URL and that it runs.")


def broker(settings: Settings) -> Iterator[Finding]:
    if settings.nats_url:
        yield from (_nats_reachable(url.strip()) for url in settings.nats_url.split(","))
    else:
        yield _own_broker()


def _nats_reachable(url: str) -> Finding:
    try:
        parts = urlsplit(url if "//" in url else f"nats://{url}")
        host, port = parts.hostname or "", parts.port or 4222
    except ValueError:  # what was given is not shown: a password may stand in it
        return Finding("broker", WRONG, "PANAL_NATS_URL is no address", "Write it as nats://host:4222.")
    try:
        with socket.create_connection((host, port), PATIENCE_S) as connection:
            connection.settimeout(PATIENCE_S)
            if connection.recv(4) == b"INFO":
                return Finding("broker", OK, f"NATS answers at {host}:{port}")
    except (OSError, UnicodeError):  # UnicodeError: no name that could be looked up, as a..b
        pass
    return Finding("broker", WRONG, f"no NATS at {host}:{port}", "Start it, or check PANAL_NATS_URL.")


def _own_broker() -> Finding:
    program = shutil.which("nats-server", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
    if not program:
        return Finding(
            "broker", WRONG, "nats-server is missing", "Install the packages again: make run, or pip install."
        )
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError) as error:
        return Finding(
            "broker", WRONG, f"{program} does not run ({error})", "Install it again for this kind of machine."
        )
    return Finding("broker", OK, done.stdout.strip())


def tls(settings: Settings) -> Iterator[Finding]:
    if not settings.tls:
        todo = "panal tls init makes certificates for a local network." if settings.plain_public else ""
        what = "off: devices may speak plain text from private addresses only"
        yield Finding("TLS", WARNING if todo else OK, "off, also for public addresses" if todo else what, todo)
        return
    try:
        check_tls(settings)
        yield _expiry(settings.tls_cert)
    except (CannotListen, ValueError) as error:
        todo = "PANAL_TLS_CERT and PANAL_TLS_KEY must be the PEM files of one certificate and its key."
        yield Finding("TLS", WRONG, str(error), todo)


def _expiry(path: Path) -> Finding:
    until = certificates.expires_at(path)
    days = (until - datetime.now(UTC)).days
    what = f"{path} is valid until {until:%Y-%m-%d}"
    if days < 0:
        return Finding("TLS", WRONG, f"{path} ended on {until:%Y-%m-%d}", "Renew it: panal tls init, then restart.")
    if days < CERTIFICATE_WARN_DAYS:
        return Finding("TLS", WARNING, f"{what}, {days} days", "Renew it: panal tls init, then restart.")
    return Finding("TLS", OK, what)


Look = Callable[[Settings], Iterator[Finding]]
LOOKS: tuple[Look, ...] = (versions, data_folder, disk, clock, ports, database, broker, tls)
