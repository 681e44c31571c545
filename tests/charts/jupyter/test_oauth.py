"""Logins by OAuth at a real OpenID provider: through its forms, to the account that names the identity, beside the password."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.browser import keep_last_picture, keep_picture, new_page, open_browser
from tests.charts.jupyter import provider
from tests.charts.jupyter.conftest import PASSWORDS
from tests.charts.jupyter.provider import Provider
from tests.charts.jupyter.site import Site
from tests.charts.jupyter.test_browser import log_in
from tests.charts.jupyter.test_hub import started

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

# Two identities of one user, at two clients of the provider.
IDENTITIES = {"campus": "Ada.Lovelace@example.org", "lab": "ada-l"}


@pytest.fixture(scope="module")
def campus(site: Site) -> Iterator[Provider]:
    """The shared release with two providers beside its passwords; they stay, and trouble nobody."""
    users = site.values["users"]
    with provider.running(site) as made:
        site.install(
            users={**users, "ada": {**users["ada"], "identities": IDENTITIES}},
            hub={"authentication": {"providers": made.values}},
        )
        yield made


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    with open_browser() as made:
        yield made


@pytest.fixture
def page(request: pytest.FixtureRequest, browser: "Browser") -> Iterator["Page"]:
    """A page of somebody who is logged in nowhere; its last look is kept as a picture."""
    with browser.new_context() as context:
        made = new_page(context)
        yield made
        keep_last_picture(made, request.node.name)


def sign_in(page: "Page", title: str, name: str) -> None:
    """Go from the login page through the provider's forms of login and consent."""
    page.click(f"text=Sign in with {title}")
    page.fill('input[name="login"]', name)
    page.fill('input[name="password"]', "any")
    page.click('button:has-text("Sign-in")')
    page.click('button:has-text("Continue")')


def who(page: "Page", site: Site) -> str:
    """The hub's user, as its own page says."""
    answer = page.goto(f"{site.url}/hub/home")
    assert answer is not None
    assert answer.ok, page.inner_text("body")
    name: str = page.evaluate("() => window.jhdata.user")
    return name


def test_a_user_logs_in_by_the_provider_s_forms_and_lands_in_his_server(
    site: Site, campus: Provider, page: "Page"
) -> None:
    with site.user("ada", PASSWORDS["ada"]) as ada:
        started(ada)
    page.goto(f"{site.url}/user/ada/lab")
    sign_in(page, "Campus", "ada.lovelace")
    page.wait_for_url("**/user/ada/lab**")
    assert who(page, site) == "ada"


def test_a_second_identity_leads_to_the_same_account(site: Site, campus: Provider, page: "Page") -> None:
    page.goto(f"{site.url}/hub/token")
    sign_in(page, "Lab", "ada-l")
    page.wait_for_url("**/hub/token")
    assert who(page, site) == "ada"


def test_an_identity_without_an_account_is_refused_in_plain_words(
    site: Site, campus: Provider, page: "Page"
) -> None:
    page.goto(f"{site.url}/hub/login")
    # At another client it would be ada's.
    sign_in(page, "Campus", "ada-l")
    page.wait_for_selector("text=No account here has the identity ada-l@example.org of Campus. Ask the admin")
    page.goto(f"{site.url}/hub/home")
    assert "/hub/login" in page.url


def test_a_user_who_declines_is_told_so(site: Site, campus: Provider, page: "Page") -> None:
    page.goto(f"{site.url}/hub/login")
    page.click("text=Sign in with Campus")
    page.click("text=Cancel")
    page.wait_for_selector("text=End-User aborted interaction")


def test_the_password_works_beside_the_providers(site: Site, campus: Provider, page: "Page") -> None:
    page.goto(f"{site.url}/hub/login")
    keep_picture(page, "login-page-with-providers")
    assert page.is_visible("text=Sign in with Lab")
    log_in(page, site, "ada", PASSWORDS["ada"])
    page.wait_for_url(lambda url: "/hub/login" not in url)
    assert who(page, site) == "ada"


def test_the_callback_is_by_tls_where_an_ingress_ends_it(site: Site, campus: Provider) -> None:
    # What an Ingress controller says of the request that it passes on.
    headers = {"Host": "lab.example.org", "X-Forwarded-Proto": "https"}
    address = f"http://127.0.0.1:{site.forward.port()}/hub/campus/oauth_login"
    asked = httpx.get(address, headers=headers, timeout=120)
    assert asked.status_code == 302
    url = httpx.URL(asked.headers["location"])
    assert url.params["redirect_uri"] == "https://lab.example.org/hub/campus/oauth_callback"
