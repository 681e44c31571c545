"""Logins by OAuth lead to the account that names the identity, each provider with a callback of its own."""

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from jinja2 import ChoiceLoader, DictLoader, Environment, FileSystemLoader
from oauthenticator.generic import GenericOAuthenticator
from tornado import web

from images.hub.hpc_hub import providers
from images.hub.hpc_hub.accounts import Accounts
from images.hub.hpc_hub.authenticator import AccountAuthenticator
from images.hub.hpc_hub.traits import UnknownTrait
from tests.cluster.paths import ROOT

CAMPUS = {
    "type": "generic",
    "title": "Campus",
    "clientId": "hub",
    "existingSecret": "campus",
    "config": {"authorize_url": "https://id.example.org/auth", "username_claim": "email"},
}


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Mounted Secrets of two providers, and ada, who has an identity at one."""
    for name in ("campus", "github"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "client-secret").write_text("secret\n")
    (tmp_path / "passwd").write_text("ada:x:20001:20001::/home/ada:/bin/bash\n")
    (tmp_path / "group").write_text("")
    (tmp_path / "identities.json").write_text(
        json.dumps({"campus": {"Ada@Example.org": "ada", "aB3": "ada"}})
    )
    monkeypatch.setattr(providers, "SECRETS", tmp_path)
    monkeypatch.setattr(providers.Mapped, "accounts", Accounts(tmp_path, tmp_path))
    return tmp_path


def login(identity: str | None, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What a login gives when the provider lets this identity in; None, nobody."""

    async def found(*_: Any, **__: Any) -> Any:
        return {"name": identity, "auth_state": {"access_token": "t"}} if identity else None

    monkeypatch.setattr(GenericOAuthenticator, "authenticate", found)
    return asyncio.run(providers.make("campus", CAMPUS, None).authenticate(None))


def asked(headers: dict[str, str] | None = None) -> Any:
    """What handles a request that reached the hub without TLS."""
    request = SimpleNamespace(protocol="http", host="lab.example.org", headers=headers or {})
    return SimpleNamespace(
        request=request, hub=SimpleNamespace(server=SimpleNamespace(base_url="/jupyter/hub/"))
    )


def test_an_identity_logs_in_as_the_account_that_names_it(
    secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for identity in ("ada@example.org", "aB3"):
        assert login(identity, monkeypatch) == {"name": "ada", "auth_state": None}


@pytest.mark.parametrize("identity", ["ada", "100%@example.org", "Ab3"])
def test_an_identity_that_no_account_names_is_refused_by_its_name(
    secrets: Path, monkeypatch: pytest.MonkeyPatch, identity: str
) -> None:
    with pytest.raises(web.HTTPError) as refused:
        login(identity, monkeypatch)
    assert refused.value.status_code == 403
    said = str(refused.value.log_message) % refused.value.args
    assert said == f"No account here has the identity {identity} of Campus. Ask the admin to add it."


def test_whom_the_provider_does_not_let_in_is_nobody(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert login(None, monkeypatch) is None


def test_a_provider_that_does_not_say_who_it_is_is_named(secrets: Path) -> None:
    with pytest.raises(web.HTTPError, match=r"Campus does not say your email\. Ask the admin") as refused:
        providers.make("campus", CAMPUS, None).user_info_to_username({"sub": "ada"})
    assert refused.value.status_code == 403


def test_a_provider_has_its_secret_its_traits_and_a_callback_of_its_own(secrets: Path) -> None:
    made = providers.make("campus", CAMPUS, None)
    assert (made.client_id, made.client_secret) == ("hub", "secret")
    assert made.authorize_url == "https://id.example.org/auth"
    assert made.get_callback_url(asked()) == "http://lab.example.org/jupyter/hub/campus/oauth_callback"


def test_the_callback_is_what_the_browser_sees_behind_two_proxies(secrets: Path) -> None:
    # The Ingress ends TLS and says so; the hub's own proxy adds that it was asked without.
    handler = asked({"X-Forwarded-Proto": "https,http"})
    url = providers.make("campus", CAMPUS, None).get_callback_url(handler)
    assert url == "https://lab.example.org/jupyter/hub/campus/oauth_callback"


def test_the_login_page_leads_back_to_where_the_user_wanted_to() -> None:
    upstream = DictLoader({"templates/login.html": "{% block login_container %}{% endblock %}"})
    own = FileSystemLoader(ROOT / "images/hub/templates")
    page = Environment(loader=ChoiceLoader([upstream, own]), autoescape=True).get_template("login.html")
    # JupyterHub gives it escaped.
    shown = page.render(
        base_url="/hub/", next="%2Fhub%2Ftoken", login_providers=[{"name": "campus", "title": "Campus"}]
    )
    assert 'href="/hub/campus/oauth_login?next=%2Fhub%2Ftoken"' in shown


def test_several_providers_stand_beside_the_password_form(secrets: Path) -> None:
    authenticator = AccountAuthenticator()
    github = {"type": "github", "clientId": "x", "existingSecret": "github"}
    authenticator.providers = {"campus": CAMPUS, "github": github}
    pages = dict(authenticator.get_handlers(None))
    assert {
        "/login",
        "/campus/oauth_login",
        "/campus/oauth_callback",
        "/github/oauth_login",
        "/github/oauth_callback",
    } <= set(pages)
    assert pages["/campus/oauth_login"].authenticator.provider == "campus"
    assert pages["/github/oauth_login"].authenticator.provider == "github"


def test_an_unknown_trait_of_a_provider_is_named(secrets: Path) -> None:
    wrong = {**CAMPUS, "config": {"usename_claim": "email"}}
    message = r"hub\.authentication\.providers\.campus\.config\.usename_claim: unknown trait of GenericOAuthenticator; did you mean username_claim"
    with pytest.raises(UnknownTrait, match=message):
        providers.make("campus", wrong, None)


def test_passwords_can_be_turned_off() -> None:
    authenticator = AccountAuthenticator()
    authenticator.passwords = False
    data = {"username": "ada", "password": "ada-secret"}
    assert asyncio.run(authenticator.authenticate(None, data)) is None
