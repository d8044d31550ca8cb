"""What devices say reaches open pages without a reload."""

from playwright.sync_api import expect

from .conftest import DESK


def test_an_emergency_reaches_the_overview(tabs, home):
    page = tabs.open("/", viewport=DESK)
    before = page.locator("#events .list > li").count()
    page.evaluate("window.stillTheSamePage = true")
    home.press(0)
    if before < 8:
        expect(page.locator("#events .list > li")).to_have_count(before + 1)
    expect(page.locator("#events").get_by_text("just now").first).to_be_visible()
    assert page.evaluate("window.stillTheSamePage")


def test_a_device_comes_alive_on_its_page(tabs, home):
    page = tabs.open(home.path(5))
    page.evaluate("window.stillTheSamePage = true")
    expect(page.locator("#head").get_by_text("Minted")).to_be_visible()
    home.heartbeat(5, battery=0.42, rssi=-71)
    expect(page.locator("#head").get_by_text("Online")).to_be_visible()
    expect(page.locator("#vitals").get_by_text("42 %")).to_be_visible()
    expect(page.locator("#vitals").get_by_text("-71 dBm")).to_be_visible()
    expect(page.locator("#telemetry canvas")).to_have_count(2)
    assert page.evaluate("window.stillTheSamePage")


def test_another_page_hears_of_a_new_name(tabs, home):
    first, second = tabs.open("/devices/", viewport=DESK), tabs.open(home.path(6))
    second.get_by_label("Name", exact=True).fill("Pulsera de Lucía")
    second.locator("#settings").get_by_role("button", name="Save").click()
    expect(first.get_by_text("Pulsera de Lucía")).to_be_visible()


def test_a_list_is_not_replaced_under_somebody_s_hands(tabs, home):
    page = tabs.open("/devices/", viewport=DESK)
    tick = page.locator("tbody input[type=checkbox]").first
    tick.check()
    home.heartbeat(7, battery=0.11)
    page.wait_for_timeout(1500)  # nothing may happen: there is nothing to wait for
    expect(tick).to_be_checked()
    tick.uncheck()
    page.locator("body").click(position={"x": 5, "y": 5})
    expect(page.get_by_text("11 %").first).to_be_visible()


def test_when_the_server_goes_and_comes_back_the_page_catches_up(tabs, home):
    page = tabs.open(home.path(4))
    expect(page.locator("#head").get_by_text("Minted")).to_be_visible()
    page.wait_for_timeout(500)
    page.context.set_offline(True)
    home.heartbeat(4)
    page.context.set_offline(False)
    expect(page.locator("#head").get_by_text("Online")).to_be_visible()
    tabs.complaints.clear()  # the lost connection is what was wanted


def test_what_happens_before_the_page_can_listen_is_shown(tabs, home):
    """Between the answer and the stream of its news there is a while, and on a busy server a long one."""
    page = tabs.open("/me/", viewport=DESK)

    def meanwhile(route):
        home.heartbeat(8, battery=0.33)
        route.continue_()

    page.route("**/live?*", meanwhile, times=1)
    page.goto(home.path(8))
    expect(page.locator("#vitals").get_by_text("33 %")).to_be_visible()


def test_more_tabs_than_a_browser_has_connections(tabs, home):
    """Those that were looked at last are live; an older one is again, with all it has missed, when it is looked at."""
    first = tabs.open(home.path(1))
    expect(first.locator("#head").get_by_text("Minted")).to_be_visible()
    for _ in range(8):
        page = first.context.new_page()
        page.goto("/me/")
    home.heartbeat(1, battery=0.21)
    first.evaluate("window.dispatchEvent(new Event('focus'))")
    expect(first.locator("#vitals").get_by_text("21 %")).to_be_visible()
    tabs.complaints.clear()  # to connect again begins with what a lost connection says
