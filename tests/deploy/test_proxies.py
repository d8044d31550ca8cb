"""Panal behind Debian's nginx and Caddy with the very configurations that deploy ships; only ports and paths differ."""

import asyncio
import json
import os
import shutil
import ssl
import subprocess
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from panal import certificates
from panal.cells.cameras.tests.streams import Cam, Peer, picture
from panal.cells.updates import messages
from tests.running import PATIENCE_S, Panal, free_port
from tests.visitor import token_in

ROOT = Path(__file__).parents[2]
EMAIL, STAFF, PASSWORD = "ana@example.org", "luis@example.org", "una clave larga 1"
ELSEWHERE = "127.0.0.9"  # still this machine, but recognisably not the proxy


class Proxy(ABC):
    """One with a folder of its own, on loopback only."""

    program: str
    package: str
    shipped: str
    is_ready: str

    def __init__(self, folder: Path, panal_port: int, port: int) -> None:
        self.folder, self.port = folder, port
        certificates.ensure(folder / "tls", {"localhost", "127.0.0.1"}, datetime.now(UTC))
        self.files = certificates.files_in(folder / "tls")
        self.file = folder / Path(self.shipped).name
        self.file.write_text(self.configuration(panal_port))

    @abstractmethod
    def configuration(self, panal_port: int) -> str: ...

    @abstractmethod
    def options(self) -> list[str]: ...

    def changed(self, changes: dict[str, str]) -> str:
        shipped = (ROOT / "deploy" / self.shipped).read_text()
        for before, after in changes.items():
            assert before in shipped, before
            shipped = shipped.replace(before, after)
        return shipped

    def __enter__(self) -> "Proxy":
        program = shutil.which(self.program, path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
        assert program, f"{self.program} is missing: apt-get install {self.package}"
        environment = {**os.environ, "HOME": str(self.folder)}
        self.process = subprocess.Popen(
            [program, *self.options()], stderr=subprocess.PIPE, text=True, cwd=self.folder, env=environment
        )
        assert self.process.stderr
        said = ""
        for line in self.process.stderr:  # it says so once its sockets are open
            said += line
            if self.is_ready in line:
                self.rest = threading.Thread(target=self.process.stderr.read)  # else it may wait for room
                self.rest.start()
                return self
        self.process.wait(timeout=60)
        self.process.stderr.close()
        raise AssertionError(said)

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(timeout=60)
        self.rest.join()
        assert self.process.stderr
        self.process.stderr.close()


class Nginx(Proxy):
    program, package, shipped = "nginx", "nginx-light", "nginx/panal.conf"
    is_ready = "start worker process"

    def options(self) -> list[str]:
        return ["-c", str(self.file), "-g", "error_log stderr notice;"]

    def configuration(self, panal_port: int) -> str:
        shipped = self.changed(
            {
                "server 127.0.0.1:6971;": f"server 127.0.0.1:{panal_port};",
                "listen 443 ssl http2;": f"listen 127.0.0.1:{self.port} ssl http2;",
                "    listen [::]:443 ssl http2;\n": "",
                "/etc/letsencrypt/live/panal.example.org/fullchain.pem": str(self.files.certificate),
                "/etc/letsencrypt/live/panal.example.org/privkey.pem": str(self.files.key),
                "panal.example.org": "localhost",
            }
        )
        temporary = "".join(
            f"{kind}_temp_path {self.folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        user = "user root root;" if os.geteuid() == 0 else ""  # else its worker may not enter the test's folder
        return (
            f"{user} daemon off; worker_processes 1; pid {self.folder}/pid; error_log stderr notice;\n"
            f"events {{ worker_connections 256; }}\nhttp {{\naccess_log off;\n{temporary}{shipped}\n}}\n"
        )


class Caddy(Proxy):
    program = package = "caddy"
    shipped = "caddy/Caddyfile"
    is_ready = "serving initial configuration"

    def options(self) -> list[str]:
        return ["run", "--config", str(self.file), "--adapter", "caddyfile"]

    def configuration(self, panal_port: int) -> str:
        site = f"https://localhost:{self.port} {{\n\tbind 127.0.0.1\n\ttls {self.files.certificate} {self.files.key}\n"
        options = "\n\tadmin off\n\tauto_https disable_redirects\n\tservers {\n\t\tprotocols h1 h2\n\t}"
        return self.changed(
            {
                "\n\tgrace_period 5s": "\n\tgrace_period 5s" + options,
                "panal.example.org {\n": site,
                "127.0.0.1:6971": f"127.0.0.1:{panal_port}",
            }
        )


class Stack:
    def __init__(self, panal: Panal, proxy: Proxy) -> None:
        self.panal, self.proxy = panal, proxy
        self.url = f"https://localhost:{proxy.port}"
        self.device = panal.mint("wearable-1", 1, "--account", "Casa")[0]

    def device_headers(self) -> dict[str, str]:
        return {"X-Device-Id": self.device["device_id"], "X-Device-Key": self.device["token"]}

    def session(self, source: str = "127.0.0.1") -> requests.Session:
        """A browser that trusts the authority and calls from `source`."""
        found = requests.Session()
        found.trust_env = False
        found.verify = str(self.proxy.files.authority)
        found.mount("https://", From(source))
        found.mount("http://", From(source))
        return found

    def signed_in(self, source: str = "127.0.0.1", email: str = EMAIL) -> requests.Session:
        browser = self.session(source)
        page = browser.get(f"{self.url}/accounts/login/", timeout=60)
        form = {"login": email, "password": PASSWORD, "csrfmiddlewaretoken": token_in(page.text)}
        headers = {"Referer": page.url, "Origin": self.url}
        done = browser.post(page.url, data=form, headers=headers, timeout=60, allow_redirects=False)
        assert done.status_code == 302, done.text[:2000]
        return browser


class From(HTTPAdapter):
    def __init__(self, source: str) -> None:
        self.source = source
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, source_address=(self.source, 0), **options)


@pytest.fixture(scope="module", params=[Nginx, Caddy])
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    port = free_port()
    folder = tmp_path_factory.mktemp("stack")
    settings = {"PANAL_PUBLIC_URL": f"https://localhost:{port}", "PANAL_TRUSTED_PROXIES": "127.0.0.1"}
    with Panal(folder / "data", **settings) as panal:
        panal.user(EMAIL, password=PASSWORD)
        panal.user(STAFF, role="staff", password=PASSWORD)
        (folder / "proxy").mkdir()
        with request.param(folder / "proxy", panal.ports["http"], port) as proxy:
            yield Stack(panal, proxy)


def test_a_person_signs_in_through_the_proxy(stack: Stack) -> None:
    browser = stack.signed_in()
    page = browser.get(f"{stack.url}/devices/", timeout=60)
    assert page.status_code == 200
    assert stack.device["device_id"] in page.text
    assert page.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_session_cookies_are_secure_behind_https(stack: Stack) -> None:
    assert all(cookie.secure for cookie in stack.signed_in().cookies)


def test_another_authority_is_not_trusted(stack: Stack, tmp_path: Path) -> None:
    certificates.ensure(tmp_path / "other", {"localhost"}, datetime.now(UTC))
    browser = stack.session()
    browser.verify = str(tmp_path / "other" / "ca.pem")
    with pytest.raises(requests.exceptions.SSLError):
        browser.get(stack.url, timeout=60)


def test_live_updates_come_at_once_and_are_not_buffered(stack: Stack) -> None:
    with stack.signed_in().get(f"{stack.url}/live", stream=True, timeout=PATIENCE_S) as live:
        assert live.headers["content-type"].startswith("text/event-stream")
        lines = live.iter_lines(chunk_size=1)
        assert next(lines) == b": hello"
        beat = stack.session().post(
            f"{stack.url}/api/v1/devices/heartbeat", json={"battery": 0.5}, headers=stack.device_headers(), timeout=60
        )
        assert beat.status_code == 200, beat.text
        first = next(line for line in lines if line in (b"event: devices", b": ping"))
        assert first == b"event: devices", "it came no sooner than what is said in silence"


def test_a_board_long_polls_through_the_proxy(stack: Stack) -> None:
    begun = time.monotonic()
    path = f"{stack.url}/api/v1/devices/{stack.device['device_id']}/commands?waitS=1"
    found = stack.session().get(path, headers=stack.device_headers(), timeout=60)
    assert (found.status_code, found.json()) == (200, [])
    assert time.monotonic() - begun >= 0.9


def test_a_body_beyond_the_bound_is_refused(stack: Stack) -> None:
    body = json.dumps({"message": "x" * 70_000})
    headers = {**stack.device_headers(), "Content-Type": "application/json"}
    found = stack.session().post(f"{stack.url}/api/v1/devices/heartbeat", data=body, headers=headers, timeout=60)
    assert found.status_code == 413


def test_the_largest_release_passes(stack: Stack, tmp_path: Path) -> None:
    """What is in it is no release, which only Panal can say."""
    stack.panal.run("updates", "key", "--no-encrypt", "--out", str(tmp_path / "key.pem"))
    stack.panal.run("updates", "trust", str(tmp_path / "key.pub"))
    browser = stack.signed_in(email=STAFF)
    browser.headers["Accept-Language"] = "en"
    page = browser.get(f"{stack.url}/updates/releases/new/", timeout=60)
    form = {"csrfmiddlewaretoken": token_in(page.text)}
    files = {"file": ("big.panal", b"x" * messages.MAX_ARTIFACT_BYTES)}
    headers = {"Referer": page.url, "Origin": stack.url}
    found = browser.post(page.url, data=form, files=files, headers=headers, timeout=60)
    assert found.status_code == 200
    assert "no release file" in found.text


def addresses_in_audit(browser: requests.Session, url: str) -> set[str]:
    rows = browser.get(f"{url}/audit.csv", timeout=60).text.splitlines()
    column = rows[0].lstrip("\ufeff").split(",").index("address")
    return {row.split(",")[column] for row in rows[1:]}


def test_the_audit_log_has_the_persons_address_and_not_what_they_claim(stack: Stack) -> None:
    browser = stack.signed_in(ELSEWHERE)
    page = browser.get(f"{stack.url}/sectors/", timeout=60)
    form = {"name": "Terraza", "csrfmiddlewaretoken": token_in(page.text)}
    headers = {"Referer": page.url, "Origin": stack.url, "X-Forwarded-For": "203.0.113.66"}
    assert browser.post(page.url, data=form, headers=headers, timeout=60).status_code == 200
    found = addresses_in_audit(browser, stack.url)
    assert ELSEWHERE in found
    assert "203.0.113.66" not in found


CLAIM = {"X-Forwarded-For": "203.0.113.66"}  # a public address: refused without TLS


def beat(url: str, panal_headers: dict[str, str]) -> requests.Response:
    return requests.post(f"{url}/api/v1/devices/heartbeat", json={}, headers=panal_headers, timeout=60)


def test_forwarded_headers_of_the_trusted_proxy_count(stack: Stack) -> None:
    found = beat(stack.panal.url, {**stack.device_headers(), **CLAIM})
    assert (found.status_code, found.json()["error"]["code"]) == (503, "tls_required")
    with_tls = {**stack.device_headers(), **CLAIM, "X-Forwarded-Proto": "https"}
    assert beat(stack.panal.url, with_tls).status_code == 200


def test_forwarded_headers_of_anybody_else_do_not_count(stack: Stack) -> None:
    stranger = stack.session(ELSEWHERE)
    headers = {**stack.device_headers(), **CLAIM}
    found = stranger.post(f"{stack.panal.url}/api/v1/devices/heartbeat", json={}, headers=headers, timeout=60)
    assert found.status_code == 200, "the claimed public address was believed"


def test_metrics_are_for_this_machine_only(stack: Stack) -> None:
    assert stack.session().get(f"{stack.url}/metrics", timeout=60).status_code == 200
    assert stack.session(ELSEWHERE).get(f"{stack.url}/metrics", timeout=60).status_code == 403


async def test_a_person_looks_through_a_camera_behind_the_proxy(stack: Stack) -> None:
    camera = stack.panal.mint("camera-1", 1, "--account", "Casa")[0]
    board = await Cam.register(stack.panal.ports["stream"], camera["device_id"], camera["token"])
    browser = await asyncio.to_thread(stack.signed_in)
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    trusting = ssl.create_default_context(cafile=str(stack.proxy.files.authority))
    address = f"wss://localhost:{stack.proxy.port}/cameras/{camera['device_id']}/live"
    viewer = await Peer.open(address, trusting, Cookie=cookie, Origin=stack.url)
    try:
        assert (await viewer.text("status"))["camera_connected"] is True
        board.frame_out(picture(200_000, 7))
        assert await viewer.frame() == picture(200_000, 7)
    finally:
        await Peer.close_all()


async def test_each_frame_of_the_mjpeg_comes_through_the_proxy_at_once(stack: Stack) -> None:
    camera = stack.panal.mint("camera-1", 1, "--account", "Casa")[0]
    board = await Cam.register(stack.panal.ports["stream"], camera["device_id"], camera["token"])
    browser = await asyncio.to_thread(stack.signed_in)
    board.frame_out(picture(500, 1))  # the proxy would keep so little, if it kept anything
    try:
        url = f"{stack.url}/cameras/{camera['device_id']}/mjpeg"
        with await asyncio.to_thread(browser.get, url, stream=True, timeout=PATIENCE_S) as response:
            came = response.iter_content(1)
            for mark in (2, 3):
                board.frame_out(picture(500, mark))
                await asyncio.to_thread(read_until, came, picture(500, mark))
    finally:
        await Peer.close_all()


def read_until(came: Iterator[bytes], wanted: bytes) -> None:
    data = b""
    while not data.endswith(wanted):
        data += next(came)
