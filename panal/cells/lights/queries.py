"""What is known of lights, and who may see it. A stranger's light does not exist for them: NotFound."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Count, F, Prefetch, Q, QuerySet
from django.utils import timezone

from panal.cells.accounts.api import EDIT, OPERATE, SEE, account_ids_for, may, require
from panal.cells.devices import api as devices
from panal.protocol.errors import NotFound

from . import schedules
from .models import Change, Home, Light, Scene, SceneLight, Schedule

MOST_ROOMS = 2_000
"""An account has some dozens; who looks at all accounts sees the first of them."""


class Look(NamedTuple):
    """A light as a person sees it: while a wish is open, as it is wished."""

    light: Light
    is_on: bool
    level: int | None
    """Of what can be dimmed."""
    state: str
    """As Light.state_at."""
    left: timedelta | None
    """How long its timer still runs."""

    @property
    def is_away(self) -> bool:
        return not self.light.device.is_online


class Room(NamedTuple):
    """A sector with its lights; `sector` None: those that are in no room."""

    sector: Any
    total: int
    shining: int
    looks: list[Look]
    """Empty where they are too many to show together."""

    @property
    def id(self) -> str:
        return str(self.sector.pk) if self.sector else "none"


class Counts(NamedTuple):
    total: int
    shining: int
    boards_away: int


def _reach(user: Any, capability: str = SEE, prefix: str = "") -> Q:
    ids = account_ids_for(user, capability)
    return Q() if ids is None else Q(**{f"{prefix}account_id__in": ids})


def may_switch(user: Any, account_id: int | None) -> bool:
    return may(user, account_id, OPERATE)


def may_edit(user: Any, account_id: int | None) -> bool:
    return may(user, account_id, EDIT)


# lights


def look(light: Light, now: datetime) -> Look:
    """How a light looks; its board was read with it. What was asked and not answered is shown as it is."""
    state = light.state_at(now)
    is_wished = state in ("pending", "kept")
    level = light.wanted_level_pct if is_wished and light.wanted_level_pct else light.level_pct
    left = None if is_wished else light.left_at(now)
    return Look(light, light.wanted_on if is_wished else light.is_on, level if light.dims else None, state, left)


def lights_for(
    user: Any, account: int | None = None, *, capability: str = SEE, sector: Any = "", is_removed: bool = False
) -> QuerySet[Light]:
    """With board and room, by room and name. `sector`: an id, None for those in no room, "" for all."""
    found = Light.objects.filter(_reach(user, capability), account_id=F("device__account_id"))
    found = found.filter(removed_at__isnull=not is_removed).exclude(device__state="revoked")
    found = found.filter(account_id=account) if account is not None else found
    found = found.filter(sector_id=sector) if sector != "" else found
    return found.select_related("device", "sector", "account").order_by(
        F("sector__name").asc(nulls_last=True), "sector_id", "name", "device_id", "channel"
    )


def lights_of(account_id: int) -> QuerySet[Light]:
    """Those of an account, for the server itself."""
    found = Light.objects.filter(account_id=account_id, device__account_id=account_id, removed_at=None)
    return found.exclude(device__state="revoked").select_related("device", "sector").order_by("device_id", "channel")


def light_for(user: Any, light_id: int, capability: str = SEE, *, is_removed: bool = False) -> Light:
    """Raises NotFound for a stranger, Forbidden where the role is not enough."""
    found = Light.objects.select_related("device", "sector", "account").filter(
        pk=light_id, account_id=F("device__account_id"), removed_at__isnull=not is_removed
    )
    own: Light = _own(found.exclude(device__state="revoked").first(), user, capability)
    return own


def chosen_for(user: Any, ids: Iterable[int], capability: str = SEE) -> list[Light]:
    """Several at once, those of them that are theirs."""
    return list(lights_for(user, capability=capability).filter(pk__in=list(ids)))


WAITING = Q(wanted_at__isnull=False) & (Q(deadline_at__isnull=False) | Q(device__is_online=False))
SHINING = (WAITING & Q(wanted_on=True)) | (~WAITING & Q(is_on=True))
"""As `look` shows it: on, or asked to be and still waited for."""


def rooms_for(user: Any, account: int | None, *, most: int) -> list[Room]:
    """The rooms of an account in the order of their names, lights without one last; lights only where they are few."""
    found = lights_for(user, account)
    places = devices.sectors_for(user, account)[:MOST_ROOMS]
    counts = found.order_by().values_list("sector_id").annotate(n=Count("id"), shining=Count("id", filter=SHINING))
    by_room = {sector_id: (total, shining) for sector_id, total, shining in counts}
    shown: dict[int | None, list[Look]] = {}
    now = timezone.now()
    if sum(total for total, _shining in by_room.values()) <= most:
        for light in found:
            shown.setdefault(light.sector_id, []).append(look(light, now))
    rooms = [Room(place, *by_room.get(place.pk, (0, 0)), shown.get(place.pk, [])) for place in places]
    return [*rooms, Room(None, *by_room[None], shown.get(None, []))] if None in by_room else rooms


def counts_for(user: Any, account: int | None = None) -> Counts:
    found = lights_for(user, account).order_by()
    away = Count("device", filter=Q(device__is_online=False), distinct=True)
    counted = found.aggregate(total=Count("id"), shining=Count("id", filter=SHINING), away=away)
    return Counts(counted["total"], counted["shining"], counted["away"])


def boards_for(user: Any, account: int) -> list[Any]:
    """The boards of lights of a home that have spoken once."""
    found = devices.devices_for(user).filter(model_code__in=schedules.LIGHT_MODELS, account_id=account)
    return list(found.filter(state="activated").order_by("name", "id"))


def unheard_for(user: Any, account: int | None = None) -> int:
    """Boards of lights that have not said yet which lights they have."""
    found = devices.devices_for(user).filter(model_code__in=schedules.LIGHT_MODELS, lights=None)
    found = found.exclude(state="revoked")
    return (found.filter(account_id=account) if account is not None else found).count()


# history


def changes_for(
    user: Any,
    *,
    account: int | None = None,
    light: int | None = None,
    sector: int | None = None,
    by: str = "",
    who: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[Change]:
    """Newest first. Filters that are empty let everything through."""
    wanted = _reach(user)
    wanted &= Q(account_id=account) if account is not None else Q()
    wanted &= Q(light_id=light) if light is not None else Q()
    wanted &= Q(light__sector_id=sector) if sector is not None else Q()
    wanted &= Q(by=by) if by else Q()
    wanted &= Q(who__icontains=who) if who else Q()
    wanted &= Q(at__gte=since) if since else Q()
    wanted &= Q(at__lt=until) if until else Q()
    found = Change.objects.filter(wanted).select_related("light__device", "light__sector", "account")
    return found.order_by("-at", "-id")


# scenes


def scenes_for(user: Any, account: int | None = None, capability: str = SEE) -> QuerySet[Scene]:
    found = Scene.objects.filter(_reach(user, capability)).select_related("account")
    found = found.annotate(light_count=Count("lines", filter=Q(lines__light__removed_at=None))).order_by("name", "id")
    return found.filter(account_id=account) if account is not None else found


def scenes_of(account_id: int) -> QuerySet[Scene]:
    """Those of an account, for the server itself."""
    return Scene.objects.filter(account_id=account_id).order_by("name", "id")


LINES = Prefetch(
    "lines", SceneLight.objects.filter(light__removed_at=None).select_related("light__device", "light__sector")
)


def scene_for(user: Any, scene_id: int, capability: str = SEE) -> Scene:
    found = Scene.objects.select_related("account").prefetch_related(LINES)
    own: Scene = _own(found.filter(pk=scene_id).first(), user, capability)
    return own


# schedules


def schedules_for(user: Any, account: int | None = None, capability: str = SEE) -> QuerySet[Schedule]:
    lights = Light.objects.filter(removed_at=None).select_related("device", "sector")
    found = Schedule.objects.filter(_reach(user, capability)).select_related("account")
    found = found.prefetch_related(Prefetch("lights", lights)).order_by("at", "minutes", "id")
    return found.filter(account_id=account) if account is not None else found


def schedule_for(user: Any, schedule_id: int, capability: str = SEE) -> Schedule:
    lights = Light.objects.filter(removed_at=None).select_related("device", "sector")
    found = Schedule.objects.select_related("account").prefetch_related(Prefetch("lights", lights))
    own: Schedule = _own(found.filter(pk=schedule_id).first(), user, capability)
    return own


def next_times(found: Iterable[Schedule]) -> dict[int, datetime]:
    """When each runs next, as its boards reckon it."""
    listed = list(found)
    return schedules.next_times(listed, homes_of({one.account_id for one in listed}), timezone.now())


def homes_of(account_ids: Iterable[int]) -> dict[int, Home]:
    return {home.pk: home for home in Home.objects.filter(pk__in=list(account_ids))}


def home_for(user: Any, account_id: int, capability: str = SEE) -> Home:
    require(user, account_id, capability)
    return Home.objects.filter(pk=account_id).first() or Home(account_id=account_id)


def channel_settings(light: Light) -> dict[str, str]:
    """How its output is to be wired, as was last asked for."""
    wanted = devices.desired(light.device_id).state.get("lights") or {}
    channels = (wanted.get("settings") or {}).get("channels") or {}
    return dict(channels.get(str(light.channel)) or {})


def _own(found: Any, user: Any, capability: str) -> Any:
    if found is None:
        raise NotFound("not_found")
    require(user, found.account_id, capability)
    return found
