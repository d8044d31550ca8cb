import csv
import json
import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from panal.cells.care import reports
from panal.cells.care.actions import save_wearer
from panal.cells.care.models import Event, Judgement, Wearer, Wearing
from panal.control.tests.pages import FormCases, PageCases, mistakes_in, queries_of, text_of

HANDLERS = {"alice", "bob", "carla", "ada"}
EDITORS = {"alice", "bob", "ada"}
EVERYBODY = {"alice", "bob", "carla", "vera", "charlie", "sam", "fay", "ada"}


class TestEvents(PageCases):
    path = "/events/"
    may = sees = EVERYBODY


class TestEvent(PageCases):
    path = "/events/{event}/"


class TestReview(FormCases):
    path, may, body = "/events/{event}/review/", HANDLERS, {"action": "dismiss"}


class TestEventsAsCsv(PageCases):
    path = "/events/events.csv"
    may = sees = EVERYBODY


class TestStatistics(PageCases):
    path = "/events/statistics/"
    may = sees = EVERYBODY


class TestReport(PageCases):
    path = "/events/report.pdf"
    may = sees = EVERYBODY


class TestReportOfAWearer(PageCases):
    path = "/events/report.pdf?wearer={wearer}"


class TestWearers(PageCases):
    path = "/wearers/"
    may = sees = EVERYBODY


class TestWearer(PageCases):
    path = "/wearers/{wearer}/"


class TestEditAWearer(PageCases):
    path, may = "/wearers/{wearer}/edit/", EDITORS


class TestGiveADevice(PageCases):
    path, may = "/wearers/{wearer}/device/", EDITORS


class TestTakeADevice(FormCases):
    path, may = "/wearings/{wearing}/end/", EDITORS


class TestExport(PageCases):
    path, may = "/wearers/{wearer}/data.json", {"alice", "ada"}


class TestDeleteAWearer(FormCases):
    path, may, body = "/wearers/{wearer}/delete/", {"alice", "ada"}, {"name": "Carmen"}


def _event(device, kind="EMERGENCY_BUTTON", **more):
    now = timezone.now()
    values = {"uid": str(uuid.uuid4()), "account": device.account, "occurred_at": now, "received_at": now}
    return Event(device=device, kind=kind, **{**values, "is_estimated": False, **more})


def shown(client, query=""):
    return [event.kind for event in client.get(f"/events/{query}").context["events"]]


def test_events_are_filtered_by_kind_and_by_device(client, alice, device):
    Event.objects.bulk_create([_event(device, "FALL"), _event(device, "TILT")])
    client.force_login(alice)
    assert shown(client, "?kind=FALL") == ["FALL"]
    assert len(shown(client, f"?q={device.pk.lower()}")) == 2
    assert shown(client, "?q=nobody") == []
    assert len(shown(client, "?kind=NONSENSE")) == 2


def test_a_stranger_s_events_are_not_in_the_list(client, charlie, event):
    client.force_login(charlie)
    assert shown(client) == []
    assert client.get("/").context["parts"]


def test_an_event_stays_with_the_account_it_happened_in(client, alice, charlie, event, device, other_account):
    """The device is sold on: its new owner does not see what happened before, its old one does not see the device."""
    type(device).objects.filter(pk=device.pk).update(account=other_account)
    client.force_login(charlie)
    assert client.get(f"/events/{event.pk}/").status_code == 404
    parts = client.get(f"/devices/{device.pk}/").context["cell_parts"]
    assert next(part for part in parts if part.name == "events").context["events"] == []
    client.force_login(alice)
    page = client.get(f"/events/{event.pk}/").content.decode()
    assert f"/devices/{device.pk}/" not in page


def test_the_samples_are_plotted_in_g_against_the_event(client, alice, event):
    client.force_login(alice)
    strength, axes = client.get(f"/events/{event.pk}/").context["plots"]
    assert strength["data"]["x"] == (-20,)
    assert strength["data"]["lines"][0]["values"] == [1.0]
    assert [line["label"] for line in axes["data"]["lines"]] == ["x", "y", "z"]


def test_an_event_without_samples_says_so(client, alice, device):
    event = _event(device)
    event.save()
    client.force_login(alice)
    text = text_of(client.get(f"/events/{event.pk}/", headers={"accept-language": "en"}))
    assert "No samples came with this event" in text


def test_what_the_board_says_of_an_event_is_text_and_never_markup(client, alice, device):
    event = _event(device, data={"<i>note</i>": "<script>alert(1)</script>"})
    event.save()
    client.force_login(alice)
    html = client.get(f"/events/{event.pk}/").content.decode()
    assert "<script>alert" not in html
    assert "<i>note" not in html


PAGES = ["/events/", "/", "/devices/{device}/", "/events/statistics/", "/wearers/", "/wearers/{wearer}/"]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_asks_the_same_for_one_event_and_for_a_thousand(client, alice, device, carmen, worn, path):
    client.force_login(alice)
    path = path.format(device=device.pk, wearer=carmen.pk)
    _event(device, wearer=carmen).save()
    one = queries_of(client, path)
    Event.objects.bulk_create(_event(device, wearer=carmen) for _ in range(999))
    assert queries_of(client, path) == one


@pytest.mark.parametrize("language", ["es", "en"])
@pytest.mark.parametrize(
    "path",
    ["/events/", "/events/{event}/", "/events/statistics/", "/wearers/", "/wearers/new/", "/wearers/{wearer}/",
     "/wearers/{wearer}/edit/", "/wearers/{wearer}/device/"],
)  # fmt: skip
def test_pages_are_well_formed_in_both_languages(client, alice, things, path, language):
    client.force_login(alice)
    html = client.get(path.format(**things), headers={"accept-language": language}).content.decode()
    assert mistakes_in(html) == {}


# filters


def test_events_are_filtered_by_state_wearer_days_and_text(client, alice, carla, device, carmen):
    yesterday = timezone.now() - timedelta(days=1)
    Event.objects.bulk_create(
        [
            _event(device, "FALL", wearer=carmen, comment="slipped in the bath"),
            _event(device, "EMERGENCY_BUTTON", state="resolved", received_at=yesterday),
        ]
    )
    client.force_login(alice)
    today, before = timezone.localdate(), timezone.localdate() - timedelta(days=1)
    for query, kinds in {
        "state=open": ["FALL"],
        "state=resolved": ["EMERGENCY_BUTTON"],
        f"wearer={carmen.pk}": ["FALL"],
        "q=carmen": ["FALL"],
        "q=bath": ["FALL"],
        f"since={today}": ["FALL"],
        f"until={before}": ["EMERGENCY_BUTTON"],
        "mine=1": [],
        "state=x&since=31-31-31&wearer=x": ["FALL", "EMERGENCY_BUTTON"],
    }.items():
        assert shown(client, f"?{query}") == kinds, query
    client.force_login(carla)
    assert shown(client, "?mine=1") == ["FALL"]


# what people say of it


def test_the_second_reviewer_sees_what_the_first_said(client, bob, carla, event):
    client.force_login(carla)
    client.post(f"/events/{event.pk}/review/", {"action": "dismiss", "seen": "0", "comment": "dropped it"})
    client.force_login(bob)
    page = client.post(f"/events/{event.pk}/review/", {"action": "confirm", "seen": "0"}, follow=True)
    text = text_of(page)
    assert "carla@example.com fue más rápido" in text or "carla@example.com was faster" in text
    assert "dropped it" in text
    event.refresh_from_db()
    assert event.state == "false_alarm"


def test_a_caregiver_has_the_buttons_and_a_viewer_has_not(client, carla, vera, event):
    for person, has in ((carla, True), (vera, False)):
        client.force_login(person)
        html = client.get(f"/events/{event.pk}/").content.decode()
        assert ('value="acknowledge"' in html, 'value="dismiss"' in html) == (has, has)


def test_on_my_way_is_pressed_once(client, carla, event):
    client.force_login(carla)
    client.post(f"/events/{event.pk}/review/", {"action": "acknowledge"})
    html = client.get(f"/events/{event.pk}/").content.decode()
    assert 'value="acknowledge"' not in html
    assert 'value="confirm"' in html
    assert carla.email in html


def test_what_to_know_in_an_emergency_is_on_the_event_for_those_who_help(client, carla, vera, carmen, worn, happens):
    event = happens()
    for person, reads in ((carla, True), (vera, False)):
        client.force_login(person)
        assert ("Key at Rosa" in client.get(f"/events/{event.pk}/").content.decode()) is reads


def test_a_cancelled_fall_says_that_nobody_was_woken(client, alice, happens):
    event = happens(cancelled=True)
    client.force_login(alice)
    text = text_of(client.get(f"/events/{event.pk}/", headers={"accept-language": "en"}))
    assert "Cancelled by the wearer" in text
    assert "I am on my way" not in text


def test_the_judgement_stands_beside_the_samples(client, alice, event):
    Judgement.objects.create(
        event=event, p_fall=0.07, impact_g=2.1, posture_change_deg=4, stillness=0.2, model_version=1,
        reasons=["soft_impact", "posture_kept", "moves_on"], judged_at=timezone.now(),
    )  # fmt: skip
    client.force_login(alice)
    text = text_of(client.get(f"/events/{event.pk}/", headers={"accept-language": "en"}))
    assert "7%" in text
    assert "hardly changed · 4°" in text


# handing a device over


def test_a_device_that_somebody_wears_is_handed_over_only_after_a_second_yes(
    client, alice, carmen, worn, account, actor
):
    pepe = save_wearer(account_id=account.pk, name="Pepe", actor=actor)
    client.force_login(alice)
    path, chosen = f"/wearers/{pepe.pk}/device/", {"device": worn.device_id}
    asked = client.post(path, chosen)
    assert "Carmen" in asked.content.decode()
    assert Wearing.objects.get(until_at=None).wearer == carmen
    client.post(path, {**chosen, "sure": "1"})
    assert Wearing.objects.get(until_at=None).wearer == pepe


def test_a_wearer_is_added_and_changed_by_a_form(client, alice, bob, account):
    client.force_login(alice)
    values = {"name": "Pepe", "birth_year": "1950", "position": "neck", "caregivers": [str(bob.pk)]}
    assert client.post("/wearers/new/", values).status_code == 302
    pepe = Wearer.objects.get()
    assert (pepe.position, pepe.caregivers.get(), pepe.keeps_motion) == ("neck", bob, False)
    client.post(f"/wearers/{pepe.pk}/edit/", {"name": "Pepe", "position": "waist", "keeps_motion": "on"})
    pepe.refresh_from_db()
    assert (pepe.birth_year, pepe.caregivers.count(), pepe.keeps_motion) == (None, 0, True)


def test_a_wearer_is_deleted_only_by_their_name(client, alice, carmen):
    client.force_login(alice)
    client.post(f"/wearers/{carmen.pk}/delete/", {"name": "Karmen"})
    assert Wearer.objects.exists()
    client.post(f"/wearers/{carmen.pk}/delete/", {"name": "Carmen"})
    assert not Wearer.objects.exists()


# files


def test_the_csv_is_one_line_for_each_event_and_no_formula(client, alice, device, carmen):
    Event.objects.bulk_create([_event(device, "FALL", wearer=carmen, comment="=1+1", state="resolved")])
    client.force_login(alice)
    answer = client.get("/events/events.csv?kind=FALL")
    [head, line] = csv.reader(b"".join(answer.streaming_content).decode().splitlines())
    row = dict(zip(head, line, strict=True))
    assert (row["kind"], row["state"], row["wearer"], row["comment"]) == ("FALL", "resolved", "Carmen", "'=1+1")


@pytest.mark.parametrize("value", ["=1", "+1", "-1", "@x", "\t=1", "\r=1"])
def test_no_cell_begins_as_a_formula_does(value):
    assert reports.cell(value) == f"'{value}"


def test_the_report_is_a_pdf_with_any_letters(client, alice, device, account, actor):
    wearer = save_wearer(account_id=account.pk, name="Łukasz Ağaoğlu", actor=actor)
    Event.objects.bulk_create(_event(device, wearer=wearer, comment="ñandú → 😀") for _ in range(60))
    client.force_login(alice)
    answer = client.get(f"/events/report.pdf?wearer={wearer.pk}")
    assert answer["Content-Type"] == "application/pdf"
    assert answer.content.startswith(b"%PDF-")
    assert answer.content.count(b"/Type /Page\n") > 1


def test_the_export_holds_everything_of_a_person(client, alice, carmen, worn, happens):
    happens(samples=((0, 0, 0.0, 0.0, 1.0),))
    client.force_login(alice)
    document = json.loads(b"".join(client.get(f"/wearers/{carmen.pk}/data.json").streaming_content))
    assert document["wearer"]["notes"] == "Hears little"
    assert document["wearer"]["devices"][0]["device"] == worn.device_id
    assert document["events"][0]["samples_g"] == [[0, 0, 0.0, 0.0, 1.0]]
