"""What turns it on and off, and what Home Assistant asks for: done by the actions that people's clicks use, too."""

import hashlib
import secrets
from typing import Any, NamedTuple

from django.db import IntegrityError, transaction
from django.utils import timezone

from panal.cells.access import api as access
from panal.cells.accounts.api import Actor, record_audit, system
from panal.cells.lights import api as lights
from panal.control.events import publish_on_commit
from panal.gateway.store import DomainEvent
from panal.protocol.errors import Forbidden, NotFound

from .discovery import Command
from .models import Bridge

PREFIX = "homeassistant"
ACTOR = "Home Assistant"


class TurnedOn(NamedTuple):
    bridge: Bridge
    password: str
    """Shown once: only its SHA-256 is kept."""


@transaction.atomic
def turn_on(*, account_id: int, actor: Actor) -> TurnedOn:
    """On, or with a new password where it is on already; the old one opens nothing from now on."""
    password = secrets.token_urlsafe(24)
    digest = hashlib.sha256(password.encode()).digest()
    bridge = Bridge.objects.select_for_update().filter(pk=account_id).first()
    verb = "homeassistant.password_made" if bridge and bridge.is_on else "homeassistant.turned_on"
    if bridge is None:
        bridge = _first(account_id, digest)
    bridge.is_on, bridge.password_sha256 = True, digest
    bridge.save(update_fields=["is_on", "password_sha256"])
    _told(bridge, verb, actor)
    return TurnedOn(bridge, password)


def _first(account_id: int, digest: bytes) -> Bridge:
    values = {"account_id": account_id, "password_sha256": digest, "turned_on_at": timezone.now()}
    try:
        with transaction.atomic():
            return Bridge.objects.create(prefix=PREFIX, **values)
    except IntegrityError:  # another account's Home Assistant has the usual one
        return Bridge.objects.create(prefix=f"{PREFIX}-{account_id}", **values)


@transaction.atomic
def turn_off(*, bridge: Bridge, actor: Actor) -> None:
    bridge.is_on = False
    bridge.save(update_fields=["is_on"])
    _told(bridge, "homeassistant.turned_off", actor)


@transaction.atomic
def allow_unlock(*, bridge: Bridge, may_unlock: bool, actor: Actor) -> None:
    before, bridge.may_unlock = bridge.may_unlock, may_unlock
    bridge.save(update_fields=["may_unlock"])
    _told(bridge, "homeassistant.changed", actor, {"may_unlock": before}, {"may_unlock": may_unlock})


def _told(bridge: Bridge, verb: str, actor: Actor, before: Any = None, after: Any = None) -> None:
    account_id = bridge.account_id
    record_audit(actor=actor, verb=verb, subject=bridge, account_id=account_id, before=before, after=after)
    publish_on_commit(DomainEvent(verb, "homeassistant", account_id, "", {"user": bridge.user}))


def note_told(account_id: int, told: list[str]) -> None:
    """Which devices Home Assistant knows of now; an account that is off and knows of none gives its topics back."""
    Bridge.objects.filter(pk=account_id).exclude(told=told).update(told=told)
    Bridge.objects.filter(pk=account_id, is_on=False, told=[]).delete()


def obey(prefix: str, command: Command) -> None:
    """Raises PanalError where it may not, or cannot. What there is not in this account is NotFound."""
    bridge = Bridge.objects.filter(prefix=prefix, is_on=True).select_related("account").first()
    if bridge is None:
        raise NotFound("not_found")
    if command.unlock:
        _unlock(bridge, command)
        return
    light = lights.lights_of(bridge.pk).filter(device_id=command.device_id, channel=int(command.key[6:])).first()
    if light is None:
        raise NotFound("not_found")
    level = command.level_pct if light.dims else None
    lights.switch(light, command.on, level, by=system(ACTOR), now=timezone.now(), source=lights.By.AUTOMATION)


def _unlock(bridge: Bridge, command: Command) -> None:
    if not bridge.may_unlock:
        raise Forbidden("not_allowed", "doors may not be opened from Home Assistant")
    door = access.door_of(bridge.pk, command.device_id)
    if door is None:
        raise NotFound("not_found")
    access.unlock_door(device=door, reason=ACTOR, actor=system(ACTOR))
