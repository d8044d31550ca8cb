"""A camera that is gone beyond a grace is told to people; it clears itself when the camera is back."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from panal.cells.contacts import api as contacts
from panal.cells.contacts.api import Alarm
from panal.control.instants import milliseconds

from . import files
from .models import Camera

OFFLINE = "cameras.offline"
LOOK_BACK = timedelta(days=7)
AT_ONCE = 500


def on_time(now: datetime) -> None:
    files.on_time(now)
    watch(now)


def watch(now: datetime) -> None:
    grace = timedelta(seconds=settings.PANAL.offline_grace_s)
    alarmed = contacts.alarmed_devices([OFFLINE])
    gone = Camera.objects.filter(connected_at=None, gone_at__lte=now - grace, gone_at__gt=now - LOOK_BACK)
    gone = gone.filter(device__account__isnull=False).exclude(device__state="revoked").select_related("device")
    batch = [_offline(camera) for camera in gone.exclude(pk__in=list(alarmed)).order_by("gone_at")[:AT_ONCE]]
    still = Camera.objects.filter(pk__in=list(alarmed), connected_at=None).exclude(device__state="revoked")
    accounts = dict(still.values_list("pk", "device__account_id"))
    over = [id for id, account_id in alarmed.items() if accounts.get(id) != account_id]
    if batch or over:
        with transaction.atomic():
            contacts.raise_alarms(batch, now)
            contacts.clear_of_devices(over, [OFFLINE], "", now, _("It is over by itself."))


def _offline(camera: Camera) -> Alarm:
    assert camera.gone_at is not None
    device, uid = camera.device, f"{OFFLINE}/{camera.pk}/{milliseconds(camera.gone_at)}"
    return Alarm(device.account_id, OFFLINE, uid, device.pk, str(device), camera.gone_at, f"/cameras/{device.pk}/")
