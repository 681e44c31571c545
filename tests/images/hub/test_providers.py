"""Logins by OAuth lead to the account that names the identity, each provider with a callback of its own."""

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from oauthenticator.generic import GenericOAuthenticator

from images.hub.hpc_hub import providers
from images.hub.hpc_hub.accounts import Accounts
from images.hub.hpc_hub.authenticator import AccountAuthenticator
from images.hub.hpc_hub.traits import UnknownTrait

CAMPUS = {
    "type": "generic",
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
    (tmp_path / "identities.json").write_text(json.dumps({"campus": {"Ada@Example.org": "ada"}}))
    monkeypatch.setattr(providers, "SECRETS", tmp_path)
    monkeypatch.setattr(providers.Mapped, "accounts", Accounts(tmp_path, tmp_path))
    return tmp_path


def login(identity: str | None, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What a login gives when the provider lets this identity in."""

    async def found(*_: Any, **__: Any) -> Any:
        return {"name": identity, "auth_state": {"access_token": "t"}} if identity else None

    monkeypatch.setattr(GenericOAuthenticator, "authenticate", found)
    return asyncio.run(providers.make("campus", CAMPUS, None).authenticate(None))


def test_an_identity_logs_in_as_the_account_that_names_it(
    secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert login("ada@example.org", monkeypatch) == {"name": "ada", "auth_state": None}


@pytest.mark.parametrize("identity", ["ada", "grace@example.org", None])
def test_an_identity_that_no_account_names_is_nobody(
    secrets: Path, monkeypatch: pytest.MonkeyPatch, identity: str | None
) -> None:
    assert login(identity, monkeypatch) is None


def test_a_provider_has_its_secret_its_traits_and_a_callback_of_its_own(secrets: Path) -> None:
    made = providers.make("campus", CAMPUS, None)
    assert (made.client_id, made.client_secret) == ("hub", "secret")
    assert made.authorize_url == "https://id.example.org/auth"
    handler = SimpleNamespace(
        request=SimpleNamespace(protocol="https", host="lab.example.org"),
        hub=SimpleNamespace(server=SimpleNamespace(base_url="/jupyter/hub/")),
    )
    assert made.get_callback_url(handler) == "https://lab.example.org/jupyter/hub/campus/oauth_callback"


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
