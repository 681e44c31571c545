"""The token service: who gets a Slurm token, and what is said to those who get none."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPResponse
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

from images.slurm.tokens import tokens

KEY = bytes(range(32))
USERS = "ada:x:20001:20001::/home/ada:/bin/bash\nadalovelace:x:20002:20002::/home/a:/bin/bash\n"
ADA = {"kind": "user", "name": "ada", "scopes": ["access:servers!server=ada/", "users:activity!user=ada"]}


def caller(**changed: Any) -> dict[str, Any]:
    return {**ADA, **changed}


def test_a_server_s_token_names_its_user() -> None:
    assert tokens.account_of(ADA, USERS) == "ada"
    assert tokens.account_of(caller(scopes=["access:servers!server=ada/large"]), USERS) == "ada"
    assert tokens.account_of(caller(scopes=["access:servers!user=ada"]), USERS) == "ada"
    assert tokens.account_of(caller(scopes=["access:servers"]), USERS) == "ada"


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (caller(kind="service", name="culler"), "culler is a service of the hub"),
        (caller(name="root"), "root has no account in Slurm"),
        (caller(name=""), "has no account in Slurm"),
        (caller(scopes=["read:users!user=ada"]), "may not open servers of ada"),
        (caller(scopes=["access:servers!server=grace/"]), "may not open servers of ada"),
        (caller(scopes=["access:servers!user=adalovelace"]), "may not open servers of ada"),
        (caller(scopes=["access:servers!server=adalovelace/"]), "may not open servers of ada"),
    ],
)
def test_everybody_else_is_told_why_there_is_no_token(found: dict[str, Any], message: str) -> None:
    with pytest.raises(tokens.Refused, match=message) as refused:
        tokens.account_of(found, USERS)
    assert refused.value.status == 403


def test_a_token_is_what_slurm_checks() -> None:
    token, expires = tokens.sign("ada", KEY, 600)
    claims = jwt.decode(token, KEY, algorithms=["HS256"])
    assert claims["sun"] == "ada"
    assert claims["exp"] == expires == claims["iat"] + 600


class Hub(RequestHandler):
    """A hub's answer to who a token's owner is."""

    def get(self) -> None:
        if self.request.headers.get("Authorization") != "token ada-s-server":
            self.set_status(403)
        self.finish(json.dumps(ADA))


Ask = Callable[[str], tuple[int, dict[str, Any]]]


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Ask a service beside a hub with a token; its status and answer."""
    monkeypatch.setattr(tokens, "KEY", tmp_path / "key")
    monkeypatch.setattr(tokens, "USERS", tmp_path / "passwd")
    tokens.KEY.write_bytes(KEY)
    tokens.USERS.write_text(USERS)

    async def once(given: str, *, hub: bool = True) -> tuple[int, dict[str, Any]]:
        hub_socket, hub_port = bind_unused_port()
        own_socket, own_port = bind_unused_port()
        servers = [HTTPServer(Application([("/hub/api/user", Hub)]))] if hub else []
        for server in servers:
            server.add_socket(hub_socket)
        options = {"hub": f"http://127.0.0.1:{hub_port}/hub/api", "lifespan": 600}
        service = HTTPServer(Application([("/token", tokens.Token, options)]))
        service.add_socket(own_socket)
        try:
            if not hub:
                hub_socket.close()
            reply: HTTPResponse = await AsyncHTTPClient().fetch(
                f"http://127.0.0.1:{own_port}/token",
                method="POST",
                body="",
                headers={"Authorization": given},
                raise_error=False,
            )
            return reply.code, json.loads(reply.body)
        finally:
            for server in [*servers, service]:
                server.stop()

    def asked(given: str) -> tuple[int, dict[str, Any]]:
        return asyncio.run(once(given, hub=given != "without a hub"))

    return asked


def test_the_service_gives_a_token_to_whom_the_hub_knows(ask: Ask) -> None:
    status, answer = ask("token ada-s-server")
    assert status == 200
    assert answer["user"] == "ada"
    assert jwt.decode(answer["token"], KEY, algorithms=["HS256"])["sun"] == "ada"


def test_a_token_that_the_hub_does_not_know_is_refused(ask: Ask) -> None:
    assert ask("token wrong") == (401, {"message": "the hub does not know this token; restart your server"})


def test_a_hub_that_is_away_is_named(ask: Ask) -> None:
    status, answer = ask("without a hub")
    assert status == 502
    assert "the hub at http://127.0.0.1:" in answer["message"]
