"""What a user sees: login page, a wrong password, JupyterLab in his home, a cell that uses engines, a start that fails, logout."""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser import keep_last_picture, keep_picture, new_page, open_browser
from tests.charts.jupyter.conftest import PASSWORDS
from tests.charts.jupyter.site import Site

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

CELL = "import ipyparallel as ipp; sum(ipp.Client(profile='fast', timeout=120).load_balanced_view().map_sync(lambda n: n * n, range(10)))"


@pytest.fixture
def page(request: pytest.FixtureRequest) -> Iterator["Page"]:
    """A page of a fresh browser; its last look is kept as a picture."""
    with open_browser() as browser:
        made = new_page(browser)
        yield made
        keep_last_picture(made, request.node.name)


def log_in(page: "Page", site: Site, name: str, password: str) -> None:
    page.goto(f"{site.url}/hub/login")
    page.fill("#username_input", name)
    page.fill("#password_input", password)
    page.click("#login_submit")


def test_a_wrong_password_says_so_on_the_page(site: Site, page: "Page") -> None:
    log_in(page, site, "ada", "wrong")
    assert "Invalid username or password" in page.inner_text(".login_error")


def test_a_user_logs_in_computes_on_engines_and_logs_out(site: Site, page: "Page") -> None:
    with site.user("ada", PASSWORDS["ada"]) as ada:
        ada.stop()
    log_in(page, site, "ada", PASSWORDS["ada"])
    choose(page, "Small")
    page.wait_for_url("**/user/ada/lab**")
    # Without what an earlier visit had open.
    page.goto(f"{site.url}/user/ada/lab?reset")
    page.click('.jp-LauncherCard[data-category="Notebook"]')
    page.wait_for_selector('.jp-Notebook-ExecutionIndicator[data-status="idle"]')
    page.click(".jp-Notebook .jp-Cell .cm-content")
    page.keyboard.type(CELL)
    run_cell(page, "285")
    keep_picture(page, "engines")
    page.goto(f"{site.url}/hub/logout")
    page.goto(f"{site.url}/hub/home")
    page.wait_for_selector("#login_submit")


def test_a_named_server_is_made_and_stopped_on_the_home_page(site: Site, page: "Page") -> None:
    log_in(page, site, "ada", PASSWORDS["ada"])
    page.goto(f"{site.url}/hub/home")
    # What it sets once its buttons work; a click before that is lost.
    page.wait_for_function("window._jupyterhub_page_loaded")
    page.fill("input.new-server-name", "second")
    page.click("button.new-server-btn")
    choose(page, "Small")
    page.wait_for_url("**/user/ada/second/lab**")
    page.goto(f"{site.url}/hub/home")
    page.wait_for_function("window._jupyterhub_page_loaded")
    page.click("#stop-second")
    expect(page.locator("#start-second")).to_be_visible(timeout=120_000)


def test_a_start_that_fails_says_why(site: Site, page: "Page") -> None:
    with site.user("grace", PASSWORDS["grace"]) as grace:
        grace.stop()
    log_in(page, site, "grace", PASSWORDS["grace"])
    choose(page, "Huge")
    page.click("#progress-details summary")
    page.wait_for_selector("text=Insufficient memory")
    with site.user("grace", PASSWORDS["grace"]) as grace:
        grace.stop()


def run_cell(page: "Page", expected: str, *, tries: int = 12) -> None:
    """Run the chosen cell; JupyterLab drops a key that comes before it has its kernel."""
    shown = page.locator(".jp-OutputArea-output", has_text=expected)
    for _ in range(tries):
        page.keyboard.press("Control+Enter")
        with contextlib.suppress(AssertionError):
            expect(shown).to_be_visible(timeout=20_000)
            return
    raise AssertionError(f"no output {expected!r}: {page.inner_text('.jp-Notebook')}")


def open_terminal(page: "Page", site: Site, name: str) -> None:
    """Open a terminal in JupyterLab, without what an earlier visit had open; keys that come before it is drawn are lost."""
    page.goto(f"{site.url}/user/{name}/lab?reset")
    page.click('.jp-LauncherCard[data-category="Other"]:has-text("Terminal")')
    page.wait_for_selector(".jp-Terminal .xterm-helper-textarea", state="attached")
    page.click(".jp-Terminal")


def choose(page: "Page", profile: str) -> None:
    """Start a server with a profile of the spawn page."""
    page.click(f"text={profile}")
    page.click('#spawn_form button[type="submit"]')
