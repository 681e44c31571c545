"""A real browser for tests that look at pages: Debian's Chromium, installed where it is missing."""

import contextlib
import datetime
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tests.cluster.paths import ROOT
from tests.packages import ensure_package

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, Response

# Where tests leave pictures; docs/tutorial shows copies of some.
SCREENSHOTS = ROOT / "results" / "screenshots"

CHROMIUM = "/usr/bin/chromium"
# Milliseconds that anything in a browser may take: beside other suites it has a small part of the machine.
PATIENCE = 180_000
# No sandbox: tests run as root in containers; the other flags keep it from the GPU, /dev/shm and the network.
FLAGS = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextlib.contextmanager
def open_browser() -> Iterator["Browser"]:
    """Give a running browser; it is closed at the end."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE)
    program = ensure_package(CHROMIUM, "chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS, timeout=PATIENCE)
        try:
            yield browser
        finally:
            browser.close()


def new_page(source: "Browser | BrowserContext", **options: Any) -> "Page":
    """Open a page that waits as long as a busy machine needs; `options` are those of a browser's `new_page`.

    Where it goes and what it is refused is printed: a failed test shows it.
    """
    page = source.new_page(**options)
    page.set_default_timeout(PATIENCE)
    page.on("framenavigated", lambda frame: _say("at", frame.url))
    page.on("requestfailed", lambda request: _say(request.failure, request.url))
    page.on("response", _say_refused)
    page.on("pageerror", _say)
    return page


def _say_refused(answer: "Response") -> None:
    if answer.status >= 400:
        _say(answer.status, answer.url)


def _say(*words: object) -> None:
    print(f"{datetime.datetime.now():%H:%M:%S}", *words)


def keep_picture(page: "Page", name: str) -> None:
    """Keep what a page shows now as a picture."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", timeout=PATIENCE)


def keep_last_picture(page: "Page", name: str) -> None:
    """Keep what a page shows at a test's end; one that leaves at this very moment shows nothing, and the test has said what it had to say."""
    from playwright.sync_api import Error

    with contextlib.suppress(Error):
        keep_picture(page, name)
