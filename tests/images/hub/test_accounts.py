"""Accounts come from mounted files, passwords are checked without root, and whoever is removed is logged out."""

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tornado import web

from images.hub.hpc_hub.accounts import Account, Accounts
from images.hub.hpc_hub.authenticator import AccountAuthenticator
from images.hub.hpc_hub.passwords import matches
from images.hub.hpc_hub.throttle import FREE_TRIES, Throttle

SECRET = "ada-secret"
YESCRYPT = "$y$j9T$ijSEh8eNnCWUEi8dTUxlQ0$fQ5AQNaTlGYH3Bo3oZ6IFrgy7JQpHQGRT3okoWCmUUB"
SHA512 = "$6$saltsalt$8RWsOfwR6M6PpnoeQiEiWzNTPo1f0HjVYjDnLZhGx16aBFRkeqiHAzfXP/LgrOWMBMXqiU2pLrXsSOHNUyUm91"


@pytest.fixture
def accounts(tmp_path: Path) -> Accounts:
    """Ada with a password and a GitHub name, grace with neither."""
    (tmp_path / "passwd").write_text(
        "ada:x:20001:20001::/home/ada:/bin/bash\ngrace:x:20002:20100::/home/grace:/bin/bash\n"
    )
    (tmp_path / "group").write_text("ada:x:20001:\nproject:x:20100:ada,grace\nother:x:20101:adam\n")
    (tmp_path / "shadow").write_text(
        f"ada:{YESCRYPT}:19000:0:99999:7:::\ngrace:*:19000:0:99999:7:::\ngone:{YESCRYPT}:19000:0:99999:7:::\n"
    )
    (tmp_path / "identities.json").write_text(json.dumps({"github": {"ada-l": "ada", "who": "gone"}}))
    return Accounts(tmp_path, tmp_path)


def login(accounts: Accounts, name: str, password: str, throttle: Throttle | None = None) -> str | None:
    authenticator = AccountAuthenticator()
    authenticator.accounts = accounts
    authenticator.throttle = throttle or Throttle()
    data = {"username": name, "password": password}
    handler = SimpleNamespace(request=SimpleNamespace(remote_ip="192.0.2.1"))
    found: str | None = asyncio.run(authenticator.authenticate(handler, data))
    return found


def test_an_account_has_its_ids_and_its_further_groups(accounts: Accounts) -> None:
    assert accounts.find("ada") == Account("ada", 20001, 20001, (20100,))
    assert accounts.find("grace") == Account("grace", 20002, 20100, ())
    assert accounts.find("adam") is None


def test_an_identity_leads_to_the_account_that_names_it(accounts: Accounts) -> None:
    found = accounts.of_identity("github", "ada-l")
    assert found is not None
    assert found.name == "ada"
    assert accounts.of_identity("github", "who") is None
    assert accounts.of_identity("oidc", "ada-l") is None


def test_capitals_tell_identities_apart_unless_they_do_not(accounts: Accounts) -> None:
    assert accounts.of_identity("github", "Ada-L") is None
    found = accounts.of_identity("github", "Ada-L", capitals=False)
    assert found is not None
    assert found.name == "ada"


@pytest.mark.parametrize(("hashed", "password"), [(YESCRYPT, SECRET), (SHA512, "x")])
def test_a_password_matches_its_own_hash_alone(hashed: str, password: str) -> None:
    assert matches(password, hashed)
    assert not matches(password + "x", hashed)
    assert not matches("", hashed)


@pytest.mark.parametrize(
    "hashed", [None, "*", "*0", "!", "", "garbage", "xx", "$1$aa$bb", "$y$j9T$bad salt$"]
)
def test_what_is_no_hash_matches_nothing(hashed: str | None) -> None:
    assert not any(matches(password, hashed) for password in ("", "x", "*0", hashed or "", "nobody"))


def test_a_password_with_a_zero_byte_is_wrong_and_no_shorter_one() -> None:
    assert not matches(f"{SECRET}\0rest", YESCRYPT)


def test_the_right_password_logs_in_and_nothing_else_does(accounts: Accounts) -> None:
    assert login(accounts, "ada", SECRET) == "ada"
    assert login(accounts, "ada", "wrong") is None
    assert login(accounts, "grace", "*") is None
    assert login(accounts, "gone", SECRET) is None
    assert login(accounts, "nobody", "nobody") is None


def test_after_a_few_wrong_passwords_the_right_one_must_wait_too(accounts: Accounts) -> None:
    now = [0.0]
    throttle = Throttle(clock=lambda: now[0])
    assert {login(accounts, "ada", "wrong", throttle) for _ in range(FREE_TRIES)} == {None}
    with pytest.raises(web.HTTPError, match="Try again in 5 seconds") as refused:
        login(accounts, "ada", SECRET, throttle)
    assert refused.value.status_code == 429
    now[0] = 5.1
    assert login(accounts, "ada", SECRET, throttle) == "ada"
    assert login(accounts, "ada", "wrong", throttle) is None


def test_a_removed_account_is_logged_out_and_not_let_in(accounts: Accounts) -> None:
    authenticator = AccountAuthenticator()
    authenticator.accounts = accounts

    def here(name: str) -> list[Any]:
        user = SimpleNamespace(name=name)
        return [asyncio.run(authenticator.refresh_user(user)), asyncio.run(authenticator.check_allowed(name))]

    assert here("ada") == [True, True]
    assert here("gone") == [False, False]
