"""What boards ask and tell, through the real ledger kinds."""

from panal.cells.updates.gateway import Asked, Told
from panal.cells.updates.models import Update
from panal.control.store import DjangoStore
from panal.gateway.store import Entry


def say(kind, *messages):
    return DjangoStore().commit([Entry(kind, message) for message in messages])


def ask(*ids, version="9.0.0", board="wearable-1"):
    """The offer to each of these boards, or None."""
    return say("updates.asked", *(Asked(id, version, board) for id in ids))


def tell(state, *ids, rollout=None, percent=None, reason=""):
    """Their newest updates are so far."""
    rows = Update.objects.filter(device_id__in=ids).order_by("rollout__created_at")
    rows = {row.device_id: row for row in (rows.filter(rollout=rollout) if rollout else rows)}
    return say("updates.told", *(Told(id, rows[id].pk, state, percent, reason) for id in ids))


def take(*ids, reason=""):
    """These boards ask, are offered something, and do it; with a reason they roll it back."""
    offers = ask(*ids)
    assert all(offers), offers
    for state in ("downloading", "installing", "confirming"):
        tell(state, *ids)
    tell("rolled_back" if reason else "done", *ids, reason=reason)


def states(rollout):
    """Devices by state."""
    found = {}
    for id, state in Update.objects.filter(rollout=rollout).values_list("device_id", "state"):
        found.setdefault(state, set()).add(id)
    return found


def stage(rollout, number):
    """The ids of a stage."""
    rows = Update.objects.filter(rollout=rollout, stage_number=number)
    return sorted(rows.values_list("device_id", flat=True))
