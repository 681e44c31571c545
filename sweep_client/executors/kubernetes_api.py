"""Questions to a Kubernetes cluster through kr8s: objects, and commands in pods with their input and output."""

from __future__ import annotations

import asyncio
import contextlib
import json
import warnings
from collections.abc import AsyncIterator, Coroutine, Sequence
from typing import Any, TypeVar

from sweep_client.errors import ExecutorError

SECONDS = 30
COMMAND_SECONDS = 300
FRAME_BYTES = 1 << 16
# Of these protocols only this one can say that the input has ended.
PROTOCOL = "v5.channel.k8s.io"
INPUT, OUTPUT, ERRORS, STATUS, CLOSE = 0, 1, 2, 3, 255
PLACES = {"jobs": "/apis/batch", "pods": ""}

T = TypeVar("T")


class Cluster:
    """One namespace of a cluster."""

    def __init__(
        self, namespace: str | None, *, context: str | None = None, kubeconfig: str | None = None
    ) -> None:
        self._namespace = namespace
        self._arguments = {"context": context, "kubeconfig": kubeconfig}

    def create(self, kind: str, manifest: dict[str, Any]) -> dict[str, Any]:
        """Create an object."""
        return self._request("POST", kind, json=manifest)

    def get(self, kind: str, selector: str) -> list[dict[str, Any]]:
        """Give the objects that have labels."""
        found: list[dict[str, Any]] = self._request("GET", kind, params={"labelSelector": selector})["items"]
        return found

    def find(self, kind: str, name: str) -> dict[str, Any] | None:
        """Give an object, or None where there is none."""
        try:
            return self._request("GET", f"{kind}/{name}")
        except NotFound:
            return None

    def delete(self, kind: str, name: str) -> None:
        """Delete an object and what it owns; one that is gone is fine."""
        try:
            self._request("DELETE", f"{kind}/{name}", params={"propagationPolicy": "Background"})
        except NotFound:
            return

    def log(self, pod: str) -> str:
        """Give what a pod has written."""

        async def ask() -> str:
            place = f"pods/{pod}/log"
            async with (
                self._api() as api,
                api.call_api("GET", namespace=api.namespace, url=place, params={"tailLines": 1000}) as answer,
            ):
                return str(answer.text)

        return self._run(ask())

    def execute(self, pod: str, command: Sequence[str], data: bytes) -> tuple[int, bytes, str]:
        """Run a command in a pod with bytes on its standard input; give exit code, output and errors."""
        return self._run(self._execute(pod, list(command), data))

    def _request(self, method: str, path: str, **content: Any) -> dict[str, Any]:
        async def ask() -> dict[str, Any]:
            given = {"base": PLACES[path.partition("/")[0]], "url": path, "timeout": SECONDS, **content}
            async with self._api() as api, api.call_api(method, namespace=api.namespace, **given) as answer:
                found: dict[str, Any] = answer.json()
                return found

        return self._run(ask())

    async def _execute(self, pod: str, command: list[str], data: bytes) -> tuple[int, bytes, str]:
        streams = {"stdin": "true", "stdout": "true", "stderr": "true"}
        heard = {OUTPUT: b"", ERRORS: b"", STATUS: b""}
        async with (
            self._api() as api,
            api.open_websocket(
                url=f"pods/{pod}/exec",
                namespace=api.namespace,
                subprotocols=(PROTOCOL,),
                params={"command": command, **streams},
                max_message_size_bytes=16 << 20,
            ) as socket,
        ):
            for start in range(0, len(data), FRAME_BYTES):
                await socket.send_bytes(bytes([INPUT]) + data[start : start + FRAME_BYTES])
            await socket.send_bytes(bytes([CLOSE, INPUT]))
            while not heard[STATUS]:
                message = await socket.receive_bytes(timeout=COMMAND_SECONDS)
                heard[message[0]] += message[1:]
        return _exit_code(json.loads(heard[STATUS])), heard[OUTPUT], heard[ERRORS].decode(errors="replace")

    @contextlib.asynccontextmanager
    async def _api(self) -> AsyncIterator[Any]:
        """Connect for one question: a connection belongs to the loop that opened it."""
        import kr8s.asyncio

        # A cluster newer than kr8s knows is worth no warning: the objects here are stable.
        warnings.filterwarnings("ignore", message="Kubernetes version", category=UserWarning, module="kr8s")
        given: dict[str, Any] = {name: value for name, value in self._arguments.items() if value}
        api: Any = await kr8s.asyncio.api(**given)
        if self._namespace:
            api.namespace = self._namespace
        try:
            yield api
        finally:
            if api._session is not None:
                await api._session.aclose()

    def _run(self, question: Coroutine[Any, Any, T]) -> T:
        """Ask; an answer that is an error becomes one of ours."""
        import httpx
        import httpx_ws
        import kr8s

        try:
            return asyncio.run(question)
        except kr8s.ServerError as error:
            if error.response is not None and error.response.status_code == 404:
                raise NotFound(f"Kubernetes: {error}") from None
            raise ExecutorError(f"Kubernetes: {error}\n  {_advice(str(error))}") from None
        except (httpx.HTTPError, httpx_ws.HTTPXWSException, kr8s.APITimeoutError, OSError) as error:
            raise ExecutorError(
                f"the Kubernetes API cannot be reached: {error or type(error).__name__}"
            ) from None
        except (kr8s.ConnectionClosedError, ValueError) as error:
            raise ExecutorError(f"Kubernetes: no usable kubeconfig or service account: {error}") from None


class NotFound(ExecutorError):
    """There is no such object."""


def _exit_code(status: dict[str, Any]) -> int:
    if status.get("status") == "Success":
        return 0
    causes = status.get("details", {}).get("causes", [])
    return int(next((cause["message"] for cause in causes if cause.get("reason") == "ExitCode"), 1))


def _advice(message: str) -> str:
    if "forbidden" in message and "quota" in message:
        return "the namespace's quota is used up; ask for less cpus, memory or workers, or wait"
    if "forbidden" in message or "Unauthorized" in message:
        return "your account may not do this; it needs create, get, list and delete on jobs and pods, and create on pods/exec"
    return "see the message of Kubernetes above"
