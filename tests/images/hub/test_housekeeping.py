"""Servers of users whose account is gone are stopped, and nobody else's."""

import asyncio
import json
from pathlib import Path
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

from images.hub.hpc_hub.accounts import Accounts
from images.hub.hpc_hub.housekeeping import stop_orphans

USERS = [
    {"name": "ada", "servers": {"": {}}},
    {"name": "gone", "servers": {"": {}, "large one": {}}},
    {"name": "grace", "servers": {"": {}}},
]


class Hub(RequestHandler):
    """The hub's API as far as it is asked here: users in pages of two, and servers that end."""

    def initialize(self, asked: list[str]) -> None:
        self.asked = asked

    def get(self, path: str) -> None:
        assert path == "users"
        assert self.get_argument("state") == "active"
        offset = int(self.get_argument("offset"))
        self.finish(json.dumps(USERS[offset : offset + 2]))

    def delete(self, path: str) -> None:
        assert self.request.headers["Authorization"] == "token of-the-service"
        self.asked.append(path)
        self.set_status(204)


def test_servers_of_users_without_an_account_are_stopped(tmp_path: Path) -> None:
    (tmp_path / "passwd").write_text(
        "ada:x:20001:20001::/home/ada:/bin/bash\ngrace:x:20002:20002::/home/g:/bin/bash\n"
    )
    (tmp_path / "group").write_text("")
    asked: list[str] = []

    async def once() -> list[Any]:
        socket, port = bind_unused_port()
        server = HTTPServer(Application([("/hub/api/(.*)", Hub, {"asked": asked})]))
        server.add_socket(socket)
        try:
            api = f"http://127.0.0.1:{port}/hub/api"
            return await stop_orphans(api, "of-the-service", Accounts(tmp_path, tmp_path))
        finally:
            server.stop()

    assert asyncio.run(once()) == ["gone/", "gone/large one"]
    assert asked == ["users/gone/server", "users/gone/servers/large one"]
