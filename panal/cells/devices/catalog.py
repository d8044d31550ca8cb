"""The models we sell, built in: what board each is, which cells it has, its pins, its access point, its words."""

from typing import NamedTuple

# the one that marks without asking for settings: the firmware is built on machines that have none
from django.utils.translation.trans_null import gettext_noop


class Model(NamedTuple):
    code: str
    name: str
    """An English message id."""
    board: str
    cells: tuple[str, ...]
    icon: str
    """A lucide icon."""
    pins: str = ""
    """The module in panal/board/boards that says which part is at which pin; empty: its firmware is not made yet."""
    access_point: str = "RackON_"
    """What the name of its access point begins with; its id follows."""
    start: str = gettext_noop("Connect it to power.")
    """An English message id: how a customer turns it on, for the label and the page that follows a claim."""

    def access_point_of(self, device_id: str) -> str:
        return self.access_point + device_id


WEAR_IT = gettext_noop("Charge it. Two flashes of its light: its Wi-Fi is open.")
MODELS = {
    model.code: model
    for model in (
        Model("wearable-1", gettext_noop("Fall wearable"), "esp32", ("care",), "watch", "wearable_1", start=WEAR_IT),
        Model("camera-1", gettext_noop("Camera"), "esp32-cam", ("cameras",), "cctv", "camera_1"),
        Model("camera-2", gettext_noop("Camera, 5 megapixels"), "esp32-s3-cam", ("cameras",), "cctv", "camera_2"),
        Model("door-1", gettext_noop("Door controller"), "esp32", ("access",), "door-closed", "door_1"),
        Model("lights-4", gettext_noop("Four lights"), "esp32", ("lights",), "lightbulb", "lights_4"),
        Model("lights-older", gettext_noop("Lights, older board"), "", ("lights",), "lightbulb"),
    )
}
UNKNOWN = Model("", gettext_noop("Unknown model"), "", (), "cpu")


def model_of(code: str) -> Model:
    """The model with this code; a device may carry one that this version no longer knows."""
    return MODELS.get(code, UNKNOWN)


def cells_of_others(model: Model) -> frozenset[str]:
    """What no board of this model runs. A cell that no model names is on every board."""
    return frozenset(cell for other in MODELS.values() for cell in other.cells) - frozenset(model.cells)
