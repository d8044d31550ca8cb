"""How a rollout moves on by itself: whoever calls, on whatever replica and however often, each step is made once.

A rollout's row is locked before its stages are read, so that two replicas decide one after the other.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import Count

from panal.control.events import publish_on_commit
from panal.gateway.store import DomainEvent

from . import progress, stages
from .models import Rollout, RolloutState, Stage, StageState, Update, UpdateState

Counts = dict[int, dict[str, int]]
"""By number of a stage, how many devices are in which state."""


def judge(rollout_ids: Iterable[object], now: datetime) -> None:
    """Begin the next stage, stop or end, for those of these rollouts that are running."""
    running = Rollout.objects.filter(pk__in=list(rollout_ids), state=RolloutState.RUNNING)
    for rollout in running.order_by("pk").select_for_update():
        while _step(rollout, now):
            pass


def counts_of(rollout: Rollout) -> Counts:
    found: Counts = {}
    rows = Update.objects.filter(rollout=rollout).order_by().values_list("stage_number", "state").annotate(Count("id"))
    for number, state, count in rows:
        found.setdefault(number, {})[state] = count
    return found


def forgive(rollout: Rollout) -> None:
    """What went wrong until now stops nothing any more."""
    counts = counts_of(rollout)
    for stage in rollout.stages.all():
        stage.forgiven = stages.tally(counts.get(stage.number, {})).trouble
        stage.save(update_fields=["forgiven"])


def _step(rollout: Rollout, now: datetime) -> bool:
    """One step; whether there may be another one at once."""
    counts, found = counts_of(rollout), list(rollout.stages.all())
    said = [(stage, _verdict(rollout, stage, counts, now)) for stage in found if stage.state != StageState.WAITING]
    if any(verdict == (stages.STOP, stages.ERRORS) for _, verdict in said):
        return _end(rollout, RolloutState.STOPPED, stages.ERRORS, now)
    running = next((pair for pair in said if pair[0].state == StageState.RUNNING), None)
    following = next((stage for stage in found if stage.state == StageState.WAITING), None)
    if running and (following or not _is_open(counts)):
        verdict, why = running[1]
        if verdict == stages.WAIT:
            return False
        if verdict == stages.STOP:
            return _end(rollout, RolloutState.STOPPED, why, now)
        running[0].state, running[0].ended_at = StageState.DONE, now
        running[0].save(update_fields=["state", "ended_at"])
    elif running:
        return False
    if following:
        return _begin(rollout, following, now)
    return False if _is_open(counts) else _end(rollout, RolloutState.DONE, "", now)


def _is_open(counts: Counts) -> bool:
    return any(count for states in counts.values() for state, count in states.items() if state in progress.OPEN)


def _verdict(rollout: Rollout, stage: Stage, counts: Counts, now: datetime) -> tuple[str, str]:
    patience = timedelta(seconds=rollout.patience_s) if rollout.patience_s else None
    is_patient = patience is None or stage.began_at is None or now < stage.began_at + patience
    found = stages.tally(counts.get(stage.number, {}))
    return stages.verdict(found, stage.success_pct, stage.error_pct, stage.forgiven, is_patient)


def _begin(rollout: Rollout, stage: Stage, now: datetime) -> bool:
    stage.state, stage.began_at = StageState.RUNNING, now
    stage.save(update_fields=["state", "began_at"])
    Update.objects.filter(rollout=rollout, stage_number=stage.number, state=UpdateState.QUEUED).update(
        state=UpdateState.WAITING
    )
    rollout.turns_from = now
    rollout.save(update_fields=["turns_from"])
    _announce("rollout.advanced")
    return True


def _end(rollout: Rollout, state: str, reason: str, now: datetime) -> bool:
    rollout.state, rollout.reason = state, reason
    rollout.ended_at = now if rollout.is_over else None
    rollout.save(update_fields=["state", "reason", "ended_at"])
    _announce("rollout.ended" if rollout.is_over else "rollout.stopped")
    return False


def _announce(name: str) -> None:
    publish_on_commit(DomainEvent(name, "updates", None, "", {}))
