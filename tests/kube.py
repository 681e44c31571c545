"""What end-to-end tests use to talk to the cluster: kubectl and helm with reasons in every failure.

Works on any cluster: KUBE_CONTEXT names a context of the user's own kubeconfig, without it the local cluster is meant.
"""

import json
import os
import secrets
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml

from tests.cluster.paths import KUBECONFIG, ROOT, TOOLS

LOG_LINES = 40
FORWARD_SECONDS = 120

T = TypeVar("T")


class Timeout(AssertionError):
    """A wait that ran out, with what the cluster says about the reason."""


@dataclass(frozen=True)
class Result:
    """Exit code and output of a command."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """Both outputs."""
        return self.out + self.err


def context_arguments(flag: str = "--context") -> list[str]:
    """The arguments by which kubectl (or helm, with `--kube-context`) finds the cluster."""
    context = os.environ.get("KUBE_CONTEXT")
    return [f"{flag}={context}"] if context else [f"--kubeconfig={KUBECONFIG}"]


def is_local() -> bool:
    """Whether the cluster is the local one, whose nodes tests may kill."""
    return not os.environ.get("KUBE_CONTEXT")


def run(command: Sequence[str], *, stdin: str | None = None, timeout: float = 600) -> Result:
    """Run a command with the pinned tools first on the PATH."""
    path = f"{TOOLS / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        list(command),
        input=stdin,
        text=True,
        capture_output=True,
        check=False,
        timeout=timeout,
        env={**os.environ, "PATH": path},
    )
    return Result(done.returncode, done.stdout, done.stderr)


@dataclass
class Namespace:
    """One namespace of the cluster and what is done in it; the name is unique to a test or module."""

    name: str
    releases: list[str] = field(default_factory=list)

    @classmethod
    def create(cls, prefix: str, *, pod_security: str = "baseline") -> "Namespace":
        """Make a namespace of a new name that begins with `prefix` and enforces a Pod Security level."""
        made = cls(f"{prefix}-{secrets.token_hex(3)}")
        labels = {"pod-security.kubernetes.io/enforce": pod_security, "hpc-e2e": "true"}
        metadata = {"name": made.name, "labels": labels}
        made.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        # Without it pods are refused, and a busy control plane makes it late.
        account = ["get", "serviceaccount", "default"]
        made.wait_for("its service account", lambda: made.kubectl(*account, check=False).code == 0)
        return made

    def kubectl(
        self, *words: str, stdin: str | None = None, check: bool = True, timeout: float = 300
    ) -> Result:
        """Run kubectl in this namespace; a failure is an assertion with its message."""
        result = run(
            ["kubectl", *context_arguments(), f"--namespace={self.name}", *words],
            stdin=stdin,
            timeout=timeout,
        )
        assert not check or result.code == 0, f"kubectl {' '.join(words)}: {result.text}"
        return result

    def get(self, *words: str) -> dict[str, Any]:
        """`kubectl get … -o json` as an object."""
        found: dict[str, Any] = json.loads(self.kubectl("get", *words, "--output=json").out)
        return found

    def apply(self, *objects: dict[str, Any]) -> None:
        """Apply objects given as Python values."""
        self.kubectl("apply", "--filename=-", stdin=yaml.safe_dump_all(objects))

    def exec(
        self,
        pod: str,
        *command: str,
        container: str = "",
        stdin: str | None = None,
        check: bool = True,
        timeout: float = 300,
    ) -> Result:
        """Run a command in a pod (`name` or `kind/name`)."""
        chosen = [f"--container={container}"] if container else []
        given = ["--stdin"] if stdin is not None else []
        return self.kubectl(
            "exec", *given, pod, *chosen, "--", *command, stdin=stdin, check=check, timeout=timeout
        )

    def helm(self, *words: str, check: bool = True, timeout: float = 600) -> Result:
        """Run helm in this namespace."""
        result = run(
            ["helm", *context_arguments("--kube-context"), f"--namespace={self.name}", *words],
            timeout=timeout,
        )
        assert not check or result.code == 0, f"helm {' '.join(words)}: {result.text}\n{self.why()}"
        return result

    def install(
        self,
        release: str,
        chart: str | Path,
        *arguments: str,
        values: dict[str, Any] | None = None,
        wait_seconds: int = 600,
    ) -> None:
        """Install or upgrade a chart of this repository with the images that `make images` built, and wait until it is ready."""
        words = ["upgrade", "--install", release, str(ROOT / chart), *image_arguments(), *arguments]
        path = TOOLS / f"values-{self.name}-{release}.yaml"
        path.write_text(yaml.safe_dump(values or {}))
        try:
            self.helm(
                *words,
                "--values",
                str(path),
                "--wait",
                f"--timeout={wait_seconds}s",
                timeout=wait_seconds + 60,
            )
        finally:
            path.unlink()
        if release not in self.releases:
            self.releases.append(release)

    def tested(self, release: str) -> dict[str, str]:
        """Run `helm test`, and return the result of each check in its table."""
        return results(self.helm("test", release, "--logs", "--timeout=9m").out)

    def wait_ready(self, workload: str, *, timeout: float = 300) -> None:
        """Wait for a rollout (`statefulset/x`) or a pod's readiness (`pod/x`)."""
        if workload.startswith("pod/"):
            words = ["wait", "--for=condition=Ready", workload, f"--timeout={timeout:.0f}s"]
        else:
            words = ["rollout", "status", workload, f"--timeout={timeout:.0f}s"]
        end = time.monotonic() + timeout
        result = self.kubectl(*words, check=False, timeout=timeout + 30)
        # A pod that was just deleted may be gone for a moment before its StatefulSet makes it again.
        while result.code and "NotFound" in result.text and time.monotonic() < end:
            time.sleep(0.5)
            result = self.kubectl(*words, check=False, timeout=timeout + 30)
        if result.code:
            raise Timeout(f"{workload} was not ready in {timeout:.0f} s: {result.text}\n{self.why()}")

    def wait_for(
        self, what: str, condition: Callable[[], T], *, timeout: float = 180, every: float = 0.5
    ) -> T:
        """Poll `condition` until it is true and return its value; on time-out say what the cluster knows.

        A question that fails has no answer yet: who is asked may be just starting. The time-out quotes the last failure.
        """
        end = time.monotonic() + timeout
        failure = ""
        while time.monotonic() < end:
            try:
                if value := condition():
                    return value
                failure = ""
            except AssertionError as error:
                failure = f"\n{error}"
            time.sleep(every)
        raise Timeout(f"not within {timeout:.0f} s: {what}{failure}\n{self.why()}")

    def why(self) -> str:
        """Pods, last events and the logs of pods that are not ready: the text of a failure."""
        pods = self.kubectl("get", "pods", "--output=wide", check=False).text
        events = self.kubectl("get", "events", "--sort-by=.lastTimestamp", check=False).text
        parts = [f"--- pods\n{pods}", "--- events\n" + "\n".join(events.splitlines()[-20:])]
        for name in self._unready():
            log = self.kubectl(
                "logs", name, "--all-containers", "--prefix", f"--tail={LOG_LINES}", check=False
            ).text
            parts.append(f"--- log of {name}\n{log}")
        return "\n".join(parts)

    def _unready(self) -> list[str]:
        listed = self.kubectl("get", "pods", "--output=json", check=False)
        pods = json.loads(listed.out)["items"] if listed.code == 0 else []
        return [pod["metadata"]["name"] for pod in pods if not _is_ready(pod)]


@dataclass
class PortForward:
    """A port of this machine that leads to a Service (`svc/x`); asked for again, it is made again where kubectl has left.

    It stays the same then: clients that run and their `known_hosts` know it.
    """

    namespace: Namespace
    service: str
    remote: int
    _local: int = 0
    _process: subprocess.Popen[bytes] | None = None

    def port(self) -> int:
        """The local port, where something listens."""
        if self._process is None or self._process.poll() is not None:
            self._start()
        return self._local

    def close(self) -> None:
        """End it; the next question for the port makes another, as it must when the Service's pod is a new one."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def _start(self) -> None:
        if not self._local:
            self._local = free_port()
        command = ["kubectl", *context_arguments(), "-n", self.namespace.name, "port-forward"]
        command += [self.service, f"{self._local}:{self.remote}"]
        end = time.monotonic() + FORWARD_SECONDS
        while time.monotonic() < end:
            # It leaves at once while no pod of the Service runs.
            if self._process is None or self._process.poll() is not None:
                self._process = subprocess.Popen(
                    command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                )
            with socket.socket() as probe:
                # Of another program, if kubectl has left.
                if probe.connect_ex(("127.0.0.1", self._local)) == 0 and self._process.poll() is None:
                    return
            time.sleep(0.2)
        self.close()
        raise AssertionError(f"kubectl port-forward does not listen\n{self.namespace.why()}")


def image_arguments() -> list[str]:
    """`--values` with the images of `make images`, where there are any."""
    path = TOOLS / "images.yaml"
    return ["--values", str(path)] if path.exists() else []


def results(said: str) -> dict[str, str]:
    """What the table of `helm test` says of each check, without its head."""
    rows = [line.split("\t") for line in said.splitlines() if line.count("\t") == 2]
    return {check: result for check, result, _ in rows if check != "check"}


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def image(name: str) -> str:
    """Full reference of one of the product's images."""
    given = yaml.safe_load((TOOLS / "images.yaml").read_text())["global"]["image"]
    return f"{given['registry']}/{name}:{given['tags'][name]}"


def _is_ready(pod: dict[str, Any]) -> bool:
    conditions = {entry["type"]: entry["status"] for entry in pod["status"].get("conditions", [])}
    return conditions.get("Ready") == "True" or pod["status"].get("phase") == "Succeeded"
