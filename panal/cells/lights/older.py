"""Boards of the older kind in the database: where they are, what they call their lights, firmware on its way to them.

Such a board is a device like others: its lights are lights, switched and seen as all are. Only that nobody waits for it
to call: `rounds.py` visits it.
"""

import hashlib
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from panal.cells.accounts.api import MANAGE, SEE, Actor, record_audit, require
from panal.cells.devices import api as devices
from panal.control.events import publish_on_commit
from panal.control.instants import instant, milliseconds
from panal.gateway.store import DomainEvent
from panal.protocol.errors import BadRequest, Conflict, NotFound

from . import machine, visits
from .models import Light, OlderBoard, OlderHome, OlderLight, OlderPush, PushState

MODEL = "lights-older"
FILES = ("firmware.bin", "spiffs.bin", "bootloader.bin", "partitions.bin")
MOST_BOARDS = 200
MOST_FIRMWARE = 4 * 1024 * 1024
LEASE = timedelta(seconds=30)
"""A replica that was to visit a board and did not come back is forgotten after so long."""
AGAIN = timedelta(seconds=3)
"""After the first visit that went wrong; the second one says that the board is offline."""
AWAY = timedelta(seconds=30)
"""Boards that are offline are looked for this often, even if they are else asked more seldom."""
GONE = timedelta(seconds=60)


class NewBoard(NamedTuple):
    board: OlderBoard
    token: str
    """Shown once: with it the board asks for `/lights_status/`."""


def _news(board: OlderBoard, name: str = "older.changed") -> DomainEvent:
    return DomainEvent(name, "lights", board.device.account_id, board.pk, {})


def place_of(text: str) -> visits.Place:
    """Raises BadRequest("bad_address") for names, public addresses and networks that the operator has not allowed."""
    try:
        return visits.place_of(text, settings.PANAL.older_networks)
    except ValueError:
        raise BadRequest(
            "bad_address", "an address of the local network is expected, such as 192.168.1.40", "address"
        ) from None


# what changes them


@transaction.atomic
def add_board(*, account_id: int, name: str, address: str, actor: Actor, sector: Any = None) -> NewBoard:
    """Raises BadRequest, Conflict("too_many_boards")."""
    place = place_of(address)
    if OlderBoard.objects.filter(device__account_id=account_id).count() >= MOST_BOARDS:
        raise Conflict("too_many_boards", f"at most {MOST_BOARDS} boards of the older kind")
    [minted] = devices.mint_devices(model=MODEL, account_id=account_id, actor=actor, note="lights-older")
    device = devices.locked({minted.device_id})[0]
    devices.change_device(device=device, name=name, sector=sector, heartbeat_s=_heartbeat_s(account_id), actor=actor)
    board = OlderBoard.objects.create(device=device, address=place.address, port=place.port, next_at=timezone.now())
    _audit("older.added", board, actor, {}, {"address": board.place})
    return NewBoard(board, minted.token)


@transaction.atomic
def move_board(*, board: OlderBoard, address: str, actor: Actor) -> None:
    place, before = place_of(address), board.place
    board.address, board.port = place.address, place.port
    board.failures, board.next_at = 0, timezone.now()
    board.save(update_fields=["address", "port", "failures", "next_at"])
    _audit("older.moved", board, actor, {"address": before}, {"address": board.place})


@transaction.atomic
def remove_board(*, board: OlderBoard, actor: Actor) -> None:
    """Its device is revoked: its history stays, its token opens nothing any more."""
    _audit("older.removed", board, actor, {"address": board.place}, {})
    devices.revoke_device(device=board.device, actor=actor)
    board.delete()


@transaction.atomic
def set_interval(*, account_id: int, interval_s: int, actor: Actor) -> None:
    if not 1 <= interval_s <= 7200:
        raise BadRequest("bad_interval", "1 to 7200 seconds", "interval_s")
    home, _made = OlderHome.objects.get_or_create(account_id=account_id)
    before, home.interval_s = home.interval_s, interval_s
    home.save(update_fields=["interval_s"])
    boards = OlderBoard.objects.filter(device__account_id=account_id)
    boards.update(next_at=timezone.now())
    for board in boards.select_related("device"):
        devices.change_device(device=board.device, heartbeat_s=_heartbeat_s(account_id), actor=actor)
        publish_on_commit(_news(board))
    record_audit(
        actor=actor, verb="older.interval_set", subject=home, account_id=account_id,
        before={"interval_s": before}, after={"interval_s": interval_s},
    )  # fmt: skip


def _heartbeat_s(account_id: int | None) -> int:
    """Between two visits nobody may think that it fell silent: we know ourselves when it did."""
    return max(60, interval_of(account_id))


@transaction.atomic
def add_light(*, board: OlderBoard, room: str, name: str, actor: Actor) -> Light:
    """Raises BadRequest, Conflict("name_taken", "too_many_lights")."""
    room, name = _word(room, "room"), _word(name, "name")
    taken = set(board.names.values_list("channel", flat=True))
    free = [channel for channel in range(1, machine.MAX_CHANNELS + 1) if channel not in taken]
    if not free:
        raise Conflict("too_many_lights", f"at most {machine.MAX_CHANNELS} lights on one board")
    try:
        with transaction.atomic():
            OlderLight.objects.create(board=board, channel=free[0], room=room, name=name)
    except IntegrityError:
        raise Conflict("name_taken", "this board has such a light already", "name") from None
    account_id = board.device.account_id
    sector = None if account_id is None else devices.sectors_of_account(account_id).filter(name=room).first()
    values = {"account_id": account_id, "name": name, "sector": sector, "removed_at": None}
    light, _made = Light.objects.update_or_create(device_id=board.pk, channel=free[0], defaults=values)
    _audit("older.light_added", board, actor, {}, {"room": room, "name": name})
    return light


@transaction.atomic
def remove_light(*, line: OlderLight, actor: Actor) -> None:
    Light.objects.filter(device_id=line.board_id, channel=line.channel).update(
        removed_at=timezone.now(), wanted_at=None, deadline_at=None
    )
    _audit("older.light_removed", line.board, actor, {"room": line.room, "name": line.name}, {})
    line.delete()


@transaction.atomic
def begin_push(*, board: OlderBoard, name: str, data: bytes, actor: Actor) -> OlderPush:
    """Raises BadRequest, Conflict("push_open")."""
    if name not in FILES:
        raise BadRequest("bad_firmware", f"one of {', '.join(FILES)}", "name", FILES)
    if not 0 < len(data) <= MOST_FIRMWARE:
        raise BadRequest("bad_firmware", f"1 to {MOST_FIRMWARE} bytes", "file")
    now, digest = timezone.now(), hashlib.sha256(data).hexdigest()
    try:
        with transaction.atomic():
            push = OlderPush.objects.create(
                board=board, name=name, size_bytes=len(data), sha256=digest, data=data,
                asked_by=actor.text[:200], asked_at=now, heard_at=now,
            )  # fmt: skip
    except IntegrityError:
        raise Conflict("push_open", "firmware is on its way to this board already") from None
    _audit("older.push_asked", board, actor, {}, {"name": name, "bytes": len(data), "sha256": digest})
    return push


def _word(text: str, field: str) -> str:
    text = text.strip()
    if not 0 < len(text) <= 40 or not text.isprintable():
        raise BadRequest(f"bad_{field}", "1 to 40 letters in one line", field)
    return text


def _audit(verb: str, board: OlderBoard, actor: Actor, before: dict[str, Any], after: dict[str, Any]) -> None:
    account_id = board.device.account_id
    record_audit(actor=actor, verb=verb, subject=board.device, account_id=account_id, before=before, after=after)
    publish_on_commit(_news(board))


# who may see them


def boards_for(user: Any, account: int | None = None, capability: str = SEE) -> QuerySet[OlderBoard]:
    found = OlderBoard.objects.filter(device__in=devices.devices_for(user, capability)).exclude(device__state="revoked")
    found = found.filter(device__account_id=account) if account is not None else found
    return found.select_related("device__account", "device__sector").prefetch_related("names").order_by("device__name")


def board_for(user: Any, device_id: str, capability: str = SEE) -> OlderBoard:
    """Raises NotFound for a stranger, Forbidden where the role is not enough."""
    device = devices.device_for(user, device_id, capability)
    board = OlderBoard.objects.filter(device=device).select_related("device__account").first()
    if board is None:
        raise NotFound("not_found")
    return board


def require_manage(user: Any, account_id: int) -> None:
    """Addresses and firmware are for owners and for the operator's administrators."""
    require(user, account_id, MANAGE)


def interval_of(account_id: int | None) -> int:
    found = OlderHome.objects.filter(pk=account_id).values_list("interval_s", flat=True).first()
    return int(found or 10)


# what the data plane asks


class Due(NamedTuple):
    """A board to be visited now, by whoever asked."""

    device_id: str
    place: visits.Place
    interval_s: int


class Order(NamedTuple):
    channel: int
    room: str
    name: str
    is_on: bool
    set_at_ms: int
    until_ms: int | None
    by: str


class Orders(NamedTuple):
    """What a board is to do, and to which desired version that is the answer."""

    place: visits.Place
    version: int
    orders: list[Order]


class Firmware(NamedTuple):
    push_id: int
    device_id: str
    place: visits.Place
    name: str
    data: bytes


def ids() -> list[str]:
    return list(_live().values_list("device_id", flat=True))


def _live() -> QuerySet[OlderBoard]:
    return OlderBoard.objects.exclude(device__state="revoked").exclude(device__account=None)


@transaction.atomic
def due(now_ms: int, most: int) -> list[Due]:
    """Boards whose time has come; no other replica gets them until the lease is over."""
    now, found = instant(now_ms), []
    for board in _live().filter(next_at__lte=now).select_related("device").order_by("next_at")[:most]:
        mine = OlderBoard.objects.filter(pk=board.pk, next_at=board.next_at).update(next_at=now + LEASE)
        if mine:
            place = visits.Place(board.address, board.port)
            found.append(Due(board.pk, place, interval_of(board.device.account_id)))
    return found


def orders(device_id: str, now_ms: int) -> Orders | None:
    """What is wanted of this board's lights and not done yet; timers that are over are wanted off."""
    board = _live().filter(pk=device_id).prefetch_related("names").first()
    if board is None:
        return None
    names = {line.channel: line for line in board.names.all()}
    lights = Light.objects.filter(device_id=device_id, removed_at=None, channel__in=names)
    found = [order for light in lights if (order := _order(light, names[light.channel], now_ms)) is not None]
    return Orders(visits.Place(board.address, board.port), devices.desired(device_id).version, found)


def _order(light: Light, line: OlderLight, now_ms: int) -> Order | None:
    if light.wanted_at is not None:
        on, for_s = light.wanted_on, light.wanted_for_s
        until_ms = now_ms + 1000 * for_s if on and for_s else None
        return Order(line.channel, line.room, line.name, on, light.set_at_ms, until_ms, "page")
    if light.is_on and light.until_at is not None and milliseconds(light.until_at) <= now_ms:
        return Order(line.channel, line.room, line.name, False, max(now_ms, light.set_at_ms + 1), None, "timer")
    return None


def timers_over(now_ms: int) -> list[str]:
    """Boards with a light whose timer is over: they have no timers of their own."""
    lights = Light.objects.filter(is_on=True, until_at__lte=instant(now_ms), device__in=_live().values("device_id"))
    return list(lights.order_by().values_list("device_id", flat=True).distinct())


@transaction.atomic
def next_push(now_ms: int) -> Firmware | None:
    """The firmware that waits longest; no other replica gets it. One that nobody sends any more has failed."""
    now = instant(now_ms)
    OlderPush.objects.filter(state=PushState.SENDING, heard_at__lt=now - GONE).update(
        state=PushState.FAILED, trouble=visits.SILENT, data=None, heard_at=now
    )
    push = OlderPush.objects.filter(state=PushState.WAITING).select_related("board").order_by("id").first()
    if push is None:
        return None
    waiting = OlderPush.objects.filter(pk=push.pk, state=PushState.WAITING)
    if not waiting.update(state=PushState.SENDING, heard_at=now):
        return None
    place = visits.Place(push.board.address, push.board.port)
    return Firmware(push.pk, push.board_id, place, push.name, bytes(push.data or b""))


def status(device_id: str) -> list[dict[str, str]]:
    """`GET /lights_status/`: all lights of the account of the device that asks."""
    owner = devices.owners_of([device_id]).get(device_id)
    if owner is None:
        return []
    lights = Light.objects.filter(account_id=owner, device__account_id=owner, removed_at=None)
    lights = lights.exclude(device__state="revoked").select_related("device", "sector").order_by("device_id", "channel")
    lines = OlderLight.objects.filter(board__device__account_id=owner)
    names = {(line.board_id, line.channel): line for line in lines}
    return [_shown(light, names.get((light.device_id, light.channel))) for light in lights]


def _shown(light: Light, line: OlderLight | None) -> dict[str, str]:
    room = line.room if line else str(light.sector or "")
    return {"room": room, "light": line.name if line else str(light), "state": "on" if light.is_on else "off"}


# what rounds.py tells


def record_checked(batch: list[Any], now: datetime) -> list[Any]:
    """How visits went: who was found is online, who was missed twice is not."""
    known = {board.pk: board for board in OlderBoard.objects.filter(pk__in={m.device_id for m in batch})}
    known_devices = OlderBoard.objects.filter(pk__in=known).values_list("device_id", "device__account_id")
    accounts = dict(known_devices)
    intervals = dict(OlderHome.objects.filter(pk__in=set(accounts.values())).values_list("pk", "interval_s"))
    for message in batch:
        if message.device_id in known:
            every = timedelta(seconds=intervals.get(accounts[message.device_id] or 0, 10))
            _follow(known[message.device_id], message, every)
    OlderBoard.objects.bulk_update(known.values(), ["failures", "trouble", "checked_at", "next_at"])
    devices.heard_from([board.pk for board in known.values() if not board.failures], now)
    devices.fell_silent([board.pk for board in known.values() if board.failures > 1], now)
    publish_on_commit(*(DomainEvent("older.checked", "lights", accounts[id], id, {}) for id in known))
    return [None] * len(batch)


def _follow(board: OlderBoard, message: Any, every: timedelta) -> None:
    at = instant(message.at_ms)
    board.checked_at, board.trouble = at, message.trouble
    board.failures = min(board.failures + 1, 1_000) if message.trouble else 0
    wait = every if not board.failures else AGAIN if board.failures == 1 else min(every, AWAY)
    board.next_at = at + wait


def record_pushed(batch: list[Any], now: datetime) -> list[Any]:
    for message in batch:
        found = OlderPush.objects.filter(pk=message.push_id, state=PushState.SENDING)
        ended = {"data": None} if message.state != PushState.SENDING else {}
        found.update(
            state=message.state, sent_bytes=F("size_bytes") if message.state == PushState.DONE else message.sent_bytes,
            trouble=message.trouble, heard_at=now, **ended,
        )  # fmt: skip
    owners = devices.owners_of({message.device_id for message in batch})
    publish_on_commit(*(DomainEvent("older.pushed", "lights", owner, id, {}) for id, owner in owners.items()))
    return [None] * len(batch)
