"""Who has turned it on, who may come to the broker for it, and the things of an account."""

import hashlib
import hmac
from typing import Any, NamedTuple

from panal.cells.access import api as access
from panal.cells.accounts.api import MANAGE, require
from panal.cells.devices import api as devices
from panal.cells.lights import api as lights

from .discovery import Lamp, Thing
from .models import Bridge

USER = "home."


class Home(NamedTuple):
    """A bridge that is on, for the data plane."""

    account_id: int
    prefix: str
    may_unlock: bool
    told: list[str]


def bridge_for(user: Any, account_id: int) -> Bridge | None:
    """For owners and the operator's administrators. Raises NotFound, Forbidden."""
    require(user, account_id, MANAGE)
    return Bridge.objects.filter(pk=account_id).first()


def homes() -> list[Home]:
    """Also those that are off and still have something to be forgotten."""
    found = Bridge.objects.all()
    return [Home(b.pk, b.prefix, b.may_unlock, list(b.told)) for b in found if b.is_on or b.told]


def is_on(account_id: int) -> bool:
    return Bridge.objects.filter(pk=account_id, is_on=True).exists()


def admit(user: str, password: str) -> str:
    """The prefix whose topics this user may use, or ""."""
    number = user.removeprefix(USER)
    bridge = Bridge.objects.filter(pk=int(number), is_on=True).first() if _is_number(number) else None
    given = hashlib.sha256(password.encode()).digest()
    kept = bytes(bridge.password_sha256) if bridge else bytes(32)
    return bridge.prefix if hmac.compare_digest(given, kept) and bridge else ""


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 16


def things(account_id: int) -> list[Thing]:
    """What Home Assistant may see of an account; nothing of one that has turned it off."""
    if not is_on(account_id):
        return []
    found = list(devices.of_account(account_id).select_related("sector", "twin", "door"))
    lamps = _lamps(account_id)
    return [_thing(device, tuple(lamps.get(device.pk, ()))) for device in found]


def _lamps(account_id: int) -> dict[str, list[Lamp]]:
    found: dict[str, list[Lamp]] = {}
    for light in lights.lights_of(account_id):
        name = light.name or str(light.channel)
        lamp = Lamp(light.channel, name, light.is_on, light.level_pct, light.dims)
        found.setdefault(light.device_id, []).append(lamp)
    return found


def _thing(device: Any, lamps: tuple[Lamp, ...]) -> Thing:
    cells = device.model.cells
    shown = access.shown(device) if "access" in cells else None
    return Thing(
        device.pk, str(device), device.model.name, str(device.sector or ""), device.fw, device.is_online,
        device.battery_pct, lamps, shown.lock if shown else "", shown.door if shown else "", shown is not None,
        "care" in cells,
    )  # fmt: skip
