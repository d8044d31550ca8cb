"""What somebody near by may ask a board: its page at /local, and what older boards answered on the same network.

A person shows the code that the panel shows, or the password of the access point on the label, once, and gets a cookie
that is good until the board restarts. A program shows the token, as over HTTP to the server. `GET /` asks for nothing.
"""

from panal.board import visitor
from panal.protocol import keys

ASSET = "/assets/local.html"
INTERVAL_S = (1, 7200)
TRIES = 5
CLOSED_MS = 60000
COOKIE = "panal"
VARIABLES = ("ssid", "server_url", "check_interval")
BAD = "400 Bad Request"


async def answer(local, request, visit):
    asked = request.method + " " + request.path
    if asked == "GET /":
        await _greet(local, request, visit)
    elif asked == "GET /local":
        await visit.send_page(__file__.rpartition("/")[0] + ASSET)
    elif asked == "POST /local/enter":
        await _enter(local, request, visit)
    elif asked == "GET /local/state":
        if await _knows(local, request, visit):
            await visit.send_document(_state(local, request))
    elif asked == "POST /local/light":
        if await _knows(local, request, visit):
            await _switch(local, request, visit)
    elif asked == "GET /control_led":
        if await _shows_token(local, request, visit):
            await _control(local, request.arguments(), visit)
    elif asked == "GET /variable":
        if await _shows_token(local, request, visit):
            await _variable(local, request.arguments(), visit)
    else:
        await visit.send_document({"status": "error", "message": "not_found"}, "404 Not Found")


# who is it


async def _knows(local, request, visit):
    """Whether a person has shown the code, or a program the token; else the answer is given."""
    if _cookie(request) == cookie_of(local.board) or visitor.has_token(request, local.board.config["token"]):
        return True
    await visit.send_document({"error": "code"}, visitor.UNAUTHORIZED)
    return False


async def _shows_token(local, request, visit):
    if visitor.has_token(request, local.board.config["token"]):
        return True
    await visit.send_unauthorized()
    return False


def cookie_of(board):
    key = keys.derive(board.config["token"], "local")
    return keys.hex_of(keys.hmac_sha256(key, b"visit|%d" % board.boot_count))


def _cookie(request):
    for pair in request.header("cookie").split(";"):
        name, _, value = pair.strip().partition("=")
        if name == COOKIE:
            return value
    return ""


async def _enter(local, request, visit):
    """The code, once; five wrong ones, and nobody's is looked at for a minute."""
    now_ms = local.board.clock.monotonic_ms()
    if now_ms < local.closed_until_ms:
        await visit.send_document({"error": "later"}, "429 Too Many Requests")
        return
    try:
        code = request.document().get("code")
    except ValueError:
        code = None
    if not isinstance(code, str) or not _is_right(local.board, code.strip()):
        local.failures += 1
        if local.failures >= TRIES:
            local.failures, local.closed_until_ms = 0, now_ms + CLOSED_MS
        await visit.send_document({"error": "code"}, visitor.UNAUTHORIZED)
        return
    local.failures = 0
    cookie = "Set-Cookie: %s=%s; Path=/; HttpOnly; SameSite=Strict\r\n" % (COOKIE, cookie_of(local.board))
    await visit.send_document({}, more=cookie)


def _is_right(board, code):
    password = board.hardware.secret("ap_password")
    found = keys.same(code.encode(), keys.local_code(board.config["token"]).encode())
    return found or bool(password) and keys.same(code.encode(), password.encode())


# the page


def _state(local, request):
    board = local.board
    state = local.lights.show()
    state.update(
        {
            "name": board.config["device_id"],
            "mode": "remote" if board.link.is_up else "local",
            "language": visitor.language(request.header("accept-language")),
        }
    )
    return state


async def _switch(local, request, visit):
    try:
        asked = request.document()
        local.lights.switch(asked.get("light"), asked.get("on"), asked.get("level"), asked.get("for_s"))
    except ValueError as error:
        await visit.send_document({"error": str(error)}, BAD)
        return
    await visit.send_document(_state(local, request))


# older servers


async def _greet(local, request, visit):
    """This is how an older server finds a board alive."""
    given = request.arguments().get("check_interval")
    if given is None:
        await visit.send("200 OK", "text/plain", b"Home is Online")
    elif _set_interval(local, given):
        await visit.send("200 OK", "text/plain", b"New interval received: %d" % (local.interval_s * 1000))
    else:
        await visit.send(BAD, "text/plain", b"check_interval: 1 to 7200")


def _set_interval(local, text):
    if not text.isdigit() or len(text) > 5 or not INTERVAL_S[0] <= int(text) <= INTERVAL_S[1]:
        return False
    local.interval_s = int(text)
    return True


async def _control(local, given, visit):
    """By the names that the panel gave, or by the channel's number; where no room is said, in any."""
    number = _number_of(local.lights.show()["lights"], given.get("room", ""), given.get("light", ""))
    action = given.get("action")
    if number is None or action not in ("on", "off"):
        message = "light" if number is None else "action"
        await visit.send_document({"status": "error", "message": message}, "404 Not Found" if number is None else BAD)
        return
    local.lights.switch(number, action == "on")
    await visit.send_document({"status": "success"})


def _number_of(lights, room, light):
    for entry in lights:
        is_named = entry["name"] == light and (not room or entry["room"] == room)
        if light and (is_named or light == str(entry["number"])):
            return entry["number"]
    return None


async def _variable(local, given, visit):
    """`ssid` and `server_url` can be read. They are changed where a wrong one can be taken back: by the panel's change
    of Wi-Fi, and at the factory."""
    name = given.get("var_name")
    is_set = given.get("action") == "set"
    if name not in VARIABLES or given.get("action") not in ("get", "set"):
        await visit.send_document({"status": "error", "message": "action" if name in VARIABLES else "var_name"}, BAD)
    elif is_set and (name != "check_interval" or not _set_interval(local, given.get("value", ""))):
        await visit.send_document({"status": "error", "message": "value"}, BAD)
    else:
        await visit.send_document({"status": "success", "value": _value_of(local, name)})


def _value_of(local, name):
    if name == "check_interval":
        return local.interval_s
    if name == "server_url":
        return local.board.config["server"]
    from panal.board import networks
    from panal.board.memory import forget

    known = networks.load(local.board.storage, local.board.config["token"])[0]
    forget("panal.board.networks")
    forget("panal.protocol.envelope")
    return known[0][0] if known else ""
