"""What other cells may use of doors."""

from typing import Any

from .actions import unlock_door
from .queries import door_for, doors_for, may_open, shown


def door_of(account_id: int, device_id: str) -> Any:
    """For the server itself: this door of the account, or None."""
    from panal.cells.devices import api as devices

    from .lists import DOOR_MODELS

    return devices.devices_of(account_id, DOOR_MODELS).select_related("account").filter(pk=device_id).first()


__all__ = ["door_for", "door_of", "doors_for", "may_open", "shown", "unlock_door"]
