"""Debian's Chromium as every browser test starts it: headless, an empty profile, nothing in the background."""

from playwright.sync_api import Browser, Playwright, expect

PROGRAM = "/usr/bin/chromium"
OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


expect.set_options(timeout=20_000)  # a busy machine is not a fault; what must be quick is measured where it is said


def start(playwright: Playwright) -> Browser:
    return playwright.chromium.launch(executable_path=PROGRAM, args=list(OPTIONS))
