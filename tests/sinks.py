"""Providers that tests and benchmarks run themselves: a mail server and a webhook, which keep what they are given."""

import email
import json
import threading
import time
from email.message import Message
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from aiosmtpd.controller import Controller

from tests.running import free_port


class Mail(NamedTuple):
    at: float
    """time.perf_counter() when it was taken."""
    to: str
    message: Message

    @property
    def text(self) -> str:
        return str(self.message.get_content())  # type: ignore[attr-defined]


class MailServer:
    def __init__(self) -> None:
        self.taken: list[Mail] = []
        self._controller = Controller(self, hostname="127.0.0.1", port=free_port())

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        message = email.message_from_bytes(envelope.content, policy=default)
        self.taken.append(Mail(time.perf_counter(), envelope.rcpt_tos[0], message))
        return "250 taken"

    def __enter__(self) -> "MailServer":
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self._controller.port}"


class Webhook:
    """`hold()` lets those who call wait until `let_go()`, and gives them no answer."""

    def __init__(self) -> None:
        self.taken: list[tuple[float, dict[str, Any]]] = []
        self._open = threading.Event()
        self._open.set()
        self.waiting = threading.Event()
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                webhook.taken.append((time.perf_counter(), json.loads(body)))
                webhook.waiting.set()
                if not webhook._open.is_set():
                    webhook._open.wait(60)
                    return
                self.send_response(204)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing is printed."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True

    def hold(self) -> None:
        self.waiting.clear()
        self._open.clear()

    def let_go(self) -> None:
        self._open.set()

    def __enter__(self) -> "Webhook":
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.let_go()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/hook"
