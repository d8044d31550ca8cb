"""The captive portal: while the access point is open, every name and every path lead to the set-up page.

Phones and computers find out whether a network leads to the internet by asking for something known; each of those
questions gets a redirection here, which is what makes them open their sign-in sheet: /generate_204 (Android),
/hotspot-detect.html (Apple), /connecttest.txt and /ncsi.txt (Windows), /success.txt and /canonical.html (Firefox).
"""

import asyncio
import socket

from panal.board import dns, visitor
from panal.protocol.errors import BadRequest

ADDRESS = bytes((192, 168, 4, 1))
POLL_S = 0.05
MAX_NETWORKS = 20
AT_ONCE = 4  # a phone asks several things together; each costs memory


class Portal:
    def __init__(self, setup, hardware, log, name, local=None):
        """`setup`: scan(), choose(ssid, password), result(). `hardware.PORTAL`: host, port, DNS port, address shown.
        `local`: the board's own page (panal/board/local.py), which is answered here while there is no other network."""
        self._setup = setup
        self._host, self._port, self._dns_port, self._url = hardware.PORTAL
        self._log = log
        self._name = name
        self._local = local
        self._networks = []
        self._tasks = []
        self._server = None
        self._visits = []

    def open(self):
        self._tasks = [asyncio.create_task(self._serve_names()), asyncio.create_task(self._serve_pages())]

    def close(self):
        for task in self._tasks + self._visits:
            task.cancel()
        if self._server is not None:
            self._server.close()

    async def _serve_names(self):
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind(socket.getaddrinfo(self._host, self._dns_port)[0][-1])
            server.setblocking(False)
            while True:
                self._answer(server)
                await asyncio.sleep(POLL_S)
        finally:
            server.close()

    def _answer(self, server):
        try:
            question, peer = server.recvfrom(dns.MAX_BYTES)  # allocated whether somebody asks or not
            found = dns.answer(question, ADDRESS)
            if found is not None:
                server.sendto(found, peer)
        except OSError:  # nobody asks, or who asked has gone
            pass

    async def _serve_pages(self):
        self._networks = self._scan()
        self._server = await asyncio.start_server(self._serve, self._host, self._port)

    async def _serve(self, reader, writer):
        if len(self._visits) >= AT_ONCE:
            writer.close()
            return
        visit = asyncio.current_task()
        self._visits.append(visit)
        try:
            await visitor.converse(reader, writer, self._answer_visit, self._log)
        finally:
            self._visits.remove(visit)

    async def _answer_visit(self, request, visit):
        asked = request.method + " " + request.path
        if asked == "GET /":
            await visit.send_page(__file__.rpartition("/")[0] + "/assets/portal.html")
        elif asked == "GET /state":
            await visit.send_document(self._state(request))
        elif asked == "POST /scan":
            self._search()
            await visit.send_document(self._state(request))
        elif asked == "POST /join":
            await self._join(request, visit)
        elif self._local is not None and request.path in self._local.PATHS:
            await self._local.answer(request, visit)
        else:
            await visit.redirect(self._url)

    def _state(self, request):
        state, reason = self._setup.result()
        spoken, networks = visitor.language(request.header("accept-language")), self._networks
        return {"name": self._name, "language": spoken, "state": state, "reason": reason, "networks": networks}

    def _search(self):
        if self._setup.result()[0] not in ("trying", "reaching"):  # the radio can do one thing at a time
            self._networks = self._scan()

    def _scan(self):
        """Networks as [ssid, rssi, is_locked], the strongest first, each name once."""
        try:
            found = sorted(self._setup.scan(), key=lambda network: -network[1])
        except OSError:
            return self._networks
        names, networks = [], []
        for ssid, rssi, is_locked in found:
            if ssid and ssid not in names:
                names.append(ssid)
                networks.append([ssid, rssi, is_locked])
        return networks[:MAX_NETWORKS]

    async def _join(self, request, visit):
        error = None
        try:
            document = request.document()
            self._setup.choose(document.get("ssid"), document.get("password"))
        except BadRequest as refused:
            error = refused.code
        except ValueError:
            error = "not_json"
        if error is None:
            await visit.send_document({})
        else:
            await visit.send_document({"error": error}, "400 Bad Request")
