"""Which automations there are and what they have done; a stranger's does not exist. How things are at an account."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet

from panal.cells.accounts.api import EDIT, SEE, account_ids_for, may, require
from panal.cells.cameras import api as cameras
from panal.cells.devices import api as devices
from panal.cells.lights import api as lights
from panal.control.instants import instant
from panal.protocol.errors import NotFound

from .models import Automation, Run
from .parts import EVENTS
from .rules import Facts

AT_DOOR = EVENTS["at_door"].name

clock_of = lights.clock_of


def _reach(user: Any, capability: str = SEE, prefix: str = "") -> Q:
    ids = account_ids_for(user, capability)
    return Q() if ids is None else Q(**{f"{prefix}account_id__in": ids})


def automations_for(user: Any, account: int | None = None, capability: str = SEE) -> QuerySet[Automation]:
    found = Automation.objects.filter(_reach(user, capability)).select_related("account")
    return found.filter(account_id=account) if account is not None else found


def automation_for(user: Any, automation_id: int, capability: str = SEE) -> Automation:
    """Raises NotFound for a stranger, Forbidden where the role is not enough."""
    found = automations_for(user).filter(pk=automation_id).first()
    if found is None:
        raise NotFound("not_found")
    require(user, found.account_id, capability)
    return found


def watch_of(device: Any) -> Automation | None:
    """The automation that keeps a camera's pictures of what happens at this door, and does nothing else."""
    found = Automation.objects.filter(account_id=device.account_id, event=AT_DOOR).order_by("pk")
    return next((one for one in found if one.when["device_id"] == device.pk and _only_pictures(one)), None)


def _only_pictures(automation: Automation) -> bool:
    return not automation.conditions and [action["kind"] for action in automation.actions] == ["snapshot"]


def may_edit(user: Any, account_id: int | None) -> bool:
    return may(user, account_id, EDIT)


def runs_for(user: Any, automation: Automation | None = None, outcome: str = "") -> QuerySet[Run]:
    found = Run.objects.filter(_reach(user, prefix="automation__")).select_related("automation")
    found = found.filter(automation=automation) if automation is not None else found
    return found.filter(outcome=outcome) if outcome else found


def facts_of(account_id: int, now: datetime) -> Facts:
    """How things are now, by the clock of the home."""
    local = now.astimezone(ZoneInfo(clock_of(account_id, now).name))
    return Facts(
        local.hour * 60 + local.minute,
        local.weekday(),
        dict(lights.lights_of(account_id).values_list("pk", "is_on")),
        {device.pk: device.is_online for device in devices.of_account(account_id)},
    )


class Things:
    """What automations of an account can be about, by kind: (id as text, name)."""

    def __init__(self, account_id: int) -> None:
        own = devices.of_account(account_id)
        self.devices = [(device.pk, device.name or device.pk) for device in own]
        self.cameras = [(device.pk, device.name or device.pk) for device in cameras.cameras_of(account_id)]
        self.lights = [(str(light.pk), light.name) for light in lights.lights_of(account_id)]
        self.scenes = [(str(scene.pk), scene.name) for scene in lights.scenes_of(account_id)]

    def name(self, kind: str, id: Any) -> str:
        """Of one of them, "" where it is not there any more."""
        return str(dict(getattr(self, kind)).get(str(id), ""))


__all__ = ["Things", "automation_for", "automations_for", "clock_of", "facts_of", "instant", "may_edit", "runs_for"]
