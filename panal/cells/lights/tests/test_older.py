"""Boards of the older kind in the database: added, visited in turn, switched, pushed to; and what they may ask."""

from datetime import timedelta

import pytest
from django.utils import timezone

from panal.cells.devices.models import Device
from panal.cells.lights import actions, older
from panal.cells.lights.models import Light, OlderBoard, OlderPush
from panal.cells.lights.rounds import Checked, Pushed
from panal.control.instants import milliseconds
from panal.control.store import DjangoStore
from panal.gateway.store import Entry
from panal.protocol.errors import BadRequest, Conflict

pytestmark = pytest.mark.django_db


@pytest.fixture
def board(account, actor):
    return older.add_board(account_id=account.pk, name="Patio", address="192.168.1.40", actor=actor).board


@pytest.fixture
def light(board, actor):
    return older.add_light(board=board, room="Salón", name="Lámpara", actor=actor)


def now_ms(**later):
    return milliseconds(timezone.now() + timedelta(**later))


def visited(board, trouble="", **later):
    DjangoStore().commit([Entry("lights.older_checked", Checked(board.pk, now_ms(**later), trouble))])
    board.refresh_from_db()
    return Device.objects.get(pk=board.pk)


def test_it_is_a_device_of_the_account_with_a_token_of_its_own(account, actor):
    made = older.add_board(account_id=account.pk, name="Patio", address="192.168.1.40:81", actor=actor)
    identity = DjangoStore().identity(made.board.pk)
    assert identity is not None and identity.account_id == account.pk
    assert made.board.place == "192.168.1.40:81" and len(made.token) == 64


@pytest.mark.parametrize("address", ["example.com", "8.8.8.8", "127.0.0.1", "169.254.169.254"])
def test_it_cannot_be_anywhere_else_than_on_the_local_network(address, account, actor, board):
    with pytest.raises(BadRequest, match="bad_address"):
        older.add_board(account_id=account.pk, name="Patio", address=address, actor=actor)
    with pytest.raises(BadRequest, match="bad_address"):
        older.move_board(board=board, address=address, actor=actor)


def test_each_visit_is_one_replicas(board):
    [due] = older.due(now_ms(seconds=1), 10)
    assert due == (board.pk, ("192.168.1.40", 80), 10)
    assert older.due(now_ms(seconds=1), 10) == [], "another replica is on its way"
    assert len(older.due(now_ms(seconds=40), 10)) == 1, "it did not come back"


def test_the_account_says_how_often(board, account, actor):
    older.set_interval(account_id=account.pk, interval_s=7200, actor=actor)
    assert older.due(now_ms(seconds=1), 10)[0].interval_s == 7200
    visited(board)
    assert older.due(now_ms(seconds=7100), 10) == [] and older.due(now_ms(seconds=7201), 10)
    for wrong in (0, 7201):
        with pytest.raises(BadRequest):
            older.set_interval(account_id=account.pk, interval_s=wrong, actor=actor)


def test_found_it_is_online_missed_twice_it_is_not(board):
    assert visited(board).is_online
    assert visited(board, "silent").is_online, "once is nothing"
    device = visited(board, "silent")
    assert not device.is_online and device.online_changed_at and board.trouble == "silent"
    assert visited(board).is_online and board.trouble == ""


def test_a_light_that_was_asked_for_is_an_order_until_it_is_reported(light, board, actor):
    assert older.orders(board.pk, now_ms()).orders == []
    actions.switch(light, True, by=actor, now=timezone.now())
    [order] = older.orders(board.pk, now_ms()).orders
    assert (order.channel, order.room, order.name, order.is_on) == (1, "Salón", "Lámpara", True)
    done = {"on": True, "level": None, "by": "page", "at_ms": order.set_at_ms, "set_at_ms": order.set_at_ms}
    report(board, done)
    assert older.orders(board.pk, now_ms()).orders == []
    light.refresh_from_db()
    assert light.is_on and light.by == "page" and light.wanted_at is None


def report(board, light):
    from panal.cells.devices.messages import Reported

    DjangoStore().commit([Entry("devices.reported", Reported(board.pk, now_ms(), 1, {"lights": {"1": light}}))])


def test_we_keep_its_timers(light, board, actor):
    actions.switch(light, True, None, 60, by=actor, now=timezone.now())
    [order] = older.orders(board.pk, now_ms()).orders
    report(board, {"on": True, "by": "page", "at_ms": order.set_at_ms, "set_at_ms": order.set_at_ms,
                   "until_ms": order.until_ms})  # fmt: skip
    assert older.timers_over(now_ms(seconds=50)) == []
    assert older.timers_over(now_ms(seconds=61)) == [board.pk]
    [over] = older.orders(board.pk, now_ms(seconds=61)).orders
    assert not over.is_on and over.by == "timer"
    report(board, {"on": False, "by": "timer", "at_ms": over.set_at_ms, "set_at_ms": 0})
    assert older.timers_over(now_ms(seconds=70)) == []
    assert not Light.objects.get(pk=light.pk).is_on


def test_two_lights_of_a_board_have_two_names(light, board, actor):
    with pytest.raises(Conflict):
        older.add_light(board=board, room="Salón", name="Lámpara", actor=actor)
    assert older.add_light(board=board, room="Salón", name="Techo", actor=actor).channel == 2


def test_a_light_that_is_removed_makes_room(light, board, actor):
    older.remove_light(line=board.names.get(), actor=actor)
    assert Light.objects.get(pk=light.pk).removed_at
    assert older.add_light(board=board, room="Patio", name="Farol", actor=actor).channel == 1
    assert not Light.objects.get(pk=light.pk).removed_at


def test_the_list_of_lights_is_of_ones_own_account_in_exactly_this_form(light, board, other_account, actor):
    theirs = older.add_board(account_id=other_account.pk, name="", address="192.168.1.41", actor=actor).board
    assert older.status(board.pk) == [{"room": "Salón", "light": "Lámpara", "state": "off"}]
    assert older.status(theirs.pk) == []


def test_firmware_goes_to_one_board_once(board, actor):
    push = older.begin_push(board=board, name="firmware.bin", data=b"image", actor=actor)
    with pytest.raises(Conflict):
        older.begin_push(board=board, name="firmware.bin", data=b"image", actor=actor)
    taken = older.next_push(now_ms())
    assert taken is not None and taken.data == b"image" and older.next_push(now_ms()) is None
    tell(push, "sending", 3)
    push.refresh_from_db()
    assert (push.sent_pct, push.is_open) == (60, True)
    tell(push, "done", 3)
    push.refresh_from_db()
    assert (push.state, push.sent_pct, push.data) == ("done", 100, None)
    tell(push, "failed", 0)
    push.refresh_from_db()
    assert push.state == "done", "what has ended stays"


def tell(push, state, sent):
    DjangoStore().commit([Entry("lights.older_pushed", Pushed(push.board_id, push.pk, state, sent, ""))])


def test_firmware_that_nobody_sends_any_more_has_failed(board, actor):
    push = older.begin_push(board=board, name="spiffs.bin", data=b"image", actor=actor)
    older.next_push(now_ms())
    older.next_push(now_ms(seconds=61))
    assert OlderPush.objects.get(pk=push.pk).state == "failed"


@pytest.mark.parametrize(("name", "size"), [("evil.sh", 5), ("../firmware.bin", 5), ("firmware.bin", 0)])
def test_only_the_four_files_are_pushed(name, size, board, actor):
    with pytest.raises(BadRequest):
        older.begin_push(board=board, name=name, data=b"a" * size, actor=actor)


def test_a_board_that_is_removed_is_visited_no_more(board, actor):
    older.remove_board(board=board, actor=actor)
    assert older.ids() == [] and not OlderBoard.objects.exists()
    assert DjangoStore().identity(board.device_id) is None or not DjangoStore().identity(board.device_id).active
