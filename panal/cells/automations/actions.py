"""What changes automations: one transaction each, audited; other replicas hear of it at once."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction
from django.utils import timezone

from panal.cells.accounts.api import Actor, record_audit
from panal.cells.devices import api as devices
from panal.control.events import publish_on_commit
from panal.control.vault import seal
from panal.gateway.store import DomainEvent
from panal.protocol.errors import BadRequest, Conflict

from . import parts, queries, recorder, runs
from .models import Automation, Occurrence

MOST_AUTOMATIONS = 500
MOST_NAME = 80


@transaction.atomic
def save_automation(
    *,
    account_id: int,
    name: str,
    when: Mapping[str, Any],
    conditions: Sequence[Mapping[str, Any]],
    actions: Sequence[Mapping[str, Any]],
    actor: Actor,
    automation: Automation | None = None,
) -> Automation:
    """A new one, or `automation` changed. Raises BadRequest, Conflict("too_many").

    A webhook without "url" keeps the address it had.
    """
    row = automation or Automation(account_id=account_id)
    if automation is None and Automation.objects.filter(account_id=account_id).count() >= MOST_AUTOMATIONS:
        raise Conflict("too_many", f"at most {MOST_AUTOMATIONS} automations")
    before = {} if automation is None else said_of(row)
    row.name = _name(name)
    row.when, row.conditions = parts.parse_when(when), parts.parse_conditions(conditions)
    kept = next((one for one in row.actions or [] if one["kind"] == "webhook"), None)
    wanted = parts.parse_actions([_with_address(one, kept) for one in actions])
    _require_things(account_id, row.when, row.conditions, wanted)
    row.event = parts.EVENTS[row.when["kind"]].name if row.when["kind"] in parts.EVENTS else ""
    row.next_at = recorder.next_at(row, timezone.now())
    row.actions = row.actions or []
    row.save()
    row.actions = [_sealed(one, kept, row.pk) for one in wanted]
    row.save(update_fields=["actions"])
    _tell(row, actor, "automation.changed" if before else "automation.created", before, said_of(row))
    return row


KEPT = "https://kept.invalid/"
"""Stands for the address that the webhook has already."""


def _with_address(said: Any, kept: Mapping[str, Any] | None) -> Any:
    is_webhook = isinstance(said, Mapping) and said.get("kind") == "webhook"
    return {**said, "url": KEPT} if is_webhook and not said.get("url") and kept else said


def _sealed(action: dict[str, Any], kept: Mapping[str, Any] | None, id: int) -> dict[str, Any]:
    """An address of a webhook is a secret as often as not: of it only the host is shown again."""
    if action["kind"] != "webhook":
        return action
    if action["url"] == KEPT:
        return dict(kept or {})
    sealed = base64.b64encode(seal(action["url"], runs.context_of(id))).decode()
    return {"kind": "webhook", "host": urlsplit(action["url"]).hostname, "sealed": sealed}


def _require_things(
    account_id: int, when: Mapping[str, Any], conditions: Sequence[Mapping[str, Any]], actions: Sequence[Any]
) -> None:
    """All that is named is the account's."""
    things = queries.Things(account_id)
    kinds = {"light_id": "lights", "scene_id": "scenes", "device_id": "devices"}
    for part in (when, *conditions, *actions):
        for key, kind in kinds.items():
            if part.get(key) and not things.name(kind, part[key]):
                raise BadRequest(f"bad_{key}", "not in this account", key)
        if part["kind"] == "snapshot" and not things.name("cameras", part["device_id"]):
            raise BadRequest("bad_device_id", "not a camera", "device_id")


def _name(text: str) -> str:
    text = text.strip()
    if not text or len(text) > MOST_NAME or not text.isprintable():
        raise BadRequest("bad_name", f"1 to {MOST_NAME} printable characters", "name")
    return text


def said_of(automation: Automation) -> dict[str, Any]:
    """As it may be shown: without a webhook's address."""
    return {
        "name": automation.name,
        "when": automation.when,
        "conditions": automation.conditions,
        "actions": [shown(action) for action in automation.actions],
    }


def shown(action: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in action.items() if key != "sealed"}


@transaction.atomic
def turn(*, automation: Automation, is_on: bool, actor: Actor) -> Automation:
    """On or off; one that we stopped begins anew."""
    if automation.is_on == is_on:
        return automation
    automation.is_on, automation.stopped_at = is_on, None
    automation.next_at = recorder.next_at(automation, timezone.now())
    automation.save(update_fields=["is_on", "stopped_at", "next_at"])
    _tell(automation, actor, "automation.changed", {"is_on": not is_on}, {"is_on": is_on})
    return automation


@transaction.atomic
def delete_automation(*, automation: Automation, actor: Actor) -> None:
    _tell(automation, actor, "automation.deleted", said_of(automation), {})
    automation.delete()


@transaction.atomic
def watch_door(*, device: Any, camera_id: str, name: str, actor: Actor) -> Automation | None:
    """The camera beside a door keeps a picture whenever something happens there; "" takes it away.

    It is an automation like any other. Raises BadRequest, Conflict("too_many").
    """
    devices.locked({device.pk})  # two who choose at once make one automation
    found = queries.watch_of(device)
    if not camera_id:
        if found is not None:
            delete_automation(automation=found, actor=actor)
        return None
    return save_automation(
        account_id=device.account_id,
        name=name[:MOST_NAME],
        when={"kind": "at_door", "device_id": device.pk},
        conditions=[],
        actions=[{"kind": "snapshot", "device_id": camera_id}],
        actor=actor,
        automation=found,
    )


@transaction.atomic
def run_now(*, automation: Automation, actor: Actor) -> None:
    """A person sets it off, whatever its conditions are."""
    recorder.note([Occurrence(automation=automation, cause="person", by=actor.text[:200], at=timezone.now())])


def _tell(automation: Automation, actor: Actor, verb: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    account_id = automation.account_id
    record_audit(actor=actor, verb=verb, subject=automation, account_id=account_id, before=before, after=after)
    publish_on_commit(DomainEvent("automation.changed", "automations", account_id, "", {"id": automation.pk}))
    transaction.on_commit(recorder.refresh)
