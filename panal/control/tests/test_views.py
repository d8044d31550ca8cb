"""The frame of every page, the overview, the bench, and what is said when something goes wrong."""

import re
import zipfile
from html import unescape
from pathlib import Path

import lucide
import pytest
from django.conf import settings
from django.test import override_settings
from django.urls import reverse

from panal.control import bench
from panal.settings import load

from .pages import LANGUAGES, FormCases, PageCases, mistakes_in, queries_of, text_of

ROOT = Path(settings.BASE_DIR) if hasattr(settings, "BASE_DIR") else Path(__file__).parents[3]
WITH_BENCH = load({"PANAL_BENCH": "1"})
PAGES = (
    *("/", "/more/", "/devices/", "/sectors/", "/groups/", "/events/", "/people/", "/tokens/", "/audit/", "/me/"),
    *("/account/", "/accounts/2fa/", "/accounts/email/", "/accounts/password/change/", "/accounts/logout/"),
    *("/devices/{device}/", "/events/{event}/", "/fleet/", "/wifi/", "/wifi/new/"),
)
TITLES = {"es": "Resumen", "en": "Overview"}


class Hub:
    """A bench with one board on it."""

    def __init__(self, device_id):
        self.device_id = device_id
        self.told = []

    def send(self, device_id, message):
        self.told.append((device_id, message))
        return device_id == self.device_id

    def states(self):
        state = {"power": True, "wifi": True, "led": "blink_200", "queue": 2, "link": "down", "battery": 0.5}
        return {self.device_id: {**state, "model": "wearable-1"}}


@pytest.fixture
def hub(device):
    hub = Hub(device.id)
    bench.set_hub(hub)
    with override_settings(PANAL=WITH_BENCH):
        yield hub
    bench.set_hub(None)


class TestOverview(PageCases):
    path = "/"
    may = sees = {"alice", "bob", "carla", "vera", "charlie", "sam", "fay", "ada"}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_well_formed_in_both_languages(client, alice, things, path, language):
    client.force_login(alice)
    client.cookies["django_language"] = language
    response = client.get(path.format(**things))
    html = response.content.decode()
    assert response.status_code == 200
    assert f'<html lang="{language}"' in html
    assert mistakes_in(html) == {}


@pytest.mark.parametrize("path", ["/accounts/login/", "/accounts/password/reset/", "/accounts/signup/"])
def test_pages_before_the_sign_in_are_well_formed(client, db, path):
    response = client.get(path)
    assert response.status_code == 200
    assert mistakes_in(response.content.decode()) == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_person_s_language_wins_over_the_browser_s(client, alice, language):
    alice.language = language
    alice.save()
    client.force_login(alice)
    other = LANGUAGES[1 - LANGUAGES.index(language)]
    assert TITLES[language] in text_of(client.get("/", headers={"accept-language": other}))


def test_without_a_choice_the_browser_s_language_is_taken(client, alice):
    client.force_login(alice)
    assert TITLES["en"] in text_of(client.get("/", headers={"accept-language": "en-GB,en"}))
    assert TITLES["es"] in text_of(client.get("/", headers={"accept-language": "es-AR"}))


def test_no_page_holds_a_script_or_a_style_of_its_own(client, alice, things):
    client.force_login(alice)
    for path in PAGES:
        response = client.get(path.format(**things))
        inline = re.findall(r"<script(?![^>]*(?:src=|application/json))|<style| on\w+=\"", response.content.decode())
        assert not inline, path
        assert "script-src 'self'" in response["Content-Security-Policy"]


def test_nothing_is_fetched_from_another_server(client, alice, things):
    client.force_login(alice)
    for path in PAGES:
        html = client.get(path.format(**things)).content.decode()
        assert not re.findall(r"(?:src|href|action)=\"(?:https?:)?//", html), path


def test_a_stranger_s_address_and_one_that_is_nothing_look_the_same(client, charlie, device):
    client.force_login(charlie)
    strange, nothing = client.get(f"/devices/{device.id}/"), client.get("/devices/NOTHING2/")
    assert strange.status_code == nothing.status_code == 404
    assert strange.content == nothing.content


def test_the_theme_a_person_chose_is_the_page_s(client, alice):
    client.force_login(alice)
    assert 'media="(prefers-color-scheme: dark)"' in client.get("/").content.decode()
    alice.theme = "light"
    alice.save()
    assert "dark.css" not in client.get("/").content.decode()


def test_the_overview_shows_what_is_online_what_happened_and_what_needs_somebody(client, alice, device, event):
    client.force_login(alice)
    text = text_of(client.get("/", headers={"accept-language": "en"}))
    assert "Devices now" in text
    assert "Fall" in text
    assert "Needs you" in text


def test_the_overview_asks_the_same_for_one_device_and_for_a_thousand(client, alice, account, actor):
    from panal.cells.devices.actions import mint_devices
    from panal.cells.devices.models import Device

    client.force_login(alice)
    mint_devices(model="wearable-1", account_id=account.pk, actor=actor)
    one = queries_of(client, "/")
    mint_devices(model="wearable-1", account_id=account.pk, actor=actor, count=999)
    Device.objects.update(state="activated")
    assert queries_of(client, "/") <= one


@pytest.mark.parametrize("path", PAGES)
def test_every_live_part_of_a_page_can_be_fetched_alone(client, alice, things, path):
    client.force_login(alice)
    html = client.get(path.format(**things)).content.decode()
    for address in re.findall(r'id="[^"]+" hx-get="([^"]+)" hx-trigger="sse:', html):
        part = client.get(path.format(**things) + unescape(address))
        assert part.status_code == 200, address
        assert "<html" not in part.content.decode(), address


@pytest.mark.parametrize("part", ["fleet", "attention", "events"])
def test_a_part_of_the_overview_comes_alone(client, alice, part):
    client.force_login(alice)
    html = client.get(f"/?part={part}").content.decode()
    assert "<html" not in html
    assert mistakes_in(html) == {}


class TestBench(PageCases):
    path = "/bench/"
    may = sees = {"alice", "bob", "carla", "vera", "charlie", "sam", "fay", "ada"}

    @pytest.fixture(autouse=True)
    def with_hub(self, hub):
        pass


class TestPress(FormCases):
    path = "/bench/{device}/"
    body = {"do": "press", "ms": "700"}
    may = {"alice", "bob", "sam", "ada"}

    @pytest.fixture(autouse=True)
    def with_hub(self, hub):
        pass


def test_without_the_setting_there_is_no_bench(client, ada, device):
    client.force_login(ada)
    assert client.get("/bench/").status_code == 404
    assert client.post(f"/bench/{device.id}/", {"do": "press"}).status_code == 404
    assert "bench" not in client.get("/").content.decode()


@pytest.mark.parametrize(("who", "is_still"), [("bob", False), ("carla", True), ("vera", True)])
def test_who_may_not_operate_finds_the_bench_s_buttons_disabled(client, request, hub, who, is_still):
    client.force_login(request.getfixturevalue(who))
    html = client.get("/bench/?part=boards").content.decode()
    buttons = re.findall(r"<button [^>]*>", html)
    assert buttons
    assert [" disabled" in button for button in buttons if 'class="button quiet">' not in button] == [is_still] * 3


@pytest.mark.parametrize("who", ["alice", "bob", "carla", "vera", "charlie", "sam", "fay", "ada"])
def test_the_menu_offers_only_what_opens(client, request, who):
    client.force_login(request.getfixturevalue(who))
    menu = re.search(r'<nav class="nav".*?</nav>', client.get("/").content.decode(), re.DOTALL)
    paths = re.findall(r'href="([^"]+)"', menu.group())
    assert [path for path in paths if client.get(path).status_code != 200] == []
    assert ("/audit/" in paths) is (who not in {"bob", "carla", "vera"})


@pytest.mark.parametrize(
    ("referer", "comes_to"),
    [
        ("http://testserver/devices/{id}/?range=week", "/devices/{id}/%3Frange%3Dweek"),
        ("https://elsewhere.example/devices/", "/"),
        ("http://testserver//elsewhere.example/", "/elsewhere.example/"),
        (None, "/"),
    ],
)
def test_whose_session_ended_over_a_form_comes_back_to_its_page(client, device, referer, comes_to):
    headers = {"referer": referer.format(id=device.pk)} if referer else {}
    response = client.post(f"/devices/{device.pk}/change/", {"name": "x"}, headers=headers)
    assert response["Location"] == "/accounts/login/?next=" + comes_to.format(id=device.pk)


def test_an_address_that_takes_only_forms_says_so(client, alice, device):
    client.force_login(alice)
    response = client.get(f"/devices/{device.pk}/rotate/", headers={"accept-language": "en"})
    assert (response.status_code, response["Allow"]) == (405, "POST")
    assert "This address only takes what a form sends." in text_of(response)


def test_the_bench_shows_only_boards_of_one_s_own(client, charlie, hub):
    client.force_login(charlie)
    assert hub.device_id not in client.get("/bench/").content.decode()


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"do": "press", "ms": "700"}, {"do": "press", "part": "button", "ms": 700}),
        ({"do": "press", "ms": "999999999"}, {"do": "press", "part": "button", "ms": 60000}),
        ({"do": "wifi", "on": "0"}, {"do": "wifi", "on": False}),
        ({"do": "power", "on": "1"}, {"do": "power", "on": True}),
        ({"do": "battery", "value": "37"}, {"do": "battery", "value": 0.37}),
    ],
)
def test_the_bench_tells_the_hub(client, alice, hub, form, message):
    client.force_login(alice)
    client.post(f"/bench/{hub.device_id}/", form)
    assert hub.told == [(hub.device_id, message)]


@pytest.mark.parametrize("form", [{}, {"do": "fly"}, {"do": "battery"}, {"do": "press", "ms": "long"}])
def test_the_bench_refuses_what_it_does_not_know(client, alice, hub, form):
    client.force_login(alice)
    response = client.post(f"/bench/{hub.device_id}/", form, follow=True)
    assert response.status_code == 200
    assert hub.told == []


def test_every_icon_that_is_used_exists():
    known = zipfile.ZipFile(Path(lucide.__file__).with_name("lucide.zip")).namelist()
    sources = [path.read_text() for path in (ROOT / "panal").rglob("*.html")]
    used = {name for source in sources for name in re.findall(r'{% icon "([^"]+)"| icon="([^"]+)"', source)}
    missing = {a or b for a, b in used if f"{a or b}.svg" not in known}
    assert not missing


def test_an_expired_form_says_so(alice):
    from django.test import Client

    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    response = client.post(reverse("tokens"), {"name": "x"}, headers={"accept-language": "en"})
    assert response.status_code == 403
    assert "The form has expired" in text_of(response)
