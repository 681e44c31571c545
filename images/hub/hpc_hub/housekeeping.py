"""A service of the hub: stops servers whose users have no account any more, and runs the idle culler beside that."""

import asyncio
import json
import logging
import os
import sys
from typing import Any
from urllib.parse import quote

from tornado.httpclient import AsyncHTTPClient
from tornado.ioloop import IOLoop, PeriodicCallback

from .accounts import Accounts

EVERY_SECONDS = 60
log = logging.getLogger("housekeeping")


async def stop_orphans(api: str, token: str, accounts: Accounts) -> list[str]:
    """Stop the servers of users without an account; their names as `user/server`."""
    stopped = []
    for user in await _active_users(api, token):
        if accounts.find(user["name"]) is None:
            for server in user["servers"]:
                path = f"servers/{quote(server)}" if server else "server"
                await _ask(f"{api}/users/{quote(user['name'])}/{path}", token, "DELETE")
                stopped.append(f"{user['name']}/{server}")
                log.warning("stopped server %s/%s: its user has no account any more", user["name"], server)
    return stopped


async def _active_users(api: str, token: str) -> list[dict[str, Any]]:
    """All users with a server; the API gives them in pages."""
    found: list[dict[str, Any]] = []
    while True:
        page: list[dict[str, Any]] = json.loads(
            await _ask(f"{api}/users?state=active&offset={len(found)}", token, "GET")
        )
        if not page:
            return found
        found += page


async def _ask(url: str, token: str, method: str) -> bytes:
    reply = await AsyncHTTPClient().fetch(url, method=method, headers={"Authorization": f"token {token}"})
    return reply.body


def main(arguments: list[str]) -> None:
    """Serve until the hub ends it: `<API of the hub> [arguments of the idle culler…]`; without those nothing is culled."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    api, *culler = arguments
    asyncio.set_event_loop(asyncio.new_event_loop())
    token, accounts = os.environ["JUPYTERHUB_API_TOKEN"], Accounts()
    PeriodicCallback(lambda: stop_orphans(api, token, accounts), EVERY_SECONDS * 1000).start()
    if culler:
        from jupyterhub_idle_culler import IdleCuller

        IdleCuller.launch_instance([f"--url={api}", *culler])
    else:
        IOLoop.current().start()


if __name__ == "__main__":
    main(sys.argv[1:])
