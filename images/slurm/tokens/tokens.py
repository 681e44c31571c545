"""Slurm tokens for whom the hub knows: the one way by which a user's server gets an identity in Slurm.

`POST /token` with a server's hub token (`Authorization: token …`) answers `{"user", "token", "expires", "lifespan"}`; whoever
may open a server of his own gets a token that Slurm takes for him, and for nobody else. No caller ever sees the key.
"""

import asyncio
import json
import os
import time
from pathlib import Path
from typing import Any

import jwt
from tornado import web
from tornado.httpclient import AsyncHTTPClient, HTTPClientError

PORT = 8091
KEY = Path("/etc/hpc/jwt/jwt.key")
USERS = Path("/var/lib/extrausers/passwd")
HUB_SECONDS = 10


class Refused(Exception):
    """A caller gets no token; `status` is of HTTP."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Token(web.RequestHandler):
    """Give a token to whom the hub says the caller is."""

    def initialize(self, hub: str, lifespan: int) -> None:
        """Take the hub's API and how long tokens live, in seconds."""
        self._hub = hub
        self._lifespan = lifespan

    async def post(self) -> None:
        """Answer with a token or with `{"message"}` that says why there is none."""
        try:
            user = await self._caller()
            # Read at each use, so that a key that was rotated needs no restart.
            token, expires = sign(user, KEY.read_bytes(), self._lifespan)
        except Refused as refused:
            self.set_status(refused.status)
            self.finish({"message": str(refused)})
            return
        self.finish({"user": user, "token": token, "expires": expires, "lifespan": self._lifespan})

    async def _caller(self) -> str:
        given = self.request.headers.get("Authorization", "")
        try:
            reply = await AsyncHTTPClient().fetch(
                f"{self._hub}/user", headers={"Authorization": given}, request_timeout=HUB_SECONDS
            )
        except HTTPClientError as error:
            if error.code in (401, 403):
                raise Refused(401, "the hub does not know this token; restart your server") from None
            raise Refused(502, f"the hub at {self._hub} does not answer: {error}") from None
        except OSError as error:
            raise Refused(502, f"the hub at {self._hub} does not answer: {error}") from None
        return account_of(json.loads(reply.body), USERS.read_text())


class Health(web.RequestHandler):
    """Say that the service is there."""

    def get(self) -> None:
        """Answer with the word ok."""
        self.finish("ok")


def account_of(caller: dict[str, Any], users: str) -> str:
    """Give the account of whom the hub describes; `users` is passwd(5) of those who may have tokens.

    Raises:
        Refused: it is no user, has no account, or the token was made for something less than his servers.
    """
    name = str(caller.get("name", ""))
    if caller.get("kind") != "user":
        raise Refused(
            403, f"{name} is a {caller.get('kind')} of the hub, and only users have accounts in Slurm"
        )
    if name not in {line.split(":")[0] for line in users.splitlines()}:
        raise Refused(403, f"{name} has no account in Slurm; the admin names users in the value `users`")
    # A token that a user made for some script that lists his servers must not run programs as him.
    if not any(_opens_servers(scope, name) for scope in caller.get("scopes", [])):
        raise Refused(403, f"this token may not open servers of {name}; take JUPYTERHUB_API_TOKEN of one")
    return name


def _opens_servers(scope: str, name: str) -> bool:
    what, _, where = scope.partition("!")
    return what == "access:servers" and (where in ("", f"user={name}") or where.startswith(f"server={name}/"))


def sign(user: str, key: bytes, lifespan: int) -> tuple[str, int]:
    """Make a token as Slurm's auth/jwt takes it, and say when it expires in seconds since 1970."""
    now = int(time.time())
    claims = {"iat": now, "exp": now + lifespan, "sun": user}
    return jwt.encode(claims, key, algorithm="HS256"), now + lifespan


async def main() -> None:
    """Serve until the pod ends."""
    given = {"hub": os.environ["HUB_API_URL"].rstrip("/"), "lifespan": int(os.environ["TOKEN_LIFESPAN"])}
    web.Application([("/token", Token, given), ("/healthz", Health)]).listen(PORT)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
