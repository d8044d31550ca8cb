import pytest

from panal.cells.care import actions, review, upkeep
from panal.cells.care.models import Event, Review
from panal.cells.contacts.models import Alert
from panal.control.tests.cases import collected
from panal.protocol.errors import BadRequest, Conflict


def alert_of(event):
    return Alert.objects.get(uid=f"care:{event.pk}")


def test_every_state_can_be_reached_and_left():
    assert {state for _, state in review.TABLE.items()} == set(review.STATES)
    assert all(review.possible(state) for state in review.STATES)
    assert all(before != after for (before, _), after in review.TABLE.items())


@pytest.mark.parametrize(
    ("kind", "is_cancelled", "state"),
    [
        ("FALL", False, "open"),
        ("EMERGENCY_BUTTON", False, "open"),
        ("FALL", True, "resolved"),
        ("TILT", False, "resolved"),
        ("SIMULATED", False, "resolved"),
    ],
)
def test_what_wakes_nobody_waits_for_nobody(kind, is_cancelled, state):
    assert review.begins(kind, is_cancelled=is_cancelled) == state


def test_a_verdict_outlives_the_end():
    assert review.verdict(review.verdict("", "confirm"), "resolve") == "fall"
    assert review.verdict("fall", "reopen") == ""


def test_a_review_keeps_who_when_and_what_they_wrote(happens, carla):
    event = happens()
    with collected() as heard:
        actions.review_event(event=event, action="confirm", actor=_of(carla), comment=" in the kitchen ", seen=0)
    event.refresh_from_db()
    assert (event.state, event.verdict, event.reviewed_by) == ("confirmed", "fall", carla.email)
    assert (event.comment, event.answered_by, event.revision) == ("in the kitchen", carla.email, 1)
    line = event.reviews.get()
    assert (line.action, line.state, line.user, line.comment) == ("confirm", "confirmed", carla, "in the kitchen")
    assert "care.event_reviewed" in [news.name for news in heard]


def test_the_second_of_two_reviewers_changes_nothing_and_is_told(happens, carla, bob):
    event = happens()
    seen_by_bob = Event.objects.get(pk=event.pk)
    actions.review_event(event=event, action="confirm", actor=_of(carla), seen=0)
    with pytest.raises(Conflict) as refused:
        actions.review_event(event=seen_by_bob, action="dismiss", actor=_of(bob), seen=0)
    assert refused.value.code == "reviewed_already"
    event.refresh_from_db()
    assert (event.state, event.reviewed_by, event.reviews.count()) == ("confirmed", carla.email, 1)


def test_a_page_that_was_loaded_before_the_last_review_says_nothing_blindly(happens, carla, bob):
    event = happens()
    actions.review_event(event=event, action="resolve", actor=_of(carla))
    with pytest.raises(Conflict):
        actions.review_event(event=event, action="confirm", actor=_of(bob), seen=0)


@pytest.mark.parametrize(
    ("action", "code"), [("reopen", "not_possible"), ("", "bad_action"), ("escalate", "bad_action")]
)
def test_what_the_table_does_not_know_is_refused(happens, carla, action, code):
    with pytest.raises((Conflict, BadRequest)) as refused:
        actions.review_event(event=happens(), action=action, actor=_of(carla))
    assert refused.value.code == code
    assert not Review.objects.exists()


def test_a_comment_has_an_end(happens, carla):
    with pytest.raises(BadRequest):
        actions.review_event(event=happens(), action="confirm", actor=_of(carla), comment="x" * 1001)


# alarms


def test_a_fall_and_a_button_raise_an_emergency_in_the_event_s_own_transaction(happens, worn):
    fall, button = happens(), happens("u-2", "EMERGENCY_BUTTON")
    found = {alert.uid: alert for alert in Alert.objects.all()}
    assert {found[f"care:{e.pk}"].urgency for e in (fall, button)} == {"emergency"}
    alert = found[f"care:{fall.pk}"]
    assert (alert.kind, alert.name, alert.url) == ("care.fall", "Carmen", f"/events/{fall.pk}/")
    assert alert.escalation.step == 0


def test_a_tilt_is_a_notice_once_an_hour_and_a_test_is_nothing(happens):
    for uid in ("t-1", "t-2"):
        happens(uid, "TILT")
    happens("s-1", "SIMULATED")
    assert [(alert.kind, alert.urgency) for alert in Alert.objects.all()] == [("care.tilt", "notice")]


def test_what_the_wearer_cancelled_is_kept_and_wakes_nobody(happens):
    event = happens(cancelled=True)
    assert (event.is_cancelled, event.state) == (True, "resolved")
    assert not Alert.objects.exists()


def test_a_cancellation_after_the_alarm_ends_it_where_nobody_has_spoken(happens):
    happens()
    event = happens(cancelled=True)
    assert (event.is_cancelled, event.state, alert_of(event).state) == (True, "resolved", "cleared")
    assert [line.action for line in event.reviews.all()] == ["cancel"]
    assert happens(cancelled=True).reviews.count() == 1


def test_a_cancellation_does_not_overrule_a_person(happens, carla):
    event = happens()
    actions.review_event(event=event, action="confirm", actor=_of(carla))
    event = happens(cancelled=True)
    assert (event.is_cancelled, event.state, alert_of(event).state) == (True, "confirmed", "acknowledged")


def test_who_is_on_their_way_stops_the_alarm_and_is_the_first_answer(happens, carla, bob):
    event = happens()
    assert actions.acknowledge_event(event=event, actor=_of(carla))
    assert not actions.acknowledge_event(event=event, actor=_of(carla))
    assert actions.acknowledge_event(event=event, actor=_of(bob)), "a second helper is welcome"
    event.refresh_from_db()
    assert (event.state, event.answered_by) == ("open", carla.email)
    assert (alert_of(event).state, alert_of(event).acknowledged_by) == ("acknowledged", carla.email)


def test_an_alert_that_was_taken_by_its_link_is_known_to_its_event(happens, carla):
    event = happens()
    assert upkeep.acknowledged(f"care:{event.pk}", "Rosa")
    assert not upkeep.acknowledged(f"care:{event.pk}", "Rosa")
    event.refresh_from_db()
    assert event.answered_by == "Rosa"


@pytest.mark.parametrize("uid", ["care:nonsense", "care.silent:WEAR2345:1", "door:1", "care:"])
@pytest.mark.usefixtures("db")
def test_alerts_that_are_about_no_event_are_none_of_ours(uid):
    assert not upkeep.acknowledged(uid, "Rosa")


def test_all_clear_when_it_was_nothing_or_is_over(happens, carla):
    for uid, action in (("a", "dismiss"), ("b", "resolve")):
        event = happens(uid)
        actions.review_event(event=event, action=action, actor=_of(carla))
        assert alert_of(event).state == "cleared"


def test_opened_again_it_wakes_again_and_ends_again(happens, carla):
    event = happens()
    actions.review_event(event=event, action="dismiss", actor=_of(carla))
    actions.review_event(event=event, action="reopen", actor=_of(carla))
    again = Alert.objects.get(uid=f"care:{event.pk}:1")
    assert (again.state, event.verdict) == ("open", "")
    actions.review_event(event=event, action="resolve", actor=_of(carla))
    again.refresh_from_db()
    assert again.state == "cleared"


def _of(user):
    from panal.cells.accounts.actor import person

    return person(user)
