"""How people read alerts: the letters they get, in their own language and time, and the audit log."""

import zoneinfo
from datetime import datetime
from typing import Any
from urllib.parse import urljoin

from django.conf import settings
from django.core import signing
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from panal.control.preferences import ZONES

from .channels import Letter
from .kinds import kind_of
from .models import Purpose, Urgency

LINK_DAYS = 14
SALT = "contacts.know"

WORDS = {
    "contact": (_("Contact"), "contact-round"),
    "channel": (_("Channel"), "send"),
    "team": (_("Team"), "users"),
    "policy": (_("Alert policy"), "route"),
    "alert": (_("Alert"), "siren"),
    "inquiry": (_("Message of the public form"), "inbox"),
    "contact.created": (_("Contact created"), ""),
    "contact.changed": (_("Contact changed"), ""),
    "contact.deleted": (_("Contact deleted"), ""),
    "channel.added": (_("Channel added"), ""),
    "channel.changed": (_("Channel changed"), ""),
    "channel.removed": (_("Channel removed"), ""),
    "team.created": (_("Team created"), ""),
    "team.changed": (_("Team changed"), ""),
    "team.deleted": (_("Team deleted"), ""),
    "policy.created": (_("Alert policy created"), ""),
    "policy.changed": (_("Alert policy changed"), ""),
    "policy.deleted": (_("Alert policy deleted"), ""),
    "alert.acknowledged": (_("Alert acknowledged"), ""),
    "alert.cleared": (_("All clear"), ""),
    "inquiry.answered": (_("Message answered"), ""),
    "inquiry.state_changed": (_("Message sorted"), ""),
}


def zone_of(name: str) -> zoneinfo.ZoneInfo:
    return zoneinfo.ZoneInfo(name if name in ZONES else settings.TIME_ZONE)


def base_url() -> str:
    """Where links in letters lead; without PANAL_PUBLIC_URL, to this machine."""
    if settings.PUBLIC_URL:
        return str(settings.PUBLIC_URL)
    host = settings.PANAL.host
    port = settings.PANAL.http_port
    return f"{'https' if settings.PANAL.tls else 'http'}://{'localhost' if host in ('0.0.0.0', '::') else host}:{port}"  # noqa: S104


def ticket(alert_id: str, contact_id: int) -> str:
    """What lets this contact, and nobody else, look at this alert and acknowledge it."""
    return signing.dumps([alert_id, contact_id], salt=SALT)


def read_ticket(text: str) -> tuple[str, int]:
    """Raises signing.BadSignature for what we did not write, or wrote long ago."""
    alert_id, contact_id = signing.loads(text, salt=SALT, max_age=LINK_DAYS * 86400)
    return str(alert_id), int(contact_id)


def link(alert_id: str, contact_id: int) -> str:
    return urljoin(base_url(), reverse("alert_know", args=[ticket(alert_id, contact_id)]))


def letter(job: Any) -> Letter:
    """What one person is told; `job` is recorder.Job."""
    with translation.override(job.language or settings.LANGUAGE_CODE):
        return _test(job) if job.alert is None else _of_alert(job)


def _test(job: Any) -> Letter:
    text = gettext("This is how you will be told of alerts. Nothing has happened.")
    document = {"event": "alert.test", "id": job.id}
    return Letter(job.id, gettext("Test of the alerts of Panal"), text, "", False, document)


def _of_alert(job: Any) -> Letter:
    alert = job.alert
    what = f"{gettext(kind_of(alert['kind']).label)}: {alert['name'] or alert['device_id']}"
    title, first = {
        Purpose.ALARM: (what, _reminder(job)),
        Purpose.KNOWN: (
            gettext("%(who)s knows: %(what)s") % {"who": alert["acknowledged_by"], "what": what},
            gettext("Somebody is taking care of it. Nobody else is being told."),
        ),
        Purpose.ALL_CLEAR: (gettext("All clear: %(what)s") % {"what": what}, _cleared(alert)),
    }[Purpose(job.purpose)]
    ask = gettext("Say that you know, so that nobody else is called:") if job.purpose == Purpose.ALARM else ""
    lines = [what, _when(alert["at"], job.time_zone), alert["account"], first, ask]
    return Letter(
        job.id,
        title,
        "\n".join(line for line in lines if line),
        link(alert["id"], job.contact_id),
        job.purpose == Purpose.ALARM and alert["urgency"] != Urgency.NOTICE,
        _document(job),
    )


def _reminder(job: Any) -> str:
    return gettext("Nobody has acknowledged this yet.") if job.round or job.step else ""


def _cleared(alert: Any) -> str:
    by = gettext("By %(who)s.") % {"who": alert["cleared_by"]} if alert["cleared_by"] else ""
    return f"{by} {alert['reason']}".strip()


def _when(at: datetime, zone: str) -> str:
    local = timezone.localtime(at, zone_of(zone))
    return f"{date_format(local, 'DATETIME_FORMAT')} ({zone_of(zone).key})"


def _document(job: Any) -> dict[str, Any]:
    alert = job.alert
    event = {Purpose.ALARM: "alert.raised", Purpose.KNOWN: "alert.acknowledged", Purpose.ALL_CLEAR: "alert.cleared"}
    return {
        "event": event[Purpose(job.purpose)],
        "id": job.id,
        "alert": alert["id"],
        "kind": alert["kind"],
        "urgency": alert["urgency"],
        "name": alert["name"],
        "device": alert["device_id"],
        "account": alert["account"],
        "at": alert["at"].isoformat(),
        "step": job.step,
        "round": job.round,
        "by": alert["acknowledged_by"] or alert["cleared_by"],
    }
