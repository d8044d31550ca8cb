"""What the server costs when nothing happens: time to the first answer, idle memory, and one big page."""

import http.cookiejar
import re
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path
from statistics import median

import psutil

from benchmarks.report import Figure, under
from tests.running import Panal

MEMORY_GOAL_MB = 200
START_GOAL_S = 3
PAGE_GOAL_MS = 100
PAGES = 20
DEVICES = 1000


def start_and_memory(seconds: float) -> list[Figure]:
    """Second start on an existing folder, as after a restart."""
    with tempfile.TemporaryDirectory() as folder, Panal(Path(folder)) as panal:
        panal.stop()
        begin = time.perf_counter()
        panal.start()
        urllib.request.urlopen(panal.url + "/api/health", timeout=10).close()
        took = time.perf_counter() - begin
        time.sleep(seconds)
        return [
            under("Start to first answer", took, START_GOAL_S, "s"),
            under("Idle memory, server and broker", memory_mb(panal), MEMORY_GOAL_MB, "MB", "PSS of all processes"),
        ]


def memory_mb(panal: Panal) -> float:
    assert panal.process
    server = psutil.Process(panal.process.pid)
    return sum(p.memory_full_info().pss for p in (server, *server.children(recursive=True))) / 1e6


def page(seconds: float) -> list[Figure]:
    """The list of 1,000 devices, over HTTP on loopback, as its owner sees it."""
    with tempfile.TemporaryDirectory() as folder, Panal(Path(folder)) as panal:
        panal.user("alice@panal.example")
        panal.mint("wearable-1", DEVICES, "--account", "Casa")
        browser = sign_in(panal, "alice@panal.example", "una clave larga 1")
        took = [_time(browser, panal.url + "/devices/") for _ in range(PAGES)]
        return [
            under(
                "List of 1,000 devices", median(took) * 1000, PAGE_GOAL_MS, "ms", f"slowest {max(took) * 1000:.0f} ms"
            )
        ]


def _time(browser: urllib.request.OpenerDirector, url: str) -> float:
    begin = time.perf_counter()
    with browser.open(url, timeout=30) as answer:
        answer.read()
    return time.perf_counter() - begin


def sign_in(panal: Panal, email: str, password: str) -> urllib.request.OpenerDirector:
    """An opener that holds the session of this person."""
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    with browser.open(panal.url + "/accounts/login/", timeout=30) as form:
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form.read().decode())
        address = form.url
    assert found
    fields = {"csrfmiddlewaretoken": found[1], "login": email, "password": password}
    request = urllib.request.Request(address, urllib.parse.urlencode(fields).encode(), {"Referer": address})
    with browser.open(request, timeout=30) as answer:
        assert "/login" not in answer.url, "sign-in failed"
    return browser
