"""`POST cameras/images`: a picture now and then, from a board that does not stream. The body is the JPEG itself."""

import asyncio
from concurrent.futures import Future
from typing import TYPE_CHECKING, cast

from panal.gateway.cell import Answered, Call, Hub, Path
from panal.protocol.errors import BadRequest, Conflict

from .hub import Camera, size_of
from .machine import Picture, is_jpeg
from .news import ImageKept, Seen
from .saver import NotKept
from .settings import CameraSettings
from .storage import MOST_PX, Storage, refusal

if TYPE_CHECKING:
    from .gateway import Cameras

MAX_BYTES = 2 * 1024 * 1024


async def upload(hub: Hub, call: Call) -> Answered:
    """201 once it is on the disk; whoever looks at the camera sees it. 409 while it is private, or had enough."""
    id = call.caller.device_id
    width, height = size_of(call.body) if is_jpeg(call.body) else (0, 0)
    if not (0 < width <= MOST_PX and 0 < height <= MOST_PX):
        raise BadRequest("not_jpeg", "a whole JPEG is expected")
    settings: CameraSettings = await hub.in_thread(hub.store.ask, "cameras.settings", id)
    if settings.is_private:
        raise Conflict("private", "this camera is private at the moment")
    cameras = cast("Cameras", next(service for service in hub.services if hasattr(service, "keepers")))
    camera = cameras.camera(id)
    camera.settings = settings
    camera.give(Picture(call.body, width, height, None), call.now_ms)
    image = await _kept(next(k for k in cameras.keepers if isinstance(k, Storage)), camera)
    hub.post("cameras.seen", Seen(id, call.now_ms))
    return 201, {"ok": True, "path": image.path, "sizeBytes": image.size_bytes}


async def _kept(storage: Storage, camera: Camera) -> ImageKept:
    done: Future[ImageKept] = Future()
    assert camera.latest is not None
    storage.keep(camera.latest, "upload", done=done, most_per_hour=camera.settings.max_images_per_hour)
    try:
        return await asyncio.wrap_future(done)
    except NotKept as refused:
        raise refusal(refused) from None


PATH = Path(("POST", "PUT"), "cameras/images", upload, body="image/jpeg", max_bytes=MAX_BYTES)
