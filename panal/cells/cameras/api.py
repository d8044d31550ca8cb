"""What other cells may use of cameras."""

from typing import Any

from panal.cells.devices import api as devices

from .actions import save_image
from .models import Camera
from .queries import CODES, camera_for, camera_of, cameras_for, newest_images_of


def cameras_of(account_id: int) -> Any:
    """Devices of the account that are cameras, for the server itself."""
    return devices.devices_of(account_id, CODES).select_related("account")


def camera_at(account_id: int, device_id: str) -> Camera | None:
    """This camera of the account, for the server itself."""
    device = cameras_of(account_id).filter(pk=device_id).first()
    return camera_of(device) if device is not None else None


def tile_of(camera: Camera) -> dict[str, Any]:
    """What cameras/tile.html shows; the script cameras/wall.js makes it move."""
    newest = {} if camera.is_connected else newest_images_of([camera])
    return {"camera": camera, "image_id": newest.get(camera.device_id)}


__all__ = ["camera_at", "camera_for", "cameras_for", "cameras_of", "save_image", "tile_of"]
