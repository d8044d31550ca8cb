"""Who may ask a board what, and what it answers: persons with the code, programs with the token, older servers."""

import asyncio
import binascii
import json
import unittest

from panal.board import local_api, visitor
from panal.board.tests import folder
from panal.protocol import keys

TOKEN = "5a" * 32
CODE = keys.local_code(TOKEN)
SECRET = {"x-device-key": TOKEN}


class Clock:
    now = 0

    def monotonic_ms(self):
        return self.now


class Hardware:
    def secret(self, name):
        return "label-word" if name == "ap_password" else ""


class Link:
    is_up = False


class Board:
    boot_count = 3

    def __init__(self):
        self.config = {"token": TOKEN, "device_id": "LAMPS234", "server": "http://10.0.0.1:6971"}
        self.clock, self.hardware, self.link, self.storage = Clock(), Hardware(), Link(), folder.Silence()


class Home:
    """A board's lights, as the page sees them."""

    def __init__(self):
        self.board = Board()
        self.lights = self
        self.interval_s, self.failures, self.closed_until_ms = 10, 0, 0
        self.switched = []

    def show(self):
        names = (("Techo", "Sala"), ("Techo", "Cocina"), ("3", ""))
        return {"lights": [{"number": n, "name": name, "room": room} for n, (name, room) in enumerate(names, 1)]}

    def switch(self, number, is_on, level=None, for_s=None):
        if number not in (1, 2, 3):
            raise ValueError("light")
        self.switched.append((number, is_on, level, for_s))


class Stranger:
    """Reader and writer of a connection on which somebody says what is no request."""

    def __init__(self, data):
        self._data = data
        self.read_bytes = 0
        self.is_closed = False

    async def read(self, count):
        portion = self._data[self.read_bytes : self.read_bytes + count]
        self.read_bytes += len(portion)
        return portion

    def close(self):
        self.is_closed = True

    async def wait_closed(self):
        pass


class Visit(visitor.Visit):
    def __init__(self):
        super().__init__(None)
        self.status = self.body = None
        self.more = ""

    async def send(self, status, kind, body, more=""):
        self.status, self.body, self.more = int(status.split(" ")[0]), body, more

    async def send_page(self, path):
        self.status, self.body = 200, path


class LocalTest(unittest.TestCase):
    def setUp(self):
        self.home = Home()

    def ask(self, line, document=None, **headers):
        head = "%s HTTP/1.1\r\n" % line
        head += "".join(["%s: %s\r\n" % (name.replace("_", "-"), value) for name, value in headers.items()])
        body = b"" if document is None else json.dumps(document).encode()
        visit = Visit()
        asyncio.run(local_api.answer(self.home, visitor.Request(head.encode(), body), visit))
        return visit

    def enter(self, code):
        return self.ask("POST /local/enter", {"code": code})

    def test_an_older_server_finds_it_alive_and_says_how_often_it_will_ask(self):
        self.assertEqual(self.ask("GET /").body, b"Home is Online")
        self.assertEqual(self.ask("GET /?check_interval=30").body, b"New interval received: 30000")
        self.assertEqual(self.home.interval_s, 30)
        for bad in ("0", "7201", "-1", "x", "", "999999999999"):
            self.assertEqual(self.ask("GET /?check_interval=" + bad).status, 400)
        self.assertEqual(self.home.interval_s, 30)

    def test_nobody_else_does_anything_without_a_secret(self):
        for line in (
            "GET /local/state",
            "POST /local/light",
            "GET /control_led?light=1&action=on",
            "GET /variable?action=get&var_name=ssid",
        ):
            self.assertEqual(self.ask(line, {"light": 1, "on": True}).status, 401)
            self.assertEqual(self.ask(line, {"light": 1, "on": True}, x_device_key="6b" * 32).status, 401)
            self.assertEqual(self.ask(line, {"light": 1, "on": True}, cookie="panal=" + "0" * 64).status, 401)
        self.assertEqual(self.home.switched, [])

    def test_the_code_opens_it_until_the_board_restarts(self):
        for code in (CODE, "label-word", " " + CODE + " "):
            self.assertEqual(self.enter(code).status, 200)
        cookie = self.enter(CODE).more.split(": ")[1].split(";")[0]
        self.assertEqual(self.ask("GET /local/state", cookie="a=b; " + cookie).status, 200)
        self.ask("POST /local/light", {"light": 2, "on": True, "level": 30}, cookie=cookie)
        self.assertEqual(self.home.switched, [(2, True, 30, None)])
        self.home.board.boot_count += 1
        self.assertEqual(self.ask("GET /local/state", cookie=cookie).status, 401)

    def test_after_five_wrong_codes_nobody_is_asked_for_a_minute(self):
        for _ in range(4):
            self.assertEqual(self.enter("00000000").status, 401)
        self.assertEqual(self.enter(CODE).status, 200)
        for _ in range(5):
            self.assertEqual(self.enter("00000000").status, 401)
        self.assertEqual(self.enter(CODE).status, 429)
        Clock.now, before = local_api.CLOSED_MS + 1, Clock.now
        self.assertEqual(self.enter(CODE).status, 200)
        Clock.now = before

    def test_what_is_no_code_counts_as_a_wrong_one(self):
        for code in (None, 5, [], "", "x" * 500):
            self.assertEqual(self.enter(code).status, 401)

    def test_a_cookie_is_not_enough_where_a_link_in_a_page_would_be(self):
        """`GET /control_led` changes something: whoever follows a link must not."""
        cookie = "panal=" + local_api.cookie_of(self.home.board)
        self.assertEqual(self.ask("GET /control_led?light=1&action=on", cookie=cookie).status, 401)

    def test_a_program_shows_its_token_in_each_of_the_ways(self):
        basic = binascii.b2a_base64(b"LAMPS234:" + TOKEN.encode()).strip().decode()
        for headers in (SECRET, {"authorization": "Basic " + basic}, {"authorization": "Bearer LAMPS234:" + TOKEN}):
            self.assertEqual(self.ask("GET /local/state", **headers).status, 200)
        for wrong in ("Basic %%%", "Bearer", "Basic " + basic[:-8]):
            self.assertEqual(self.ask("GET /local/state", authorization=wrong).status, 401)

    def test_lights_have_the_names_that_the_panel_gave_and_their_numbers(self):
        for query, number in (
            ("room=Sala&light=Techo&action=on", 1),
            ("room=Cocina&light=Techo&action=on", 2),
            ("room=&light=3&action=on", 3),
            ("light=T%65cho&action=on", 1),
        ):
            self.assertEqual(json.loads(self.ask("GET /control_led?" + query, **SECRET).body), {"status": "success"})
            self.assertEqual(self.home.switched.pop(), (number, True, None, None))
        for query, status in (("room=Patio&light=Techo&action=on", 404), ("light=1&action=blink", 400), ("", 404)):
            self.assertEqual(self.ask("GET /control_led?" + query, **SECRET).status, status)
        self.assertEqual(self.home.switched, [])

    def test_variables_are_three_and_none_is_a_secret(self):
        def variable(query):
            return self.ask("GET /variable?" + query, **SECRET)

        self.assertEqual(json.loads(variable("action=get&var_name=server_url").body)["value"], "http://10.0.0.1:6971")
        self.assertEqual(json.loads(variable("action=set&var_name=check_interval&value=60").body)["value"], 60)
        for query in (
            "action=get&var_name=token",
            "action=get&var_name=wifi_password",
            "action=set&var_name=server_url&value=http://evil",
            "action=set&var_name=check_interval&value=x",
            "action=drop&var_name=ssid",
        ):
            self.assertEqual(variable(query).status, 400)

    def test_what_there_is_not_is_not_found(self):
        for line in ("GET /nothing", "POST /", "PUT /local/light", "BREW /local"):
            self.assertEqual(self.ask(line).status, 404)


class RequestTest(unittest.TestCase):
    def test_what_is_no_request_costs_no_memory(self):
        for data, most in ((bytes(5000), 256), (b"\x16\x03\x01" + bytes(900), 256), (b"G" * 5000, 2560), (b"", 0)):
            stranger = Stranger(data)
            asyncio.run(visitor.converse(stranger, stranger, None, None))
            self.assertTrue(stranger.read_bytes <= most)
            self.assertTrue(stranger.is_closed)

    def test_a_request_is_whole_when_its_head_and_what_it_announces_are_there(self):
        self.assertFalse(visitor.is_whole(b"GET / HTTP/1.1\r\n"))
        self.assertTrue(visitor.is_whole(b"GET / HTTP/1.1\r\n\r\n"))
        self.assertFalse(visitor.is_whole(b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nab"))
        self.assertTrue(visitor.is_whole(b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"))
        self.assertTrue(visitor.is_whole(b"POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n"))

    def test_names_are_unquoted(self):
        self.assertEqual(visitor.unquoted("L%C3%A1mpara+1"), "Lámpara 1")
        for odd in ("%", "%4", "%zz", "100%", "%C3"):
            visitor.unquoted(odd)

    def test_nonsense_is_a_request_for_nothing(self):
        for head in (b"", b"\xff\xfe", b"GET", b"GET  ", b"\r\n", b"GET /?%%%&&=== HTTP/1.1"):
            request = visitor.Request(head, b"")
            request.arguments()
            request.header("cookie")
