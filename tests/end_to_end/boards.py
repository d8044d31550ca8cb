"""One virtual board for tests: `panal virtual run` as a child that can be pressed, unplugged and listened to."""

import json
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.running import PATIENCE_S, Panal, until


def _answers(host: str | None, port: int | None) -> bool:
    try:
        socket.create_connection((host or "", port or 0), 1).close()
    except OSError:
        return False
    return True


class VirtualBoard:
    """A board on the real MicroPython VM, or on CPython; its flash is `folder` and survives `cut_power`."""

    model = "wearable-1"

    def __init__(self, panal: Panal, device: dict[str, Any], folder: Path, *options: str) -> None:
        self.panal, self.device, self.folder, self.options = panal, device, folder, options
        self.process: subprocess.Popen[str] | None = None
        self.said: list[dict[str, Any]] = []
        self._news = threading.Condition()

    def __enter__(self) -> "VirtualBoard":
        self.power_on()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut_power()

    def power_on(self) -> None:
        self.process = subprocess.Popen(
            self._command(), env=self.panal.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._listening = threading.Thread(target=self._listen, args=(self.process,), daemon=True)
        self._listening.start()

    def _command(self) -> list[str]:
        device, panal = self.device, self.panal
        return [
            *(sys.executable, "-m", "panal", "virtual", "run", "--json", "--model", self.model),
            *("--id", device["device_id"], "--token", device["token"], "--dir", str(self.folder)),
            *("--server", panal.url, "--mqtt", f"127.0.0.1:{panal.ports['mqtt']}", *self.options),
        ]

    def _listen(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout
        with process.stdout:
            for line in process.stdout:
                with self._news:
                    self.said.append(json.loads(line))
                    self._news.notify_all()

    def do(self, what: str, **more: Any) -> None:
        assert self.process and self.process.stdin
        self.process.stdin.write(json.dumps({"do": what, **more}) + "\n")
        self.process.stdin.flush()

    def press(self) -> None:
        self.do("press", part="button", ms=150)

    def wait_for(self, timeout_s: float = PATIENCE_S, **wanted: Any) -> None:
        """Until the board's last word on each of these is the wanted one."""
        with self._news:
            found = self._news.wait_for(lambda: wanted.items() <= self.last().items(), timeout_s)
        assert found, f"{wanted} did not come; the board said {self.said[-20:]}"

    def wait_until_said(self, timeout_s: float = PATIENCE_S, **wanted: Any) -> None:
        """Until the board has said this, whatever it said after it: what lasts a moment only may be over already."""
        with self._news:
            found = self._news.wait_for(lambda: wanted in self.said, timeout_s)
        assert found, f"{wanted} did not come; the board said {self.said[-20:]}"

    def wait_for_log(self, word: str, timeout_s: float = PATIENCE_S) -> None:
        """Until the board has logged something with this word in it."""
        with self._news:
            found = self._news.wait_for(lambda: any(word in str(said.get("log")) for said in self.said), timeout_s)
        assert found, f"no {word!r} in the log; the board said {self.said[-20:]}"

    def portal(self, timeout_s: float = PATIENCE_S) -> str:
        """The address of its set-up page, once its access point is up."""
        with self._news:
            found = self._news.wait_for(lambda: self.last().get("portal"), timeout_s)
        assert found, f"no access point; the board said {self.said[-20:]}"
        address = urlsplit(str(found))
        until(lambda: _answers(address.hostname, address.port))  # the page comes up just after the access point
        return str(found)

    def last(self) -> dict[str, Any]:
        last: dict[str, Any] = {}
        for said in self.said:
            last.update(said)
        return last

    def cut_power(self) -> None:
        """SIGKILL, as a pulled battery would."""
        assert self.process
        self.process.kill()
        self.process.wait()
        self._listening.join()  # else its last words are taken for the next life's first
        if self.process.stdin:
            self.process.stdin.close()
        self.said.clear()
