"""Doña Carmen wears `device`; a fall of hers is `event` of the conftest at the root, raised before she wore it."""

import pytest

from panal.cells.care import actions
from panal.cells.care.messages import Event, Samples
from panal.cells.care.models import Event as EventRow
from panal.control.store import DjangoStore
from panal.gateway.store import Entry

NOW_MS = 1_790_000_000_000


@pytest.fixture
def carmen(account, carla, actor):
    return actions.save_wearer(
        account_id=account.pk, name="Carmen", birth_year=1941, emergency="Key at Rosa's", notes="Hears little",
        caregivers=[carla.pk], actor=actor,
    )  # fmt: skip


@pytest.fixture
def worn(carmen, device, actor):
    """She wears it from long ago on."""
    from panal.control.instants import instant

    return actions.give_device(wearer=carmen, device=device, actor=actor, now=instant(NOW_MS - 86_400_000))


@pytest.fixture
def happens(device):
    """Commit an event of `device`, as the ledger does; its row."""

    def commit(uid="u-1", kind="FALL", samples=None, at_ms=None, received_ms=NOW_MS, **data):
        points = Samples(device.pk, received_ms, uid, samples, False) if samples else None
        message = Event(device.pk, received_ms, uid, kind, at_ms, data, points)
        [answer] = DjangoStore().commit([Entry("care.event", message)])
        return EventRow.objects.get(pk=answer.event_id)

    return commit


@pytest.fixture
def things(things, carmen, worn):
    return {**things, "wearer": carmen.pk, "wearing": worn.pk}
