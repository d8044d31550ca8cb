import json
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from panal.cells.accounts.models import AuditEntry
from panal.cells.devices.models import Command, Device
from panal.cells.wifi import actions
from panal.cells.wifi.actions import begin_change, cancel_change
from panal.cells.wifi.models import Change, DeviceChange
from panal.control.store import DjangoStore
from panal.control.tests.cases import collected
from panal.protocol import envelope, keys
from panal.protocol.errors import BadRequest, Conflict

from .conftest import PASSWORD, SSID


def opened(token, command):
    """What the board with this token reads in its command."""
    text = command.args["envelope"]
    plain = envelope.open(keys.derive(token, "wifi-encrypt"), keys.derive(token, "wifi-mac"), text)
    return json.loads(plain)


def begin(account, ids, actor, **more):
    network = {"ssid": SSID, "password": PASSWORD, **more}
    return begin_change(account_id=account.pk, device_ids=ids, actor=actor, **network)


def test_each_device_gets_an_envelope_that_only_it_opens(change, fleet):
    for row in change.rows.select_related("command"):
        assert row.command.name == "wifi.change"
        assert opened(fleet[row.device_id], row.command) == {"ssid": SSID, "password": PASSWORD, "rev": row.rev}
        [other] = [token for id, token in fleet.items() if id != row.device_id][:1]
        with pytest.raises(BadRequest):
            opened(other, row.command)
    assert len({command.args["envelope"] for command in Command.objects.all()}) == len(fleet)


def test_every_device_waits_with_a_command_and_a_deadline_of_its_own(change, fleet):
    rows = list(change.rows.select_related("command"))
    assert {row.device_id for row in rows} == set(fleet)
    assert {row.state for row in rows} == {"waiting"}
    assert {(row.command.expires_at - row.command.issued_at).total_seconds() for row in rows} == {actions.DEADLINE_S}


def test_the_number_of_statements_does_not_depend_on_the_number_of_devices(
    account, actor, fleet, django_assert_num_queries
):
    from django.test.utils import CaptureQueriesContext

    one, *others = fleet
    with CaptureQueriesContext(connection) as few:
        begin(account, [one], actor)
    with CaptureQueriesContext(connection) as many:
        begin(account, others, actor)
    assert len(many) == len(few)


def test_a_rev_is_never_given_twice_and_always_rises(account, actor, fleet, time_machine):
    time_machine.move_to("2026-11-21T10:00:00Z", tick=False)
    for _ in range(3):
        begin(account, fleet, actor)
    time_machine.move_to("2020-01-01T00:00:00Z", tick=False)
    begin(account, fleet, actor)
    for id in fleet:
        revs = list(DeviceChange.objects.filter(device_id=id).order_by("pk").values_list("rev", flat=True))
        assert revs == sorted(set(revs))


def test_after_a_restore_of_an_old_backup_revs_still_rise(account, actor, fleet):
    before = begin(account, fleet, actor).rows.first().rev
    Change.objects.all().delete()
    Command.objects.all().delete()
    assert begin(account, fleet, actor).rows.first().rev >= before


def test_a_new_change_takes_the_place_of_one_that_waits(account, actor, fleet):
    first = begin(account, fleet, actor)
    trying = first.rows.first()
    DeviceChange.objects.filter(pk=trying.pk).update(state="trying")
    begin(account, fleet, actor)
    states = sorted(first.rows.values_list("state", flat=True))
    assert states == ["cancelled"] * 4 + ["trying"]
    assert Command.objects.filter(status="queued").count() == 6


@pytest.mark.parametrize("ssid", ["", "x" * 33, "ñ" * 17, "a\nb", "\0", "\x7f"])
def test_a_name_that_no_network_has_is_refused(account, actor, fleet, ssid):
    with pytest.raises(BadRequest) as refused:
        begin(account, fleet, actor, ssid=ssid)
    assert (refused.value.code, refused.value.field) == ("bad_ssid", "ssid")
    assert not Command.objects.exists()


@pytest.mark.parametrize("password", ["short", "x" * 64, "ñandúñandú", "a\tbcdefghi", "f" * 65])
def test_a_password_that_no_network_has_is_refused(account, actor, fleet, password):
    with pytest.raises(BadRequest) as refused:
        begin(account, fleet, actor, password=password)
    assert (refused.value.code, refused.value.field) == ("bad_password", "password")


@pytest.mark.parametrize("password", ["", "12345678", "x" * 63, "0aF" * 21 + "f"])
def test_open_networks_phrases_and_keys_are_taken(account, actor, fleet, password):
    assert begin(account, fleet, actor, password=password).rows.count() == 5


def test_devices_of_others_and_revoked_ones_are_left_out(account, actor, fleet, other_device):
    Device.objects.filter(pk=min(fleet)).update(state="revoked")
    change = begin(account, [*fleet, other_device.pk], actor)
    assert set(change.rows.values_list("device_id", flat=True)) == set(fleet) - {min(fleet)}
    with pytest.raises(BadRequest, match="no_devices"):
        begin(account, [other_device.pk], actor)


def test_too_many_devices_at_once_are_refused(account, actor):
    with pytest.raises(BadRequest, match="too_many"):
        begin(account, [f"D{n}" for n in range(actions.MOST_AT_ONCE + 1)], actor)


def test_a_change_that_fails_half_way_leaves_nothing(account, actor, fleet):
    Device.objects.filter(pk=max(fleet)).update(token_encrypted=b"broken" * 8)
    from panal.control.vault import VaultError

    with pytest.raises(VaultError):
        begin(account, fleet, actor)
    assert not Change.objects.exists()
    assert not Command.objects.exists()


def test_only_those_that_have_not_begun_are_cancelled(change, actor):
    one, two, *_rest = change.rows.all()
    DeviceChange.objects.filter(pk=one.pk).update(state="trying")
    DeviceChange.objects.filter(pk=two.pk).update(state="changed", ended_at=timezone.now())
    with collected() as heard:
        assert cancel_change(change=change, actor=actor) == 3
    assert sorted(change.rows.values_list("state", flat=True)) == [*["cancelled"] * 3, "changed", "trying"]
    assert {event.name for event in heard} == {"command.finished", "wifi.progressed"}
    with pytest.raises(Conflict, match="all_begun"):
        cancel_change(change=change, actor=actor)


def test_a_cancelled_envelope_is_gone_at_once(change, actor):
    cancel_change(change=change, actor=actor)
    assert {str(args) for args in Command.objects.values_list("args", flat=True)} == {"{}"}
    assert not change.rows.filter(is_sealed=True).exists()


def test_the_audit_log_says_who_and_how_many_and_nothing_of_the_network(change, actor):
    cancel_change(change=change, actor=actor)
    entries = AuditEntry.objects.filter(verb__startswith="wifi.")
    assert {entry.verb: entry.after["devices"] for entry in entries} == {
        "wifi.change_begun": 5,
        "wifi.change_cancelled": 5,
    }
    assert "envelope" not in str([(entry.before, entry.after) for entry in AuditEntry.objects.all()])


def test_boards_that_ask_over_http_get_their_command_too(change, fleet):
    id = min(fleet)
    now_ms = int(timezone.now().timestamp() * 1000)
    [command] = DjangoStore().open_commands(id, now_ms)
    assert (command.name, set(command.args)) == ("wifi.change", {"envelope"})


def test_nothing_of_the_network_stands_in_the_database(change, actor, client, alice):
    client.force_login(alice)
    client.get(f"/wifi/{change.pk}/")
    client.post("/wifi/new/", {"by": "all", "ssid": SSID, "password": PASSWORD})
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            found = str(cursor.fetchall())
            assert SSID not in found, table
            assert PASSWORD not in found, table
    assert settings.SESSION_ENGINE.endswith(("db", "cached_db"))


def test_a_command_that_expires_leaves_no_envelope(change):
    later = timezone.now() + timedelta(seconds=actions.DEADLINE_S + 1)
    DjangoStore().expire(int(later.timestamp() * 1000))
    assert set(Command.objects.values_list("status", flat=True)) == {"expired"}
    assert {str(args) for args in Command.objects.values_list("args", flat=True)} == {"{}"}
    assert set(change.rows.values_list("state", flat=True)) == {"silent"}
