"""What is known of devices, and who may see it. A stranger's device does not exist for them: NotFound.

Queries for a person end in `_for` and begin with that person; the others are for the server itself.
"""

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeVar

from django.conf import settings
from django.db.models import Case, Count, F, Model, Prefetch, Q, QuerySet, When
from django.db.models.functions import Coalesce
from django.utils import timezone

from panal.cells.accounts.api import (
    EDIT,
    MANAGE,
    SEE,
    account_ids_for,
    accounts_of_member,
    may,
    may_mint,
    require,
)
from panal.control import vault
from panal.control.instants import milliseconds
from panal.gateway.store import Desired, Identity, OpenCommand
from panal.protocol import command as wire
from panal.protocol import keys, twin
from panal.protocol.errors import BadRequest, Forbidden, NotFound

from .models import (
    LATE_AFTER,
    OPEN,
    Batch,
    Command,
    Device,
    Group,
    LogLine,
    Sector,
    State,
    TelemetryPoint,
    TelemetrySlot,
    Twin,
)

AnyModel = TypeVar("AnyModel", bound=Model)

RESOLUTIONS = {"raw": 0, "5min": 300, "hourly": 3600}
PRESENCES = ("online", "late", "offline", "never")
MOST_POINTS = 5000


class Reading(NamedTuple):
    """One point of a plot. Raw points have the same value three times and a count of 1."""

    name: str
    at: datetime
    mean: float
    minimum: float
    maximum: float
    count: int  # type: ignore[assignment]  # a tuple has a method of this name, which nobody calls here


class Counts(NamedTuple):
    """The fleet at a glance."""

    total: int
    online: int
    """The late ones too."""
    late: int
    """Connected, but their sign of life is overdue."""
    offline: int
    never: int
    """Minted and not yet heard of."""


# for people


def devices_for(user: Any, capability: str = SEE) -> QuerySet[Device]:
    """Every device in which this person has the capability, with account and sector."""
    return Device.objects.filter(_reach(user, capability)).select_related("account", "sector")


def _reach(user: Any, capability: str, prefix: str = "") -> Q:
    ids = account_ids_for(user, capability)
    if ids is None:
        return Q()
    reach = Q(**{f"{prefix}account_id__in": ids})
    if may_mint(user) and capability in (SEE, EDIT, MANAGE):
        # what the factory has made and nobody owns yet
        reach |= Q(**{f"{prefix}account_id": None})
    return reach


def filtered(
    devices: QuerySet[Device],
    *,
    search: str = "",
    presence: str = "",
    sector: int | None = None,
    group: int | None = None,
    model: str = "",
    account: int | None = None,
    state: str = "",
) -> QuerySet[Device]:
    """The devices a list shows. Filters that are empty let everything through."""
    found = devices
    if search:
        found = found.filter(Q(name__icontains=search) | Q(id__icontains=search) | Q(sector__name__icontains=search))
    if presence:
        found = found.filter(_presence(presence))
    exact = {"sector_id": sector, "groups": group, "model_code": model or None, "account_id": account}
    exact["state"] = state or None
    return found.filter(**{field: value for field, value in exact.items() if value is not None})


def named_first(devices: QuerySet[Device]) -> QuerySet[Device]:
    """By name; those without one after them, by id."""
    return devices.order_by(Case(When(name="", then=1), default=0), "name", "id")


def _presence(presence: str) -> Q:
    if presence == "online":
        return Q(is_online=True)
    if presence == "late":
        return late()
    if presence == "offline":
        return Q(is_online=False) & ~Q(state=State.MINTED)
    if presence == "never":
        return Q(state=State.MINTED)
    raise BadRequest("bad_presence", f"one of {', '.join(PRESENCES)}", "presence", PRESENCES)


def late() -> Q:
    """As Device.presence says it. Few devices have an interval of their own, so their intervals are few."""
    now = timezone.now()
    own = Device.objects.exclude(heartbeat_s=None).order_by().values_list("heartbeat_s", flat=True).distinct()
    late = Q(heartbeat_s=None, last_seen_at__lt=now - timedelta(seconds=LATE_AFTER * settings.PANAL.heartbeat_s))
    for interval_s in own:
        late |= Q(heartbeat_s=interval_s, last_seen_at__lt=now - timedelta(seconds=LATE_AFTER * (interval_s or 0)))
    return Q(is_online=True) & late


def with_places(devices: QuerySet[Device]) -> QuerySet[Device]:
    """With groups and twin too: the same few queries for one device or a thousand."""
    return devices.select_related("twin").prefetch_related(Prefetch("groups", Group.objects.order_by("name")))


def device_for(user: Any, device_id: str, capability: str = SEE) -> Device:
    """Raises NotFound for a stranger, Forbidden where the role is not enough."""
    device = with_places(Device.objects.select_related("account", "sector")).filter(id=device_id).first()
    if device is None:
        raise NotFound("not_found")
    if device.account_id is None and may_mint(user) and capability in (SEE, EDIT, MANAGE):
        return device
    require(user, device.account_id, capability)
    return device


def chosen_for(user: Any, device_ids: Iterable[str], capability: str = SEE) -> list[Device]:
    """Several at once. Raises NotFound where one is a stranger's, Forbidden where the role is not enough for one."""
    wanted = set(device_ids)
    found = list(devices_for(user, capability).filter(id__in=wanted))
    if len(found) == len(wanted):
        return found
    if devices_for(user).filter(id__in=wanted).count() < len(wanted):
        raise NotFound("not_found")
    raise Forbidden("not_allowed", f"your role does not allow this ({capability})")


def counts_for(user: Any, account: int | None = None) -> Counts:
    online = Count("id", filter=Q(is_online=True))
    never = Count("id", filter=Q(state=State.MINTED))
    devices = filtered(devices_for(user), account=account).exclude(state=State.REVOKED).order_by()
    found = devices.aggregate(total=Count("id"), online=online, late=Count("id", filter=late()), never=never)
    offline = found["total"] - found["online"] - found["never"]
    return Counts(found["total"], found["online"], found["late"], offline, found["never"])


def with_online(places: QuerySet[Any]) -> QuerySet[Any]:
    """Sectors or groups with how many of their devices are online."""
    found: QuerySet[Any] = places.annotate(online_count=Count("devices", filter=Q(devices__is_online=True)))
    return found


def under_parents(sectors: QuerySet[Sector]) -> QuerySet[Sector]:
    """By name, each one's inner ones after it."""
    outer = Coalesce("parent__name", "name")
    return sectors.order_by(outer, Coalesce("parent_id", "id"), F("parent").asc(nulls_first=True), "name")


def within(devices: QuerySet[Device], sector: Sector) -> QuerySet[Device]:
    """Those in a sector or in one inside it."""
    return devices.filter(Q(sector=sector) | Q(sector__parent=sector) | Q(sector__parent__parent=sector))


def sectors_for(user: Any, account: int | None = None, capability: str = SEE) -> QuerySet[Sector]:
    found = Sector.objects.filter(_reach(user, capability)).select_related("account", "parent")
    found = found.annotate(device_count=Count("devices")).order_by("name", "id")
    return found.filter(account_id=account) if account is not None else found


def sector_for(user: Any, sector_id: int, capability: str = SEE) -> Sector:
    return _place(Sector.objects.select_related("account", "parent"), user, sector_id, capability)


def groups_for(user: Any, account: int | None = None, capability: str = SEE) -> QuerySet[Group]:
    found = Group.objects.filter(_reach(user, capability)).select_related("account")
    found = found.annotate(device_count=Count("devices")).order_by("name", "id")
    return found.filter(account_id=account) if account is not None else found


def group_for(user: Any, group_id: int, capability: str = SEE) -> Group:
    return _place(Group.objects.select_related("account"), user, group_id, capability)


def _place(places: QuerySet[AnyModel, AnyModel], user: Any, id: int, capability: str) -> AnyModel:
    found = places.filter(pk=id).first()
    if found is None:
        raise NotFound("not_found")
    require(user, found.account_id, capability)  # type: ignore[attr-defined]
    return found


def commands_for(user: Any, device_id: str | None = None) -> QuerySet[Command]:
    found = Command.objects.filter(_reach(user, SEE, "device__")).select_related("device")
    return found.filter(device_id=device_id) if device_id is not None else found


def command_for(user: Any, command_id: uuid.UUID, capability: str = SEE) -> Command:
    found = Command.objects.select_related("device").filter(pk=command_id).first()
    if found is None:
        raise NotFound("not_found")
    require(user, found.device.account_id, capability)
    return found


def twin_for(user: Any, device_id: str, capability: str = SEE) -> Twin:
    device = device_for(user, device_id, capability)
    return getattr(device, "twin", None) or Twin(device=device)


def twin_of(device: Device) -> Twin:
    """Of a device that was already read for a person."""
    return getattr(device, "twin", None) or Twin(device=device)


def pending_for(user: Any, device_id: str) -> list[str]:
    """The names of desired values that the device does not report yet."""
    found = twin_for(user, device_id)
    return list(twin.pending(found.desired, found.reported))


def log_for(user: Any, device_id: str) -> QuerySet[LogLine]:
    """Newest first, in the order of receipt."""
    return LogLine.objects.filter(_owned(device_for(user, device_id))).order_by("-id")


def telemetry_names_for(user: Any, device_id: str) -> list[str]:
    """What this device has measured in the time that hourly telemetry is kept."""
    slots = TelemetrySlot.objects.filter(_owned(device_for(user, device_id)), width_s=3600)
    return list(slots.order_by("name").values_list("name", flat=True).distinct())


def telemetry_for(
    user: Any,
    device_id: str,
    *,
    resolution: str = "raw",
    names: Iterable[str] = (),
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = MOST_POINTS,
) -> list[Reading]:
    """Oldest first; where there is more than `limit`, the newest. Without `since`: the last day."""
    if resolution not in RESOLUTIONS:
        raise BadRequest("bad_resolution", f"one of {', '.join(RESOLUTIONS)}", "resolution", tuple(RESOLUTIONS))
    wanted = _owned(device_for(user, device_id))
    wanted &= Q(at__gte=since or timezone.now() - timedelta(days=1))
    wanted &= Q(at__lt=until) if until else Q()
    wanted &= Q(name__in=list(names)) if names else Q()
    read = _raw if resolution == "raw" else _slots
    return read(wanted, RESOLUTIONS[resolution], max(1, min(limit, MOST_POINTS)))


def _owned(device: Device) -> Q:
    """What came late from the time before the device changed hands is the next owner's no more than the rest."""
    wanted = Q(device_id=device.pk)
    return wanted & Q(at__gte=device.owned_at) if device.owned_at else wanted


def _raw(wanted: Q, width_s: int, limit: int) -> list[Reading]:
    found = TelemetryPoint.objects.filter(wanted).order_by("-at").values_list("name", "at", "value")[:limit]
    return [Reading(name, at, value, value, value, 1) for name, at, value in reversed(found)]


def _slots(wanted: Q, width_s: int, limit: int) -> list[Reading]:
    found = TelemetrySlot.objects.filter(wanted, width_s=width_s).order_by("-at")
    rows = found.values_list("name", "at", "total", "minimum", "maximum", "count")[:limit]
    return [Reading(name, at, total / count, low, high, count) for name, at, total, low, high, count in reversed(rows)]


BATCH_COUNTS: dict[str, Q] = {
    "minted": Q(),
    "flashed": Q(devices__flashed_at__isnull=False),
    "sold": Q(devices__account__isnull=False),
    "activated": Q(devices__activated_at__isnull=False),
}
STAGES: dict[str, Q] = {
    "unflashed": Q(flashed_at=None),
    "unsold": Q(account=None),
    "unactivated": Q(activated_at=None),
    "activated": Q(activated_at__isnull=False),
}
"""What the factory looks for: devices, and batches that have such a device."""


def may_see_batches(user: Any) -> bool:
    """The factory, and those of the operator's people who see everything."""
    return may_mint(user) or account_ids_for(user, SEE) is None


def batches_for(user: Any, *, model: str = "", stage: str = "", search: str = "") -> QuerySet[Batch]:
    """Newest first, with how many of their devices are how far. Raises NotFound for whom it does not concern."""
    if not may_see_batches(user):
        raise NotFound("not_found")
    found = Batch.objects.order_by("-id")
    if model:
        found = found.filter(model_code=model)
    if stage:
        found = found.filter(pk__in=Device.objects.filter(STAGES[stage]).values("batch"))
    if search:
        found = found.filter(Q(note__icontains=search) | Q(devices__id__iexact=search))
    counts = {f"{name}_count": Count("devices", filter=wanted, distinct=True) for name, wanted in BATCH_COUNTS.items()}
    with_device = Batch.objects.filter(pk__in=found.values("pk"))  # counted apart from what was searched for
    return with_device.annotate(**counts).order_by("-id")


def require_mint(user: Any) -> None:
    """Raises NotFound for whom batches do not concern, Forbidden for who only looks at them."""
    if not may_see_batches(user):
        raise NotFound("not_found")
    if not may_mint(user):
        raise Forbidden("not_allowed", "only the factory makes devices")


def batch_of(device_id: str) -> Batch:
    return Batch.objects.get(devices__id=device_id)


def batch_for(user: Any, batch_id: int) -> Batch:
    found = batches_for(user).filter(pk=batch_id).first()
    if found is None:
        raise NotFound("not_found")
    return found


def made_in(user: Any, batch: Batch, *, stage: str = "", search: str = "") -> QuerySet[Device]:
    """The devices of a batch. The factory reads how far each is, and nothing of whose it is."""
    found = Device.objects.filter(STAGES[stage] if stage else Q(), batch=batch_for(user, batch.pk))
    return found.filter(id__icontains=search).order_by("id") if search else found.order_by("id")


def made_for(user: Any, device_id: str) -> Device:
    """A device as the factory has it in its hands, whosever it is. Raises NotFound for whom it does not concern."""
    found = Device.objects.filter(id=device_id).first()
    if found is None or not may_mint(user):
        raise NotFound("not_found")
    return found


def accounts_to_claim_for(user: Any) -> list[Any]:
    """The accounts that a person may bring a device into."""
    ids = account_ids_for(user, EDIT)
    return [account for account in accounts_of_member(user) if ids is None or account.pk in ids]


def is_admin(user: Any) -> bool:
    """Administers every account, and may act as such (a program's token may not)."""
    return account_ids_for(user, MANAGE) is None


def require_admin(user: Any) -> None:
    if not is_admin(user):
        raise Forbidden("not_allowed", "staff administrators only")


def may_change(user: Any, device: Device, capability: str = EDIT) -> bool:
    return may(user, device.account_id, capability) or (device.account_id is None and may_mint(user))


# for the server itself


def device_of(device_id: str) -> Device | None:
    """For the server itself: the device with this id, unless it is revoked."""
    return Device.objects.filter(id=device_id).exclude(state=State.REVOKED).first()


def of_account(account_id: int) -> QuerySet[Device]:
    """All of an account; none that is revoked."""
    return named_first(Device.objects.filter(account_id=account_id).exclude(state=State.REVOKED))


def devices_of(account_id: int, model_codes: Iterable[str]) -> QuerySet[Device]:
    """Those of some models in an account; none that is revoked."""
    return Device.objects.filter(account_id=account_id, model_code__in=list(model_codes)).exclude(state=State.REVOKED)


def owned_since(device_ids: Iterable[str]) -> dict[str, datetime | None]:
    """Since when each is its owner's: what is older is not theirs."""
    return dict(Device.objects.filter(id__in=list(device_ids)).order_by().values_list("id", "owned_at"))


def owners_of(device_ids: Iterable[str]) -> dict[str, int | None]:
    """The accounts of these devices."""
    return dict(Device.objects.filter(id__in=list(device_ids)).order_by().values_list("id", "account_id"))


def sectors_of(device_ids: Iterable[str]) -> dict[str, int | None]:
    """The sectors of these devices."""
    return dict(Device.objects.filter(id__in=list(device_ids)).order_by().values_list("id", "sector_id"))


def sectors_of_account(account_id: int) -> QuerySet[Sector]:
    """For the server itself."""
    return Sector.objects.filter(account_id=account_id).order_by("name", "id")


def identity(device_id: str) -> Identity | None:
    fields = ("account_id", "model_code", "token_sha256", "keyless", "state")
    found = Device.objects.filter(id=device_id).values_list(*fields).first()
    if found is None:
        return None
    account_id, model, sha256, keyless, state = found
    return Identity(device_id, account_id, model, bytes(sha256), keyless, state != State.REVOKED)


def token_of(device: Device) -> str:
    """The token itself, to derive keys from. It leaves the server only when it is made."""
    return vault.unseal(bytes(device.token_encrypted), f"token:{device.id}")


def open_commands(device_id: str, now: datetime) -> list[OpenCommand]:
    """Oldest first, signed with the device's command key."""
    found = Command.objects.filter(device_id=device_id, status__in=OPEN, expires_at__gt=now)
    commands = list(found.exclude(device__state=State.REVOKED).order_by("issued_at", "id"))
    if not commands:
        return []
    key = keys.derive(token_of(Device.objects.get(id=device_id)), "command")
    return [_signed(command, key) for command in commands]


def _signed(command: Command, key: bytes) -> OpenCommand:
    id, expires_at_ms = str(command.id), milliseconds(command.expires_at)
    mac = wire.mac(key, id, command.name, expires_at_ms, command.args)
    return OpenCommand(id, command.name, command.args, milliseconds(command.issued_at), expires_at_ms, mac)


def desired(device_id: str) -> Desired:
    found = Twin.objects.filter(device_id=device_id).values_list("desired_version", "desired").first()
    return Desired(*found) if found else Desired(0, {})


def heartbeat_s_of(device: Device) -> int:
    return int(device.heartbeat_s or settings.PANAL.heartbeat_s)
