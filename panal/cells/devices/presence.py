"""Who is online. For MQTT the broker knows; over HTTP a device is online while it keeps speaking.

A session is one connection at the broker. What the broker says of a session that is no longer the newest changes
nothing, whatever the order in which the news arrives: a late goodbye never marks a newer session offline.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q

from panal.control import rows
from panal.control.events import publish_on_commit
from panal.control.instants import instant
from panal.gateway.store import DomainEvent

from .messages import Presence
from .models import Device

if TYPE_CHECKING:
    from .recorder import Known

SILENT_AFTER = 2.5
"""Heartbeat intervals without a word after which a device that speaks HTTP is offline."""


CLOCK_SET = timedelta(minutes=5)
"""News overtake each other by seconds; what lies further ahead was written by a clock that was wrong."""


class Link(NamedTuple):
    """A device's connection as it stands in its row."""

    is_online: bool
    session: str
    session_at: datetime | None
    transport: str


def after(link: Link, message: Presence) -> Link:
    """The link once the broker has said this of a session."""
    at = instant(message.at_ms)
    if message.online:
        if message.session == link.session or _is_newer(link.session_at, at):
            return link
        return Link(True, message.session, at, transport_of(message.session))
    if message.session != link.session:
        return link
    return Link(False, "", link.session_at if _is_newer(link.session_at, at) else at, link.transport)


def transport_of(session: str) -> str:
    """Which way a session came: those of WebSockets say so, the others are the broker's."""
    return "ws" if session.startswith("ws-") else "mqtt"


def _is_newer(session_at: datetime | None, at: datetime) -> bool:
    """Whether what we know of a session is newer than `at`. Much newer it cannot be: the clock was set back since."""
    return session_at is not None and at < session_at <= at + CLOCK_SET


def record(batch: Iterable[Presence], known: dict[str, "Known"], now: datetime) -> None:
    fields = ("id", "is_online", "session", "session_at", "transport")
    before = {row[0]: Link(*row[1:]) for row in Device.objects.filter(id__in=known).values_list(*fields)}
    links = dict(before)
    for message in batch:
        if message.device_id in links:
            links[message.device_id] = after(links[message.device_id], message)
    _store(before, links, {id: device.account_id for id, device in known.items()}, now)


def _store(before: dict[str, Link], links: dict[str, Link], accounts: dict[str, int | None], now: datetime) -> None:
    changed = {id: link for id, link in links.items() if link != before[id]}
    rows.update_each(
        f"UPDATE {rows.table(Device)} SET is_online = %s, session = %s, session_at = %s, transport = %s, "  # noqa: S608
        "online_changed_at = CASE WHEN is_online = %s THEN online_changed_at ELSE %s END, last_seen_at = %s "
        "WHERE id = %s",
        [_row(id, link, now) for id, link in changed.items()],
    )
    turned = [(id, link) for id, link in changed.items() if link.is_online != before[id].is_online]
    publish_on_commit(*(news(id, accounts[id], link.is_online) for id, link in turned))


def _row(id: str, link: Link, now: datetime) -> tuple[Any, ...]:
    adapt = connection.ops.adapt_datetimefield_value
    at = adapt(now)
    since = adapt(link.session_at) if link.session_at else None
    return (link.is_online, link.session, since, link.transport, link.is_online, at, at, id)


def news(device_id: str, account_id: int | None, is_online: bool) -> DomainEvent:
    name = "device.came_online" if is_online else "device.went_offline"
    return DomainEvent(name, "devices", account_id, device_id, {})


def seen_over_http(ids: Iterable[str], known: dict[str, "Known"], now: datetime) -> None:
    """Devices that spoke HTTP are online, unless the broker already holds a session of theirs."""
    turned = [id for id in ids if not (known[id].is_online and (known[id].session or known[id].transport == "http"))]
    if not turned:
        return
    Device.objects.filter(id__in=turned).update(is_online=True, transport="http", session="", online_changed_at=now)
    publish_on_commit(*(news(id, known[id].account_id, True) for id in turned if not known[id].is_online))


def expire(now: datetime) -> int:
    """HTTP devices that fell silent go offline. How many did."""
    usual = timedelta(seconds=SILENT_AFTER * settings.PANAL.heartbeat_s)
    online = Device.objects.filter(transport="http", is_online=True)
    silent = dict(online.filter(heartbeat_s=None, last_seen_at__lt=now - usual).values_list("id", "last_seen_at"))
    for id, seen_at, interval_s in online.exclude(heartbeat_s=None).values_list("id", "last_seen_at", "heartbeat_s"):
        if seen_at is None or seen_at < now - timedelta(seconds=SILENT_AFTER * (interval_s or 0)):
            silent[id] = seen_at
    return sum(_went_silent(id, seen_at, now) for id, seen_at in silent.items())


@transaction.atomic
def fell_silent(ids: Iterable[str], now: datetime) -> None:
    """These do not answer us: those that were online over HTTP are offline."""
    online = Device.objects.filter(id__in=list(ids), is_online=True, transport="http").order_by("id")
    turned = dict(online.select_for_update().values_list("id", "account_id"))
    if turned:
        Device.objects.filter(id__in=turned).update(is_online=False, online_changed_at=now)
        publish_on_commit(*(news(id, account_id, False) for id, account_id in turned.items()))


@transaction.atomic
def _went_silent(id: str, seen_at: datetime | None, now: datetime) -> int:
    """Only if it has not spoken since we looked."""
    rows_changed = Device.objects.filter(id=id, is_online=True, transport="http", last_seen_at=seen_at).update(
        is_online=False, online_changed_at=now
    )
    if rows_changed:
        account_id = Device.objects.values_list("account_id", flat=True).get(id=id)
        publish_on_commit(news(id, account_id, False))
    return rows_changed


@transaction.atomic
def reconcile(sessions: dict[str, str], seen_at: datetime, now: datetime) -> None:
    """Presence as the broker saw it at `seen_at`: whoever is not in `sessions` is offline.

    What we were told of a session after that instant is newer and stays.
    """
    fields = ("id", "is_online", "session", "session_at", "transport", "account_id")
    held = ~Q(session="") | Q(is_online=True, transport="mqtt")
    found = list(Device.objects.filter(held).order_by("id").select_for_update().values_list(*fields))
    missing = sessions.keys() - {row[0] for row in found}
    for ids in _chunks(sorted(missing)):
        found += Device.objects.filter(id__in=ids).order_by("id").select_for_update().values_list(*fields)
    before = {row[0]: Link(*row[1:5]) for row in found}
    links = {id: _as_seen(id, link, sessions, seen_at) for id, link in before.items()}
    _store(before, links, {row[0]: row[5] for row in found}, now)


def _as_seen(id: str, link: Link, sessions: dict[str, str], seen_at: datetime) -> Link:
    if _is_newer(link.session_at, seen_at):
        return link
    if id not in sessions:
        return Link(False, "", seen_at, link.transport)
    same = link.session == sessions[id] and link.is_online
    return link if same else Link(True, sessions[id], seen_at, transport_of(sessions[id]))


def _chunks(ids: list[str], size: int = 500) -> Iterable[list[str]]:
    return (ids[start : start + size] for start in range(0, len(ids), size))
