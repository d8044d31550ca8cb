"""The second stage's doubts, on windows that look like what they are: a drop and stillness, or a step."""

import math
from datetime import timedelta

import pytest

from panal.cells.care import actions, doubts, upkeep
from panal.cells.care.models import Event, Judgement, Samples
from panal.cells.contacts.models import Alert
from panal.control.instants import instant
from panal.control.tests.cases import collected

NOW_MS = 1_790_000_000_000
NOW = instant(NOW_MS)


def window(shape):
    """Four seconds at 50 Hz, the impact at 0."""
    return tuple((n, (n - 100) * 20, *shape((n - 100) / 50)) for n in range(200))


def a_fall(t):
    """Standing; half a second of falling; 5 g; lying on the side."""
    if t < -0.4:
        return 0.0, 1.0, 0.02 * math.sin(40 * t)
    if t < 0:
        return 0.0, 0.2, 0.1
    if t < 0.1:
        return 4.0, 2.5, 2.0
    return 1.0, 0.03, 0.02


def a_step(t):
    """Up and down, the same before and after one hard step."""
    hit = 1.0 if abs(t) < 0.03 else 0.35 * math.sin(12 * t)
    return 0.15 * math.sin(11 * t), 1.0 + hit, 0.15 * math.cos(13 * t)


def alert_of(event):
    return Alert.objects.get(uid=f"care:{event.pk}")


def judged(happens, shape, **more):
    event = happens(samples=window(shape), **more)
    doubts.judge([event.pk], NOW + timedelta(seconds=5))
    event.refresh_from_db()
    return event


def test_a_fall_is_judged_once_and_not_doubted(happens):
    event = judged(happens, a_fall)
    found = event.judgement
    assert found.p_fall > 0.5
    assert found.impact_g > 4
    assert found.posture_change_deg > 60
    assert len(found.reasons) == 3
    assert (event.escalate_at, alert_of(event).kind) == (None, "care.fall")
    assert doubts.judge([event.pk], NOW) == 0
    assert Judgement.objects.count() == 1


def test_a_doubt_lowers_the_urgency_and_silences_nothing(happens):
    event = judged(happens, a_step)
    assert event.judgement.p_fall < doubts.DOUBTED_BELOW
    alert = alert_of(event)
    assert (alert.kind, alert.urgency, alert.state) == ("care.doubt", "urgent", "open")
    assert (event.state, event.escalate_at) == ("open", NOW + timedelta(seconds=60))


def test_a_doubt_that_nobody_looked_at_counts_as_a_fall_after_a_minute_and_once(happens):
    event = judged(happens, a_step)
    assert doubts.escalate(NOW + timedelta(seconds=59)) == 0
    assert alert_of(event).kind == "care.doubt"
    assert doubts.escalate(NOW + timedelta(seconds=60)) == 1
    assert doubts.escalate(NOW + timedelta(seconds=61)) == 0
    alert = alert_of(event)
    assert (alert.kind, alert.urgency, alert.escalation.step) == ("care.fall", "emergency", 0)
    assert alert.escalation.due_at == NOW + timedelta(seconds=60)
    assert [line.action for line in event.reviews.all()] == ["doubt", "escalate"]


def test_the_escalation_tells_those_again_who_were_told_of_the_doubt(happens, alice):
    """A round of its own: a notice is once for each round and step."""
    from panal.cells.contacts.models import Contact, Notice

    event = judged(happens, a_step)
    alert = alert_of(event)
    contact = Contact.objects.create(account=alert.account, user=alice, name="Alice")
    Notice.objects.create(
        id="0197a0c0-0000-7000-8000-000000000001", alert=alert, contact=contact, contact_name="Alice",
        purpose="alarm", state="sent", created_at=NOW, due_at=NOW,
    )  # fmt: skip
    doubts.escalate(NOW + timedelta(seconds=60))
    assert alert_of(event).escalation.round == 1


@pytest.mark.parametrize("said", ["acknowledge", "confirm", "dismiss", "resolve"])
def test_a_person_s_word_ends_the_doubt(happens, actor, said):
    event = judged(happens, a_step)
    if said == "acknowledge":
        actions.acknowledge_event(event=event, actor=actor)
    else:
        actions.review_event(event=event, action=said, actor=actor)
    assert doubts.escalate(NOW + timedelta(hours=1)) == 0


def test_no_doubt_after_a_person_has_spoken_nor_after_the_minute(happens, actor):
    event = happens(samples=window(a_step))
    actions.acknowledge_event(event=event, actor=actor)
    assert doubts.judge([event.pk], NOW + timedelta(seconds=5)) == 0
    late = happens("u-2", samples=window(a_step))
    assert doubts.judge([late.pk], NOW + timedelta(seconds=60)) == 0
    assert alert_of(late).kind == "care.fall"


def test_only_falls_are_doubted(happens):
    event = judged(happens, a_step, kind="EMERGENCY_BUTTON")
    assert (event.escalate_at, alert_of(event).kind) == (None, "care.button")


def test_samples_that_say_too_little_are_looked_at_once(happens):
    event = happens(samples=window(a_fall)[:40])
    assert doubts.judge_waiting(NOW) == 0
    assert not Judgement.objects.filter(event=event).exists()
    assert Samples.objects.get().is_judged


def test_what_was_left_when_the_server_stopped_is_judged_as_time_goes_by(happens):
    happens(samples=window(a_step))
    upkeep.on_time(NOW + timedelta(seconds=5))
    assert Event.objects.get().escalate_at is not None


def test_samples_are_announced_for_the_second_stage(happens, device):
    with collected() as heard:
        event = happens(samples=window(a_fall))
    [news] = [n for n in heard if n.name == "care.samples_kept"]
    assert (news.data, news.account_id, news.device_id) == ({"id": str(event.pk)}, device.account_id, device.pk)


# what the board only suspects


def test_a_suspicion_of_the_board_is_a_doubt_from_the_beginning(happens):
    event = happens(score=-300)
    assert (alert_of(event).kind, event.escalate_at) == ("care.doubt", NOW + timedelta(seconds=60))
    doubts.escalate(NOW + timedelta(seconds=60))
    assert alert_of(event).kind == "care.fall", "also where no samples ever came"


def test_samples_that_look_like_a_fall_make_a_suspicion_one_at_once(happens):
    event = judged(happens, a_fall, score=-300)
    alert = alert_of(event)
    assert (alert.kind, alert.urgency, event.escalate_at) == ("care.fall", "emergency", None)
    assert [line.action for line in event.reviews.all()] == ["likely"]


@pytest.mark.parametrize("score", [0, 400, None, "x", True, -300])
def test_what_the_board_is_sure_of_is_a_fall(happens, score):
    event = happens(score=score, cancelled=score == -300)
    assert event.escalate_at is None
    assert {alert.kind for alert in Alert.objects.all()} == (set() if event.is_cancelled else {"care.fall"})


# retention


@pytest.mark.parametrize(("keeps", "days", "gone"), [(False, 1, 0), (False, 3, 1), (True, 3, 0), (True, 366, 1)])
def test_samples_stay_as_long_as_was_agreed(happens, worn, carmen, actor, keeps, days, gone):
    actions.save_wearer(account_id=carmen.account_id, wearer=carmen, keeps_motion=keeps, actor=actor)
    event = judged(happens, a_fall)
    assert upkeep.prune(NOW + timedelta(days=days)) == gone
    assert Judgement.objects.filter(event=event).exists()
