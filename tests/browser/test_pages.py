"""Every page in a real browser: on a phone and on a desk, light and dark, English and Spanish."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from playwright.sync_api import expect

from .conftest import DESK, EMAIL, PASSWORD, PHONE
from .looks import looks_well

PATHS = {
    "overview": "/",
    "devices": "/devices/",
    "device": "{device}",
    "events": "/events/",
    "event": "{event}",
    "sectors": "/sectors/",
    "groups": "/groups/",
    "doors": "/doors/",
    "door-alarms": "/doors/alarms/",
    "door-people": "/doors/people/",
    "door-person": "/doors/people/new/",
    "door-schedules": "/doors/schedules/",
    "door-schedule": "/doors/schedules/new/",
    "lights": "/lights/",
    "light-scenes": "/lights/scenes/",
    "light-scene": "/lights/scenes/new/",
    "light-schedules": "/lights/schedules/",
    "light-history": "/lights/history/",
    "older-boards": "/lights/older/",
    "alerts": "/alerts/",
    "alert-policies": "/alerts/policies/",
    "alert-policy": "/alerts/policies/new/",
    "contacts": "/contacts/",
    "contact": "/contacts/new/",
    "wearers": "/wearers/",
    "wearer": "/wearers/new/",
    "statistics": "/events/statistics/",
    "automations": "/automations/",
    "automation": "/automations/new/",
    "homeassistant": "/homeassistant/",
    "people": "/people/",
    "tokens": "/tokens/",
    "audit": "/audit/",
    "claim": "/claim/",
    "me": "/me/",
    "more": "/more/",
    "bench": "/bench/",
    "second-step": "/accounts/2fa/",
    "password": "/accounts/password/change/",
    "email": "/accounts/email/",
}


def path_of(name, home, tabs):
    if name == "event":
        return tabs.open("/events/?kind=FALL").locator(".list .what a").first.get_attribute("href")
    return PATHS[name].format(device=home.path())


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("language", ["en", "es"])
def test_a_page_fits_is_read_and_touched_on_a_phone_and_says_nothing_on_the_console(tabs, home, name, language):
    page = tabs.open(path_of(name, home, tabs), language=language)
    looks_well(page, language)


def test_somebody_signs_in_in_their_language_and_out_again(strangers_tabs, home):
    page = strangers_tabs.open("/devices/", language="es")
    expect(page.get_by_role("heading", name="Iniciar sesión")).to_be_visible()
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.get_by_label("Email").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="Devices")).to_be_visible()
    page.goto("/more/")
    page.locator("main").get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_wrong_password_is_said(strangers_tabs):
    page = strangers_tabs.open("/accounts/login/")
    page.get_by_label("Email").fill(EMAIL)
    page.get_by_label("Password").fill("wrong wrong wrong")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.locator(".errorlist")).to_be_visible()


def test_a_person_chooses_language_and_theme(tabs):
    page = tabs.open("/me/", scheme="light")
    page.get_by_label("Español").check()
    page.get_by_label("Dark").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Ajustes personales")).to_be_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(19, 17, 13)"
    page.get_by_label("Como el navegador").check()
    page.get_by_label("Como el dispositivo").check()
    page.get_by_role("button", name="Guardar").click()
    expect(page.get_by_role("heading", name="Personal settings")).to_be_visible()


def test_the_search_narrows_the_list_while_one_types(tabs, home):
    page = tabs.open("/devices/?state=&page=2", viewport=DESK)
    expect(page.locator("tbody tr").nth(9)).to_be_visible()
    page.get_by_label("Search").fill(home.devices[3]["device_id"])
    expect(page.locator("tbody tr")).to_have_count(1)
    asked = [name for name, _value in parse_qsl(urlsplit(page.url).query, keep_blank_values=True)]
    assert asked == ["q", "state", "sector", "group", "model"], "each once, and the first page of what is found"
    page.get_by_label("Search").fill("nobody has this name")
    expect(page.get_by_text("No device matches")).to_be_visible()


def test_many_devices_are_chosen_and_moved(tabs, home):
    page = tabs.open("/sectors/")
    page.get_by_label("Name").fill("Planta baja")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_text("The sector is there.")).to_be_visible()
    page = tabs.open("/devices/", viewport={"width": 1280, "height": 420})
    expect(page.locator(".bulk")).to_be_hidden()
    page.get_by_label("Select all on this page").check()
    expect(page.locator(".bulk")).to_be_in_viewport(ratio=1)  # at the foot of the window, however long the list is
    count = page.locator("tbody tr").count()  # ten, and what other modules have minted
    expect(page.locator("[data-count]")).to_have_text(str(count))
    page.locator("#bulk-sector").select_option(label="Planta baja")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_text(f"{count} devices are in their new place.")).to_be_visible()
    expect(page.locator("tbody").get_by_text("Planta baja").first).to_be_visible()


def test_a_long_name_without_a_space_stays_in_its_place(tabs, home):
    page = tabs.open(home.path(7))
    page.get_by_label("Name", exact=True).fill("W" * 80)
    page.locator("#settings").get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="W" * 80, exact=True)).to_be_visible()
    for path in (home.path(7), "/devices/"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page = tabs.open("/devices/", viewport=DESK)
    name, badge = (page.locator("tr", has_text="W" * 80).locator(at).bounding_box() for at in (".name a", ".side-by"))
    assert name["x"] + name["width"] <= badge["x"]
    table, card = (page.locator(at).bounding_box() for at in ("#list table", "#list"))
    assert table["width"] <= card["width"]


def test_a_menu_closes_with_escape_and_under_a_dialog(tabs):
    page = tabs.open("/people/", viewport=DESK)
    menu = page.locator("#members details").first
    menu.locator("summary").click()
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    expect(menu).not_to_have_attribute("open", "")
    expect(menu.locator("summary")).to_be_focused()
    menu.locator("summary").click()
    menu.get_by_role("link", name="Remove").click()
    expect(page.locator("dialog[open]")).to_be_visible()
    expect(menu).not_to_have_attribute("open", "")


def test_what_cells_add_to_a_page_looks_as_on_their_own(tabs, home):
    page = tabs.open("/", viewport=DESK)
    row = page.locator("#events li", has=page.locator(".badge")).first
    assert row.locator(".badge").bounding_box()["width"] < row.locator(".what").bounding_box()["width"] / 2
    page.goto(home.path())
    for text in ("Its network has not been changed from here yet.", "Nothing newer is out for it."):
        assert page.get_by_text(text).evaluate("e => getComputedStyle(e).paddingInlineStart") == "18px"


def test_a_camera_can_read_the_second_step_in_the_dark(tabs):
    page = tabs.open("/accounts/2fa/totp/activate/", scheme="dark")
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    code = page.locator("main img")
    assert code.evaluate("e => getComputedStyle(e).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_a_dialog_asks_before_a_token_is_made_anew_and_shows_it_once(tabs, home):
    page = tabs.open(home.path(9))
    page.get_by_role("link", name="New token").click()
    dialog = page.locator("dialog#rotate")
    expect(dialog).to_be_visible()
    dialog.get_by_text("Cancel").click()
    expect(dialog).to_be_hidden()
    page.get_by_role("link", name="New token").click()
    dialog.get_by_role("button", name="Make a new token").click()
    assert len(page.locator("#token").inner_text()) == 64
    page.goto(home.path(9))
    expect(page.locator("#token")).to_have_count(0)


def test_a_command_is_sent_without_a_reload_and_can_be_cancelled(tabs, home):
    page = tabs.open(home.path(8))
    page.evaluate("window.stillTheSamePage = true")
    page.get_by_role("button", name="Check connection").click()
    expect(page.get_by_text("The command is on its way.")).to_be_visible()
    expect(page.locator("#commands").get_by_text("Queued")).to_be_visible()
    assert page.evaluate("window.stillTheSamePage")
    page.locator("#commands").get_by_role("button", name="Cancel").click()
    expect(page.locator("#commands").get_by_text("Cancelled", exact=True)).to_be_visible()


def test_pages_work_without_javascript(tabs, home):
    page = tabs.open("/devices/?q=zzz", java_script_enabled=False)
    page.get_by_label("Search").fill(home.devices[2]["device_id"])
    page.get_by_role("button", name="Show", exact=True).click()
    page.locator(".table .name a").click()
    page.get_by_role("link", name="New token").click()
    expect(page.locator("dialog#rotate")).to_be_visible()
    page.goto(home.path(2))
    page.get_by_role("button", name="Check connection").click()
    expect(page.locator("#commands").get_by_text("Queued")).to_be_visible()
