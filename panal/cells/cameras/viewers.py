"""Whoever looks: over a WebSocket, as MJPEG, or at one picture. Permission is asked, and asked again every 30 s."""

import asyncio
import base64
import logging
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from urllib.parse import urlsplit

from picows import WSListener, WSUpgradeRequest, WSUpgradeResponseWithListener
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from panal.gateway.limits import caller_behind, is_near
from panal.gateway.quick import CONNECTION
from panal.gateway.stream import CLOSE_S, Socket, keep_little, path_of, query_of, refuse
from panal.protocol.errors import PanalError
from panal.protocol.topics import is_device_id

from . import messages
from .hub import Camera, Frame, Slot
from .machine import POLICY

if TYPE_CHECKING:
    from .gateway import Cameras

logger = logging.getLogger(__name__)

CHECK_MS = 30_000
FRESH_MS = 1_000
"""A viewer begins with the newest frame, if it is no older."""
SNAPSHOT_S = 8.0
MAX_AGE_S = 10.0
MAX_SAID = 30
SAID_OVER_MS = 10_000
GONE = 1001
FULL = 1013
MOST_VIEWERS = 2_000
FPS = re.compile("[0-9]|[12][0-9]|30")


class Pass(NamedTuple):
    """What a caller shows: a session cookie or a token; or that they come from a local network, in the older way."""

    cookie: str = ""
    authorization: str = ""
    address: str = ""
    is_legacy: bool = False


class Outlet(Protocol):
    """The connection of one who looks."""

    is_paused: bool
    """What was sent last has not gone yet."""
    is_closed: bool

    def send_binary(self, data: bytes) -> None: ...

    def say(self, document: Any) -> None: ...

    def close(self, code: int, reason: str) -> None: ...


class Look:
    """One who looks at one camera: a frame goes out when the one before has, or a newer one instead."""

    def __init__(self, socket: Outlet, camera: Camera, cameras: "Cameras", who: Pass) -> None:
        self.socket, self.camera, self.cameras, self.who = socket, camera, cameras, who
        self.skipped = self.sent = 0
        self.check_ms = cameras.hub.now_ms() + CHECK_MS
        self.least_ms = 0
        """Between two frames, where it asked for fewer than the camera sends."""
        self._due_ms = 0
        self._next: Frame | None = None
        self._said, self._said_ms = 0, 0

    def begin(self) -> None:
        self.cameras.add_look(self)
        self.hear(self.cameras.status_of(self.camera))
        if self.camera.health:
            self.hear({"type": "camera_health", **self.camera.health})
        latest = self.camera.latest
        if latest and self.cameras.hub.now_ms() - latest.received_ms < FRESH_MS:
            self.offer(latest)
        self.camera.watch(self)

    def gone(self) -> None:
        self.camera.unwatch(self)
        self.cameras.remove_look(self)

    def end(self, code: int, reason: str) -> None:
        self.socket.close(code, reason)

    # frames

    def wants(self) -> bool:
        return not self.socket.is_closed

    def offer(self, frame: Frame) -> None:
        if frame.received_ms < self._due_ms:
            return
        # as often as asked on average, although frames do not come just when they are due
        late_ms = frame.received_ms - self._due_ms
        self._due_ms = frame.received_ms + self.least_ms - (late_ms if late_ms < self.least_ms else 0)
        self._put(frame)

    def _put(self, frame: Frame) -> None:
        if self.socket.is_paused:
            if self._next is not None:
                self.skipped += 1
            self._next = frame
        else:
            self.sent += 1
            self.socket.send_binary(frame.jpeg)

    def drained(self) -> None:
        frame, self._next = self._next, None
        if frame is not None:
            self._put(frame)

    def hear(self, document: dict[str, Any]) -> None:
        self.socket.say(document)

    # what it says

    def receive_text(self, message: dict[str, Any]) -> None:
        now_ms = self.cameras.hub.now_ms()
        if now_ms - self._said_ms > SAID_OVER_MS:
            self._said, self._said_ms = 0, now_ms
        self._said += 1
        if self._said > MAX_SAID:
            self.end(POLICY, "slow down")
        elif message.get("type") == "request_stats":
            self.hear({"type": "server_stats", **self.cameras.stats_of(self.camera)})
        elif message.get("type") == "command":
            self.cameras.spawn(self._command(message))

    async def _command(self, message: dict[str, Any]) -> None:
        try:
            command = messages.parse_command(message)
            await self.cameras.command(self.who, self.camera.device_id, command.cmd, command.val)
        except PanalError as error:
            cmd = message.get("cmd")
            self.hear({"type": "response", "cmd": cmd, "status": "error", "value": None, "error": error.document()})


class Live(Socket):
    """`/cameras/<id>/live` on the HTTP port: a page of a signed-in person, or a program with a token."""

    def __init__(self, request: WSUpgradeRequest, cameras: "Cameras", device_id: str, most_fps: int) -> None:
        super().__init__(request)
        self._cameras, self._device_id, self._most_fps = cameras, device_id, most_fps
        self._look: Look | None = None
        self._opening: asyncio.Task[None] | None = None

    def connected(self) -> None:
        self._opening = asyncio.create_task(self._open())

    async def _open(self) -> None:
        settings = self._cameras.hub.settings
        forwarded = self.header("x-forwarded-for")
        address = caller_behind(self.peer, forwarded, settings.trusted_proxies)
        cookie, authorization = self.header("cookie"), self.header("authorization")
        is_near_enough = bool(settings.legacy_camera) and is_near(self.peer, forwarded)
        who = Pass(cookie, authorization, address, is_near_enough and is_nobody(cookie, authorization))
        try:
            look = await self._cameras.look_of(who, self, self._device_id)
        except PanalError as error:
            self.close(FULL, error.message)
            return
        if look is None:
            self.close(POLICY, "you may not look through this camera")
        elif not self.is_closed:
            self._look = look
            look.least_ms = 1000 // self._most_fps if self._most_fps else 0
            look.begin()

    def receive_text(self, message: dict[str, Any]) -> None:
        if self._look:
            self._look.receive_text(message)

    def drained(self) -> None:
        if self._look:
            self._look.drained()

    def gone(self) -> None:
        if self._opening:
            self._opening.cancel()
        if self._look:
            self._look.gone()


def live(cameras: "Cameras", request: WSUpgradeRequest) -> WSListener | WSUpgradeResponseWithListener:
    """A cookie goes with requests that other sites make: a page of another origin gets nothing."""
    device_id = path_of(request).split("/")[2]
    if not is_device_id(device_id):
        return refuse(HTTPStatus.NOT_FOUND, "No such camera.\n")
    if not is_same_origin(request, cameras.hub.settings.public_url):
        return refuse(HTTPStatus.FORBIDDEN, "Pages of other sites may not look.\n")
    fps = query_of(request).get("fps", ["0"])[0]
    if not FPS.fullmatch(fps):
        return refuse(HTTPStatus.BAD_REQUEST, "fps: 1 to 30, or none for all frames.\n")
    return Live(request, cameras, device_id, int(fps))


def is_same_origin(request: Any, public_url: str) -> bool:
    origin = urlsplit(request.headers.get("origin", "") or "").netloc
    return not origin or origin in (request.headers.get("host", ""), urlsplit(public_url).netloc)


class Parts(asyncio.Protocol):
    """The connection of an MJPEG viewer, taken over from uvicorn. To its `Look` it is what a `Socket` is."""

    def __init__(self, camera: Camera, cameras: "Cameras", who: Pass) -> None:
        self.is_paused = self.is_closed = False
        self._look = Look(self, camera, cameras, who)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """As an ASGI application."""
        scope[CONNECTION].hand_over(MJPEG_HEADERS, self)

    # what the transport calls

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        keep_little(transport)
        self._look.begin()

    def pause_writing(self) -> None:
        self.is_paused = True

    def resume_writing(self) -> None:
        self.is_paused = False
        if not self.is_closed:
            self._look.drained()

    def connection_lost(self, error: Exception | None) -> None:
        self.is_closed = True
        self._look.gone()

    # what its Look calls

    def send_binary(self, jpeg: bytes) -> None:
        """As a `Socket`: what cannot go at once is kept without a copy."""
        self._transport.writelines((PART % len(jpeg), jpeg, b"\r\n"))

    def say(self, document: Any) -> None:
        """MJPEG has no room for texts."""

    def close(self, code: int, reason: str) -> None:
        if not self.is_closed:
            self.is_closed = True
            self._transport.write(b"--frame--\r\n")
            self._transport.close()
            asyncio.get_running_loop().call_later(CLOSE_S, self._transport.abort)


MJPEG = "multipart/x-mixed-replace; boundary=frame"
MJPEG_HEADERS = [(b"content-type", MJPEG.encode()), (b"cache-control", b"no-store"), (b"x-accel-buffering", b"no")]
PART = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"


def pass_of(request: Request, legacy_camera: str) -> Pass:
    headers, address = request.headers, request.client.host if request.client else ""
    authorization, cookie = bearer_of(headers.get("authorization", "")), headers.get("cookie", "")
    forwarded = ",".join(headers.getlist("x-forwarded-for"))
    is_legacy = bool(legacy_camera) and is_nobody(cookie, authorization) and is_near(address, forwarded)
    return Pass(cookie, authorization, address, is_legacy)


def is_nobody(cookie: str, authorization: str) -> bool:
    """Whether nothing is shown that could say who calls: only then does the older way count."""
    return not authorization and "panal_session=" not in cookie


def bearer_of(authorization: str) -> str:
    """A token as it is usually shown; programs that know only user name and password give it as the password."""
    kind, _, rest = authorization.partition(" ")
    if kind.lower() != "basic":
        return authorization
    try:
        _, _, token = base64.b64decode(rest.strip(), validate=True).decode().partition(":")
    except ValueError:
        return ""
    return f"Bearer {token}" if token else ""


class Pictures:
    """`/mjpeg`, `/cameras/<id>/mjpeg` and `/cameras/<id>/snapshot.jpg`."""

    def __init__(self, cameras: "Cameras") -> None:
        self._cameras = cameras

    async def _camera(self, request: Request) -> tuple[Camera | None, Pass]:
        who = pass_of(request, self._cameras.hub.settings.legacy_camera)
        camera = await self._cameras.camera_for(who, request.path_params.get("id", ""))
        return camera, who

    async def mjpeg(self, request: Request) -> Any:
        camera, who = await self._camera(request)
        if camera is None:
            return no(who, request)
        if len(self._cameras.looks) >= MOST_VIEWERS:
            return Response(status_code=503, headers={"Retry-After": "10"})
        return Parts(camera, self._cameras, who) if request.method == "GET" else only_head()

    async def snapshot(self, request: Request) -> Response:
        """`?max_age_s=10`: a picture of at most that age; one capture serves all who ask for it meanwhile."""
        try:
            max_age_s = float(request.query_params.get("max_age_s", MAX_AGE_S))
        except ValueError:
            max_age_s = -1.0
        if not 0 <= max_age_s <= 86_400:
            return JSONResponse({"error": {"code": "bad_max_age_s", "message": "0 to 86400 seconds"}}, 422)
        camera, who = await self._camera(request)
        if camera is None:
            return no(who, request)
        frame = await fresh(camera, self._cameras.hub.now_ms(), max_age_s)
        if frame is None:
            document = {"error": {"code": "no_picture", "message": "the camera sends nothing"}}
            return JSONResponse(document, 503, {"Retry-After": "10"})
        headers = {"Cache-Control": "no-store", "X-Captured-At-Ms": str(frame.captured_at_ms or frame.received_ms)}
        return Response(frame.jpeg, media_type="image/jpeg", headers=headers)


async def fresh(camera: Camera, now_ms: int, max_age_s: float) -> Frame | None:
    """The newest frame, if it is young enough; else the next one, for which an idle camera is woken."""
    latest = camera.latest
    if latest and now_ms - latest.received_ms <= max_age_s * 1000:
        return latest
    slot = Slot()
    camera.watch(slot)
    try:
        async with asyncio.timeout(SNAPSHOT_S):
            return await slot.wait()
    except TimeoutError:
        return None
    finally:
        slot.close()
        camera.unwatch(slot)


def only_head() -> Response:
    """To a HEAD: nobody looks, so no camera is woken."""
    response = Response(media_type=MJPEG, headers={"Cache-Control": "no-store"})
    del response.headers["Content-Length"]  # RFC 9110, 8.6: only what a GET would say
    return response


def no(who: Pass, request: Request) -> Response:
    """401 for nobody; for a person who may not, the camera does not exist.

    Programs are told that user name and password will do; a browser would ask its person for them.
    """
    if not who.cookie and not who.authorization:
        asked = "Bearer" if "sec-fetch-mode" in request.headers else 'Basic realm="Panal", Bearer'
        document = {"error": {"code": "who_are_you", "message": "sign in, or send a token"}}
        return JSONResponse(document, 401, {"WWW-Authenticate": asked})
    return JSONResponse({"error": {"code": "not_found", "message": "no such camera"}}, 404)
