"""Pages of automations: they are made, edited and read without JavaScript; a stranger's do not exist."""

import pytest

from panal.cells.automations.models import Automation, Occurrence

from .conftest import run_all, went_offline

TIMED = {
    "name": "De noche", "when": "time", "time": "22:30", "days": ["1", "2"], "device_id": "", "light_id": "",
    "offset": "",
    "if-TOTAL_FORMS": "5", "if-INITIAL_FORMS": "0", "then-TOTAL_FORMS": "5", "then-INITIAL_FORMS": "0",
    "if-0-kind": "hours", "if-0-from_min": "21:00", "if-0-until_min": "07:00",
    "then-0-kind": "alert", "then-0-text": "Son las diez y media",
}  # fmt: skip


@pytest.fixture
def signed(client, alice):
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    client.force_login(alice)
    return client


def test_one_is_made_and_edited(signed, lamp):
    done = signed.post("/automations/new/", TIMED)
    made = Automation.objects.get()
    assert done.url == f"/automations/{made.pk}/"
    assert made.when == {"kind": "time", "minutes": 1350, "days": 3}
    assert made.conditions == [{"kind": "hours", "from_min": 1260, "until_min": 420}]
    assert made.actions == [{"kind": "alert", "text": "Son las diez y media"}]
    assert 'value="22:30"' in signed.get(f"/automations/{made.pk}/edit/").content.decode()
    switch = {"then-0-kind": "light", "then-0-light_id": lamp.pk, "then-0-is_on": "1", "then-0-for_min": "5"}
    signed.post(f"/automations/{made.pk}/edit/", {**TIMED, **switch})
    made.refresh_from_db()
    assert made.actions == [{"kind": "light", "light_id": lamp.pk, "is_on": True, "level": None, "for_s": 300}]


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"time": ""}, "form"), ({"days": []}, "form"), ({"if-0-until_min": ""}, "conditions"),
     ({"then-0-text": ""}, "actions")],
)  # fmt: skip
def test_what_is_missing_is_said_where_it_is_missing(signed, changes, field):
    answer = signed.post("/automations/new/", {**TIMED, **changes})
    assert answer.status_code == 200
    assert answer.context[field].errors != [] and any(answer.context[field].errors)
    assert not Automation.objects.exists()


def test_without_an_action_it_is_refused_in_words(signed):
    answer = signed.post("/automations/new/", {**TIMED, "then-0-kind": ""})
    assert len(answer.context["form"].non_field_errors()) == 1
    assert not Automation.objects.exists()


def test_its_page_says_what_it_did(signed, make, device):
    made = make()
    went_offline(device)
    run_all()
    page = signed.get(f"/automations/{made.pk}/").content.decode()
    assert "A device goes offline" in page
    assert "Pasillo" in page
    assert signed.get(f"/automations/{made.pk}/?part=runs").status_code == 200


def test_a_dry_run_and_a_run_by_hand(signed, make):
    made = make()
    assert "Nothing was done" in signed.get(f"/automations/{made.pk}/dry/").content.decode()
    assert not Occurrence.objects.exists()
    signed.post(f"/automations/{made.pk}/run/")
    assert Occurrence.objects.get().cause == "person"


def test_it_is_turned_off_and_deleted(signed, make):
    made = make()
    signed.post(f"/automations/{made.pk}/turn/", {"on": "0"})
    made.refresh_from_db()
    assert not made.is_on
    signed.post(f"/automations/{made.pk}/delete/")
    assert not Automation.objects.exists()


def test_an_example_fills_the_editor(signed, lamp):
    page = signed.get("/automations/new/?example=hall").content.decode()
    assert 'value="21:00"' in page


def test_the_list_costs_the_same_for_one_and_for_many(signed, make, django_assert_max_num_queries):
    for number in range(30):
        make(name=f"A {number}")
    with django_assert_max_num_queries(25):
        assert signed.get("/automations/").status_code == 200


@pytest.mark.parametrize(("who", "status"), [("bob", 302), ("vera", 403), ("carla", 403), ("charlie", 404)])
def test_who_may_turn_one_off(client, make, request, who, status):
    made = make()
    client.force_login(request.getfixturevalue(who))
    assert client.post(f"/automations/{made.pk}/turn/", {"on": "0"}).status_code == status
    assert client.get(f"/automations/{made.pk}/").status_code == (404 if who == "charlie" else 200)
