"""The models we sell, built in: what board each is, which cells it has, its picture."""

from typing import NamedTuple

from django.utils.translation import gettext_noop


class Model(NamedTuple):
    code: str
    name: str
    """An English message id."""
    board: str
    cells: tuple[str, ...]
    icon: str
    """A lucide icon."""


MODELS = {
    model.code: model
    for model in (
        Model("wearable-1", gettext_noop("Fall wearable"), "esp32", ("care",), "watch"),
        Model("camera-1", gettext_noop("Camera"), "esp32-cam", ("cameras",), "cctv"),
        Model("door-1", gettext_noop("Door controller"), "esp32", ("access",), "door-closed"),
        Model("lights-4", gettext_noop("Four lights"), "esp32", ("lights",), "lightbulb"),
    )
}
UNKNOWN = Model("", gettext_noop("Unknown model"), "", (), "cpu")


def model_of(code: str) -> Model:
    """The model with this code; a device may carry one that this version no longer knows."""
    return MODELS.get(code, UNKNOWN)
