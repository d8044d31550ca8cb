"""The contract's own REST paths on the HTTP port, for programs written for the older server: docs/wire/camera.md.

`?camera=<id>` chooses, without it the default one. A change is a POST; its GET form needs a token, because a browser
follows links with its cookie.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from panal.gateway import body as json_body
from panal.gateway.errors import document_of, status_of
from panal.protocol.errors import BadRequest, Forbidden, NotFound, PanalError, Unauthorized, Unavailable

from . import messages
from .hub import Camera
from .viewers import Pass, is_same_origin, pass_of

if TYPE_CHECKING:
    from .gateway import Cameras

Endpoint = Callable[[Request], Awaitable[Response]]
MAX_BODY = 4096


class Paths:
    def __init__(self, cameras: "Cameras") -> None:
        self._cameras = cameras

    def routes(self) -> Iterable[BaseRoute]:
        def route(path: str, answer: Callable[[Request], Awaitable[Any]], *methods: str) -> Route:
            return Route(path, self._guarded(answer), methods=methods or ("GET",))

        return (
            route("/api/stats", self.stats),
            route("/api/resolutions", self.resolutions),
            route("/api/commands", self.commands),
            route("/api/command/{cmd}", self.command, "GET", "POST"),
            route("/api/command/{cmd}/{val}", self.command, "GET", "POST"),
            route("/api/images/stats", self.image_stats),
            route("/api/images/state", self.image_state),
            route("/api/images/latest", self.latest),
            route("/api/images/toggle", self.toggle, "POST"),
            route("/api/images/save", self.save, "POST"),
        )

    def _guarded(self, answer: Callable[[Request], Awaitable[Any]]) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            try:
                if not is_same_origin(request, self._cameras.hub.settings.public_url):
                    raise Forbidden("other_origin", "pages of other sites may not ask")
                found = await answer(request)
            except PanalError as error:
                document = document_of(error)
                return JSONResponse({"status": "error", **document}, status_of(error))
            return found if isinstance(found, Response) else JSONResponse(found, headers={"Cache-Control": "no-store"})

        return endpoint

    async def _asked(self, request: Request) -> tuple[Pass, Camera]:
        """Who asks, and the camera that is meant. Raises Unauthorized, NotFound."""
        who = pass_of(request, self._cameras.hub.settings.legacy_camera)
        camera = await self._cameras.camera_for(who, request.query_params.get("camera", ""))
        if camera is None:
            if not (who.cookie or who.authorization):
                raise Unauthorized("who_are_you", "sign in, or send a machine token")
            raise NotFound("not_found", "no such camera")
        return who, camera

    async def _ask(self, question: str, *arguments: Any) -> Any:
        return await self._cameras.hub.in_thread(self._cameras.hub.store.ask, question, *arguments)

    # what is asked

    async def stats(self, request: Request) -> Any:
        _, camera = await self._asked(request)
        return {**self._cameras.stats_of(camera), "image_saver": self._images(camera)}

    def _images(self, camera: Camera) -> dict[str, Any]:
        stats = [keeper.image_stats(camera) for keeper in self._cameras.keepers]
        return {"enabled": camera.settings.auto_save, "stats": stats[0] if stats else {}}

    async def resolutions(self, request: Request) -> Any:
        await self._asked(request)
        found = {
            str(number): {"name": name, "width": width, "height": height}
            for number, (name, width, height) in enumerate(messages.RESOLUTIONS)
        }
        return {"status": "ok", "resolutions": found, "default": messages.DEFAULT_RESOLUTION}

    async def commands(self, request: Request) -> Any:
        await self._asked(request)
        found = {
            cmd: {"min": bounds[0], "max": bounds[1], "priority": messages.priority(cmd)}
            if bounds
            else {"priority": messages.priority(cmd)}
            for cmd, bounds in messages.COMMANDS.items()
            if cmd != "idle"
        }
        return {"status": "ok", "commands": found}

    async def command(self, request: Request) -> Any:
        who, camera = await self._asked(request)
        is_program = request.headers.get("authorization", "").lower().startswith("bearer ")
        if request.method == "GET" and not (is_program or who.is_legacy):
            raise Forbidden("post_it", "a change is a POST; its GET form needs a token")
        val = request.path_params.get("val", request.query_params.get("val"))
        command = messages.parse_command({"cmd": request.path_params["cmd"], "val": val})
        await self._cameras.command(who, camera.device_id, command.cmd, command.val)
        return {"status": "ok", "cmd": command.cmd, "val": command.val, "camera_connected": camera.is_connected}

    # images

    async def image_stats(self, request: Request) -> Any:
        _, camera = await self._asked(request)
        return {"status": "ok", "stats": self._images(camera)["stats"]}

    async def image_state(self, request: Request) -> Any:
        _, camera = await self._asked(request)
        return {"status": "ok", "enabled": camera.settings.auto_save}

    async def latest(self, request: Request) -> Any:
        """The newest picture itself."""
        _, camera = await self._asked(request)
        if camera.latest is None:
            raise NotFound("no_picture", "this camera has sent nothing yet")
        return Response(camera.latest.jpeg, media_type="image/jpeg", headers={"Cache-Control": "no-store"})

    async def toggle(self, request: Request) -> Any:
        who, camera = await self._asked(request)
        data = await request.body() if int(request.headers.get("content-length") or 0) <= MAX_BODY else b"-"
        enabled = json_body.decode_object(data, MAX_BODY).get("enabled") if data.strip() else None
        if enabled not in (None, True, False):
            raise BadRequest("bad_field", "true or false", "enabled")
        if who.is_legacy:
            on = await self._ask("cameras.older_auto_save", camera.device_id, enabled, who.address)
        else:
            shown = (who.cookie, who.authorization, camera.device_id, enabled, who.address)
            on = await self._ask("cameras.auto_save", *shown)
        return {"status": "ok", "enabled": on}

    async def save(self, request: Request) -> Any:
        who, camera = await self._asked(request)
        if not who.is_legacy:
            await self._ask("cameras.operator", who.cookie, who.authorization, camera.device_id, who.address)
        for keeper in self._cameras.keepers:
            kept = await keeper.save(camera)
            return {"status": "ok", "path": kept.path, "size": kept.size_bytes}
        raise Unavailable("no_saver", "nothing keeps images here")
