"""Runs what was set off: each occurrence in one transaction with its line of the log and all that it asks for.

So a server that dies in the middle has done nothing, and the next one does it all; one that dies after the commit has
done it, and nobody does it again. Only a webhook leaves the house: it is called after the commit, until it answers.
"""

import base64
import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection, transaction

from panal.cells.accounts.api import system
from panal.cells.cameras import api as cameras
from panal.cells.contacts import api as contacts
from panal.cells.lights import api as lights
from panal.control.events import publish_on_commit
from panal.control.identifiers import time_ordered
from panal.control.instants import instant
from panal.control.vault import unseal
from panal.gateway.store import DomainEvent
from panal.protocol.errors import NotFound, PanalError

from . import queries, rules
from .models import Automation, Call, Occurrence, Outcome, Run

logger = logging.getLogger(__name__)

ALARM = "automations.alert"
AGAIN_S = (5, 60, 600)
CALL_S = 60
"""The longest call: after that another replica takes it up."""
KEPT_DAYS = 90


class Step(NamedTuple):
    """What became of one action."""

    kind: str
    is_done: bool
    code: str = ""


def run_due(now_ms: int) -> bool:
    """Run one; whether there was one. Two replicas never take the same."""
    with transaction.atomic():
        found = _held(Occurrence.objects.order_by("pk")).first()
        if found is None:
            return False
        _run(found, instant(now_ms))
        found.delete()
    return True


def _held(found: Any) -> Any:
    """On SQLite a transaction that writes is alone."""
    return found.select_for_update(skip_locked=connection.features.has_select_for_update_skip_locked, of=("self",))


def _run(found: Occurrence, now: datetime) -> Run:
    automation = (
        Automation.objects.select_for_update(of=("self",)).select_related("account").get(pk=found.automation_id)
    )
    run = Run(automation=automation, at=found.at, ran_at=now, cause=found.cause, device_id=found.device_id, by=found.by)
    run.outcome, run.steps = _outcome(automation, found, run, now)
    run.save()
    Automation.objects.filter(pk=automation.pk).update(ran_at=now)
    publish_on_commit(DomainEvent("automation.ran", "automations", automation.account_id, "", {"id": automation.pk}))
    return run


def _outcome(automation: Automation, found: Occurrence, run: Run, now: datetime) -> tuple[str, list[dict[str, Any]]]:
    if found.at < now - timedelta(seconds=rules.LATE_S):
        return Outcome.LATE, []
    if found.cause != "person":
        if not automation.is_on:
            return Outcome.STOPPED, []
        if _is_too_often(automation, now):
            _stop(automation, now)
            return Outcome.STOPPED, []
        unmet = rules.first_unmet(automation.conditions, queries.facts_of(automation.account_id, now))
        if unmet is not None:
            return Outcome.SKIPPED, [{"condition": unmet}]
    run.outcome = Outcome.DONE
    run.save()  # its calls refer to it
    steps = [_step(automation, place, action, run, now) for place, action in enumerate(automation.actions)]
    outcome = Outcome.DONE if all(step.is_done for step in steps) else Outcome.FAILED
    return outcome, [step._asdict() for step in steps]


def _is_too_often(automation: Automation, now: datetime) -> bool:
    """Pictures set nothing off, and at a busy door there are many."""
    if all(action["kind"] == "snapshot" for action in automation.actions):
        return False
    recent = automation.runs.filter(ran_at__gt=now - timedelta(minutes=1)).exclude(outcome=Outcome.SKIPPED)
    return recent.exclude(cause="person").count() >= rules.MOST_RUNS


def _stop(automation: Automation, now: datetime) -> None:
    Automation.objects.filter(pk=automation.pk).update(is_on=False, stopped_at=now)
    publish_on_commit(_changed(automation))


def _changed(automation: Automation) -> DomainEvent:
    return DomainEvent("automation.changed", "automations", automation.account_id, "", {"id": automation.pk})


def _step(automation: Automation, place: int, action: dict[str, Any], run: Run, now: datetime) -> Step:
    """What fails undoes itself and not the others."""
    try:
        with transaction.atomic():
            DO[action["kind"]](automation, place, action, run, now)
    except PanalError as error:
        return Step(action["kind"], False, error.code)
    except Exception:  # our own mistake must not come again and again
        logger.exception("automation %s, action %s", automation.pk, place)
        return Step(action["kind"], False, "internal_error")
    return Step(action["kind"], True)


def _light(automation: Automation, place: int, action: dict[str, Any], run: Run, now: datetime) -> None:
    light = lights.lights_of(automation.account_id).filter(pk=action["light_id"]).first()
    if light is None:
        raise NotFound("no_light")
    lights.switch(
        light, action["is_on"], action["level"], action["for_s"], by=_actor(automation), now=now,
        source=lights.By.AUTOMATION,
    )  # fmt: skip


def _scene(automation: Automation, place: int, action: dict[str, Any], run: Run, now: datetime) -> None:
    scene = lights.scenes_of(automation.account_id).filter(pk=action["scene_id"]).first()
    if scene is None:
        raise NotFound("no_scene")
    lights.run_scene(scene=scene, by=_actor(automation), now=now, source=lights.By.AUTOMATION)


def _snapshot(automation: Automation, place: int, action: dict[str, Any], run: Run, now: datetime) -> None:
    camera = cameras.camera_at(automation.account_id, action["device_id"])
    if camera is None:
        raise NotFound("no_camera")
    cameras.save_image(camera=camera, actor=_actor(automation))


def _alert(automation: Automation, place: int, action: dict[str, Any], run: Run, now: datetime) -> None:
    url, uid = f"/automations/{automation.pk}/", f"automation/{time_ordered(now)}"
    alarm = contacts.Alarm(automation.account_id, ALARM, uid, run.device_id, action["text"], now, url, {})
    contacts.raise_alarms([alarm], now)


def _webhook(automation: Automation, place: int, action: dict[str, Any], run: Run, now: datetime) -> None:
    body = {
        "automation": automation.name, "cause": run.cause, "device": run.device_id, "at": run.at.isoformat(),
        "run": run.pk,
    }  # fmt: skip
    Call.objects.create(run=run, place=place, sealed=base64.b64decode(action["sealed"]), body=body, due_at=now)


DO = {"light": _light, "scene": _scene, "snapshot": _snapshot, "alert": _alert, "webhook": _webhook}


def _actor(automation: Automation) -> Any:
    return system(automation.name)


def would(automation: Automation, now: datetime) -> tuple[int | None, Iterator[tuple[dict[str, Any], bool]]]:
    """A dry run: the place of the first condition that does not hold now, and each action with whether it is there."""
    facts, things = queries.facts_of(automation.account_id, now), queries.Things(automation.account_id)
    return rules.first_unmet(automation.conditions, facts), ((one, is_there(one, things)) for one in automation.actions)


def is_there(action: dict[str, Any], things: queries.Things) -> bool:
    """Whether what the action is about still exists."""
    kinds = {"light": ("lights", "light_id"), "scene": ("scenes", "scene_id"), "snapshot": ("cameras", "device_id")}
    kind, key = kinds.get(action["kind"], ("", ""))
    return not kind or bool(things.name(kind, action[key]))


# webhooks


def take_call(now_ms: int) -> int | None:
    """The id of one that is to be made, or None. It is ours until CALL_S are over."""
    now = instant(now_ms)
    with transaction.atomic():
        found = _held(Call.objects.filter(due_at__lte=now).order_by("due_at", "pk")).first()
        if found is None:
            return None
        Call.objects.filter(pk=found.pk).update(due_at=now + timedelta(seconds=CALL_S), tries=found.tries + 1)
    return int(found.pk)


def make_call(call_id: int, now_ms: int) -> bool:
    """Blocks for as long as the other side takes."""
    call = Call.objects.select_related("run").get(pk=call_id)
    answer = contacts.call_webhook(
        unseal(bytes(call.sealed), context_of(call.run.automation_id)), call.body, f"run-{call.pk}"
    )
    again_at = None
    if not answer.is_sent and call.tries <= len(AGAIN_S):
        again_at = instant(now_ms) + timedelta(seconds=AGAIN_S[call.tries - 1])
    Call.objects.filter(pk=call_id).update(is_done=answer.is_sent, answer=answer.text[:200], due_at=again_at)
    return bool(answer.is_sent)


def context_of(automation_id: int) -> str:
    return f"automation/{automation_id}/webhook"


def prune(now: datetime) -> int:
    gone, _ = Run.objects.filter(ran_at__lt=now - timedelta(days=KEPT_DAYS)).delete()
    return gone
