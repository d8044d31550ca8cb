"""Debian's Chromium as every browser test starts it: headless, an empty profile, nothing in the background."""

from playwright.sync_api import Browser, Playwright, expect

from tests.running import PATIENCE_S

PROGRAM = "/usr/bin/chromium"
OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


expect.set_options(timeout=1000 * PATIENCE_S)


def start(playwright: Playwright) -> Browser:
    browser = playwright.chromium.launch(executable_path=PROGRAM, args=list(OPTIONS))
    browser.on("context", lambda context: context.set_default_timeout(1000 * PATIENCE_S))
    return browser
