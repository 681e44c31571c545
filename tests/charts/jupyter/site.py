"""A release of chart `jupyter` as tests see it: logins over HTTP, servers by the hub's API, cells over a websocket."""

import os
import queue
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
from httpx_ws import WebSocketSession, connect_ws

from tests.kube import Namespace, PortForward, is_local

RELEASE = "hpc"
INGRESS_PORT = os.environ.get("INGRESS_PORT", "8080")


@dataclass
class Site:
    """One release in one namespace; reached by the local cluster's Ingress, elsewhere by a port-forward."""

    namespace: Namespace
    values: dict[str, Any]

    def __post_init__(self) -> None:
        self.forward = PortForward(self.namespace, f"svc/{RELEASE}-proxy", 80)

    def install(self, **changed: Any) -> None:
        """Install, or upgrade with some top-level values changed."""
        self.values.update(changed)
        ingress = {**self.values.get("ingress", {}), "enabled": is_local(), "host": self.host}
        self.namespace.install(
            RELEASE, "charts/jupyter", values={**self.values, "ingress": ingress}, wait_seconds=420
        )

    @property
    def host(self) -> str:
        """Name under which the Ingress serves this release; browsers look names below `localhost` up on this machine."""
        return f"{self.namespace.name}.localhost"

    @property
    def url(self) -> str:
        """Where a browser goes."""
        if is_local():
            return f"http://{self.host}:{INGRESS_PORT}"
        return f"http://127.0.0.1:{self.forward.port()}"

    def client(self) -> httpx.Client:
        """A browser without pages: cookies, redirects, the release's host name."""
        parts = urlsplit(self.url)
        return httpx.Client(
            base_url=f"http://127.0.0.1:{parts.port}",
            headers={"Host": parts.netloc},
            follow_redirects=True,
            timeout=120,
        )

    def login(self, name: str, password: str) -> httpx.Response:
        """Give the answer to a login; its page is not followed."""
        with self.client() as client:
            return _login(client, name, password)

    def lets_in(self, name: str, password: str) -> bool:
        """Whether a login works now."""
        with self.client() as client:
            return _is_let_in(client, name, password)

    @contextmanager
    def user(self, name: str, password: str) -> Iterator["User"]:
        """A user who is logged in, as soon as a hub that may just have started lets him in."""
        with self.client() as client:
            self.namespace.wait_for(f"{name} is let in", lambda: _is_let_in(client, name, password))
            made = client.post(
                f"/hub/api/users/{name}/tokens",
                json={"note": "test"},
                headers={"X-XSRFToken": _xsrf(client)},
            )
            assert made.status_code == 201, made.text
            yield User(self, client, name, made.json()["token"])

    def close(self) -> None:
        """End the port-forward."""
        self.forward.close()


@dataclass
class User:
    """A user who is logged in, and his servers."""

    site: Site
    client: httpx.Client
    name: str
    token: str

    def api(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Call the hub or, below /user, a server, by the user's token."""
        headers = {"Authorization": f"token {self.token}"}
        with self.site.client() as client:
            return client.request(method, path, headers=headers, **options)

    def start(self, server: str = "", *, timeout: float = 300, **options: Any) -> float:
        """Start a server and wait until it answers; return the seconds it took."""
        start = time.monotonic()
        path = (
            f"/hub/api/users/{self.name}/servers/{server}" if server else f"/hub/api/users/{self.name}/server"
        )
        asked = self.api("POST", path, json=options)
        assert asked.status_code in (201, 202), asked.text

        def ready() -> Any:
            return self.servers().get(server, {}).get("ready")

        self.site.namespace.wait_for(f"server {server!r} of {self.name} is ready", ready, timeout=timeout)
        return time.monotonic() - start

    def servers(self) -> dict[str, Any]:
        """The user's servers as the hub has them; one that many ask at once may be away for a moment."""

        def told() -> Any:
            with suppress(httpx.TransportError):
                answer = self.api("GET", f"/hub/api/users/{self.name}")
                return answer.json() if answer.status_code == 200 else None
            return None

        found = self.site.namespace.wait_for(f"the hub says what {self.name} has", told)
        servers: dict[str, Any] = found["servers"]
        return servers

    def stop(self, server: str = "") -> None:
        """Stop a server and wait until it is gone."""
        path = (
            f"/hub/api/users/{self.name}/servers/{server}" if server else f"/hub/api/users/{self.name}/server"
        )
        self.api("DELETE", path)

        def gone() -> bool:
            found = self.servers().get(server, {})
            return not found.get("pending") and not found.get("ready")

        self.site.namespace.wait_for("the server is gone", gone, timeout=240)

    @contextmanager
    def kernel(self, server: str = "", *, name: str = "python3") -> Iterator["Kernel"]:
        """A kernel of the user's server, with its websocket open."""
        root = f"/user/{self.name}/{server}".rstrip("/")
        made = self.api("POST", f"{root}/api/kernels", json={"name": name})
        assert made.status_code == 201, made.text
        path = f"{root}/api/kernels/{made.json()['id']}/channels"
        with ExitStack() as stack:
            client = stack.enter_context(self.site.client())
            address = str(client.base_url).replace("http", "ws", 1).rstrip("/") + path
            headers = {"Authorization": f"token {self.token}"}
            # An answer to a ping may be late on a busy machine; whoever waits for output has a limit of his own.
            channel: WebSocketSession = stack.enter_context(
                connect_ws(address, client, headers=headers, keepalive_ping_timeout_seconds=None)
            )
            yield Kernel(channel)


@dataclass
class Kernel:
    """A kernel at the other end of a websocket."""

    socket: WebSocketSession

    def send(self, code: str) -> str:
        """Ask for a cell to be run; return the message's id."""
        message = uuid.uuid4().hex
        header = {"msg_id": message, "msg_type": "execute_request", "username": "", "session": message}
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}}
        self.socket.send_json(
            {
                "channel": "shell",
                "header": header | {"version": "5.3", "date": ""},
                "parent_header": {},
                "metadata": {},
                "content": content | {"allow_stdin": False, "stop_on_error": True},
            }
        )
        return message

    def output(self, message: str, *, timeout: float = 240) -> str:
        """Wait for a cell to end; return what it printed, its value or its error."""
        parts: list[str] = []
        for reply in self._replies(timeout):
            if reply["parent_header"].get("msg_id") != message:
                continue
            content = reply["content"]
            if reply["msg_type"] == "stream":
                parts.append(content["text"])
            elif reply["msg_type"] == "execute_result":
                parts.append(content["data"]["text/plain"])
            elif reply["msg_type"] == "error":
                parts.append("\n".join(content["traceback"]))
            elif reply["msg_type"] == "status" and content["execution_state"] == "idle":
                return "".join(parts)
        raise AssertionError(f"a cell did not end in {timeout:.0f} s; it printed: {''.join(parts)}")

    def _replies(self, timeout: float) -> Iterator[dict[str, Any]]:
        """What comes in so many seconds."""
        end = time.monotonic() + timeout
        with suppress(queue.Empty):
            while (left := end - time.monotonic()) > 0:
                yield self.socket.receive_json(timeout=left)

    def run(self, code: str, *, timeout: float = 240) -> str:
        """Run a cell and return what it showed."""
        return self.output(self.send(code), timeout=timeout).strip()


def _login(client: httpx.Client, name: str, password: str) -> httpx.Response:
    client.get("/hub/login")
    form = {"username": name, "password": password, "_xsrf": _xsrf(client)}
    return client.post("/hub/login", data=form, follow_redirects=False)


def _is_let_in(client: httpx.Client, name: str, password: str) -> bool:
    """Whether a login works; while hub, proxy or gateway start, nobody may answer."""
    with suppress(httpx.TransportError):
        return _login(client, name, password).status_code == 302
    return False


def _xsrf(client: httpx.Client) -> str:
    """The hub's own token; servers set others for their paths."""
    found = [cookie for cookie in client.cookies.jar if cookie.name == "_xsrf"]
    return next((cookie.value for cookie in found if cookie.path.endswith("/hub/")), None) or ""
