"""What time and batteries raise: a device that stays silent beyond a grace, a battery that runs low.

A device that is only late is a fault on its page and no alarm. Both clear themselves when it is over. Cells whose
devices deserve other words watch theirs themselves.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from panal.cells.contacts import api as contacts
from panal.cells.contacts.api import Alarm
from panal.control.instants import milliseconds

from .catalog import MODELS
from .models import Device, State

OFFLINE, BATTERY = "devices.offline", "devices.battery"
OWN_WATCH = ("care", "cameras")
"""Cells that watch their own devices."""
LOW_PCT, GOOD_PCT = 15, 25
"""Apart, so that a battery at the edge does not call and clear all day."""
LOOK_BACK = timedelta(days=7)
AT_ONCE = 500


def watch(now: datetime) -> None:
    others = [code for code, model in MODELS.items() if set(model.cells) & set(OWN_WATCH)]
    own = Device.objects.exclude(model_code__in=others)
    _watch_silence(own, now)
    _watch_battery(own, now)


def _watch_silence(found: QuerySet[Device], now: datetime) -> None:
    grace = timedelta(seconds=settings.PANAL.offline_grace_s)
    alarmed = contacts.alarmed_devices([OFFLINE])
    silent = found.filter(
        is_online=False,
        state=State.ACTIVATED,
        account__isnull=False,
        last_seen_at__isnull=False,
        online_changed_at__lte=now - grace,
        online_changed_at__gt=now - LOOK_BACK,
    ).exclude(pk__in=list(alarmed))
    batch = [_offline(device) for device in silent.order_by("online_changed_at")[:AT_ONCE]]
    still = found.filter(pk__in=list(alarmed), is_online=False, state=State.ACTIVATED)
    _write(batch, _over(alarmed, still), OFFLINE, now)


def _over(alarmed: dict[str, int], still: QuerySet[Device]) -> list[str]:
    """Those that are back, gone for good, or somebody else's by now."""
    holding = {device.pk for device in still if device.account_id == alarmed[device.pk]}
    return [id for id in alarmed if id not in holding]


def _offline(device: Device) -> Alarm:
    since = device.online_changed_at
    assert since is not None
    uid = f"{OFFLINE}/{device.pk}/{milliseconds(since)}"
    return Alarm(device.account_id, OFFLINE, uid, device.pk, str(device), since, f"/devices/{device.pk}/")


def _watch_battery(found: QuerySet[Device], now: datetime) -> None:
    alarmed = contacts.alarmed_devices([BATTERY])
    low = found.filter(battery_pct__lt=LOW_PCT, account__isnull=False, state=State.ACTIVATED, is_online=True)
    hour = int(now.timestamp() // 3600)  # two replicas that see it at once raise one
    batch = [
        Alarm(d.account_id, BATTERY, f"{BATTERY}/{d.pk}/{hour}", d.pk, str(d), now, f"/devices/{d.pk}/")
        for d in low.exclude(pk__in=list(alarmed)).order_by("pk")[:AT_ONCE]
    ]
    still = Device.objects.filter(pk__in=list(alarmed), battery_pct__lt=GOOD_PCT, state=State.ACTIVATED)
    _write(batch, _over(alarmed, still), BATTERY, now)


def _write(batch: list[Alarm], over: list[str], kind: str, now: datetime) -> None:
    if not batch and not over:
        return
    with transaction.atomic():
        contacts.raise_alarms(batch, now)
        contacts.clear_of_devices(over, [kind], "", now, _("It is over by itself."))
