import pytest
from django.db import transaction

from panal.control.events import publish_on_commit, set_publisher
from panal.control.tests.cases import collected
from panal.gateway.store import DomainEvent

ONE = DomainEvent("device.added", "devices", 1, "D1", {})
TWO = DomainEvent("device.removed", "devices", 1, "D1", {})

pytestmark = pytest.mark.django_db(transaction=True)


def test_it_publishes_after_the_commit_and_not_before():
    with collected() as heard:
        with transaction.atomic():
            publish_on_commit(ONE)
            assert heard == []
        assert heard == [ONE]


def test_one_transaction_is_one_call():
    calls = []
    set_publisher(calls.append)
    try:
        with transaction.atomic():
            publish_on_commit(ONE)
            publish_on_commit(TWO)
        publish_on_commit(TWO)
    finally:
        set_publisher(None)
    assert calls == [[ONE, TWO], [TWO]]


def test_what_was_rolled_back_is_not_published():
    with collected() as heard, transaction.atomic():
        publish_on_commit(ONE)
        with pytest.raises(ValueError), transaction.atomic():
            publish_on_commit(TWO)
            raise ValueError
    assert heard == [ONE]


def test_a_transaction_after_a_rolled_back_one_publishes_its_own_only():
    with collected() as heard:
        with pytest.raises(ValueError), transaction.atomic():
            publish_on_commit(ONE)
            raise ValueError
        with transaction.atomic():
            publish_on_commit(TWO)
    assert heard == [TWO]
