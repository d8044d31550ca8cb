import uuid

import pytest
from django.utils import timezone

from panal.cells.care.models import Event
from panal.control.tests.pages import PageCases, queries_of, text_of

EVERYBODY = {"alice", "bob", "carla", "vera", "charlie", "sam", "fay", "ada"}


class TestEvents(PageCases):
    path = "/events/"
    may = sees = EVERYBODY


class TestEvent(PageCases):
    path = "/events/{event}/"


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
    assert client.get(f"/devices/{device.pk}/").context["cell_parts"][0].context["events"] == []
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


@pytest.mark.parametrize("path", ["/events/", "/", "/devices/{device}/"])
def test_a_page_asks_the_same_for_one_event_and_for_a_thousand(client, alice, device, path):
    client.force_login(alice)
    _event(device).save()
    one = queries_of(client, path.format(device=device.pk))
    Event.objects.bulk_create(_event(device) for _ in range(999))
    assert queries_of(client, path.format(device=device.pk)) == one
