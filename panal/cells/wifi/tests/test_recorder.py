"""What boards say, through the real ledger kinds, in every order."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from panal.cells.devices.messages import Answer, Reported, Sent
from panal.cells.devices.models import Command
from panal.cells.wifi.gateway import News, notice
from panal.cells.wifi.models import DeviceChange
from panal.control.store import DjangoStore
from panal.control.tests.cases import collected
from panal.gateway.store import DomainEvent, Entry

NOW_MS = 1_790_000_000_000


def say(*entries):
    return DjangoStore().commit([Entry(kind, message) for kind, message in entries])


def report(row, state, reason="", rev=None):
    said = {"wifi": {"rev": rev or row.rev, "state": state, "reason": reason, "ssid_hash": "00000000"}}
    return [("devices.reported", Reported(row.device_id, NOW_MS, 0, said)), ("wifi.news", News(row.device_id))]


def answer(row, status, code="", result=None):
    message = Answer(row.device_id, NOW_MS, str(row.command_id), status, result, code, "")
    return [("devices.answer", message), ("wifi.news", News(row.device_id))]


def now_of(row):
    row.refresh_from_db()
    return row.state, row.reason


@pytest.fixture
def row(change):
    return change.rows.first()


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (lambda row: report(row, "trying"), ("trying", "")),
        (lambda row: report(row, "changed"), ("changed", "")),
        (lambda row: report(row, "kept", "wrong_password"), ("kept", "wrong_password")),
        (lambda row: answer(row, "done", result={"state": "changed"}), ("changed", "")),
        (lambda row: answer(row, "failed", "no_server"), ("kept", "no_server")),
        (lambda row: answer(row, "rejected", "bad_envelope"), ("kept", "bad_envelope")),
        (lambda row: report(row, "changed", rev=row.rev - 1), ("waiting", "")),
        (lambda row: report(row, "dancing"), ("waiting", "")),
        (lambda row: report(row, "kept", "not_found") + answer(row, "failed", "not_found"), ("kept", "not_found")),
        (lambda row: answer(row, "done") + report(row, "trying"), ("changed", "")),
        (lambda row: report(row, "changed") * 2 + answer(row, "done") * 2, ("changed", "")),
    ],
)
def test_what_a_board_says_is_its_row_s_state(row, said, expected):
    say(*said(row))
    assert now_of(row) == expected
    assert (row.ended_at is None) == row.is_open


STEPS = ("trying", "changed", "done", "sent", "over", "news")


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.sampled_from(STEPS), max_size=8))
def test_in_whatever_order_news_comes_the_first_end_counts(change, steps):
    from django.db import transaction

    with transaction.atomic():
        row = change.rows.first()
        for step in [*steps, "changed", "news"]:
            _do(row, step)
        assert now_of(row)[0] == "changed"
        transaction.set_rollback(True)


def _do(row, step):
    if step in ("trying", "changed"):
        say(*report(row, step))
    elif step == "done":
        say(*answer(row, "done"))
    elif step == "sent":
        say(("devices.sent", Sent(row.device_id, str(row.command_id), NOW_MS)))
    elif step == "over":
        DjangoStore().expire(NOW_MS + 10**9)
    say(("wifi.news", News(row.device_id)))


def test_a_board_that_never_answers_is_silent_and_a_late_word_of_it_counts(row):
    later = timezone.now() + timedelta(minutes=10, seconds=1)
    DjangoStore().expire(int(later.timestamp() * 1000))
    assert now_of(row) == ("silent", "")
    say(*answer(row, "done"))
    assert now_of(row) == ("silent", "")  # the command has its outcome; the board's own report is another matter
    say(*report(row, "changed"))
    assert now_of(row) == ("changed", "")


def test_a_board_that_began_has_time_to_end_after_the_deadline(row):
    say(*report(row, "trying"))
    expire = DjangoStore().expire
    expire(int((row.expires_at - timedelta(seconds=60)).timestamp() * 1000))
    assert now_of(row) == ("trying", "")
    expire(int((row.expires_at + timedelta(seconds=1)).timestamp() * 1000))
    assert now_of(row) == ("silent", "")


def test_a_board_that_lost_power_refuses_the_command_again_and_then_tells_how_it_ended(row):
    say(*report(row, "trying"), *answer(row, "rejected", "old_rev"))
    assert now_of(row) == ("trying", "")
    say(*report(row, "kept", "power_cut"))
    assert now_of(row) == ("kept", "power_cut")


def test_the_envelope_goes_as_soon_as_the_command_has_its_outcome(row):
    say(*report(row, "trying"))
    assert "envelope" in Command.objects.get(pk=row.command_id).args
    say(*answer(row, "failed", "no_address"))
    assert Command.objects.get(pk=row.command_id).args == {}


def test_news_that_was_lost_is_noticed_in_time(row):
    say(answer(row, "done")[0])
    assert now_of(row) == ("waiting", "")
    DjangoStore().expire(int(timezone.now().timestamp() * 1000))
    assert now_of(row) == ("changed", "")
    assert not row.is_sealed


def test_a_device_that_is_revoked_has_its_change_cancelled_and_its_envelope_blanked(row, actor):
    from panal.cells.devices.actions import revoke_device

    revoke_device(device=row.device, actor=actor)
    DjangoStore().expire(int(timezone.now().timestamp() * 1000))
    assert now_of(row) == ("cancelled", "")
    assert Command.objects.get(pk=row.command_id).args == {}


def test_a_device_that_leaves_the_account_takes_no_network_along(row, actor):
    from panal.cells.devices.claims import release_device

    release_device(device=row.device, actor=actor)
    DjangoStore().expire(int(timezone.now().timestamp() * 1000))
    assert now_of(row) == ("cancelled", "")
    assert not Command.objects.filter(device_id=row.device_id, name="wifi.change").exists()


def test_a_group_of_news_costs_the_same_as_one(change):
    one, *others = change.rows.all()
    with CaptureQueriesContext(connection) as few:
        say(*report(one, "trying"))
    with CaptureQueriesContext(connection) as many:
        say(*(entry for row in others for entry in report(row, "trying")))
    assert len(many) == len(few)
    assert set(DeviceChange.objects.values_list("state", flat=True)) == {"trying"}


def test_pages_hear_of_what_has_changed_and_of_nothing_else(row):
    with collected() as heard:
        say(*report(row, "trying"))
    assert ("wifi.progressed", "wifi", row.device_id) in {(e.name, e.topic, e.device_id) for e in heard}
    with collected() as heard:
        say(*report(row, "trying"))
    assert "wifi" not in {event.topic for event in heard}


def test_a_stranger_s_report_with_the_same_rev_changes_nothing(row, other_device):
    say(("devices.reported", Reported(other_device.pk, NOW_MS, 0, {"wifi": {"rev": row.rev, "state": "changed"}})))
    say(("wifi.news", News(other_device.pk)))
    assert now_of(row) == ("waiting", "")


class Hub:
    def __init__(self):
        self.posted = []

    def post(self, kind, message, urgent=False):
        self.posted.append((kind, message))


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (DomainEvent("twin.reported", "twin", 1, "A", {"names": ["led", "wifi"]}), [("wifi.news", News("A"))]),
        (DomainEvent("twin.reported", "twin", 1, "A", {"names": ["led"]}), []),
        (
            DomainEvent("command.finished", "commands", 1, "B", {"id": "x", "status": "done"}),
            [("wifi.news", News("B"))],
        ),
    ],
)
async def test_the_data_plane_notices_only_what_is_about_wifi(event, expected):
    hub = Hub()
    await notice(hub, event)
    assert hub.posted == expected
