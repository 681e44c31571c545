"""Pods without a claim in common: each works on a part of the sweep in a copy of its own, and files go through the Kubernetes API.

A pod waits for its files, works, and stays until what it made has come home.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from sweep_client.directory import Directory
from sweep_client.errors import ExecutorError
from sweep_client.executors.kubernetes_objects import ENDED, GO, HOME, STAGE_MOUNT
from sweep_client.executors.stage import Stage, StageGone

# Runs a command in a pod with bytes on its standard input; gives its standard output.
Execute = Callable[[str, Sequence[str], bytes], bytes]


class LonePods:
    """The pods of a sweep's Jobs, each with its copy of the results directory."""

    def __init__(self, directory: Directory, execute: Execute, python: str) -> None:
        self._directory = directory
        self._execute = execute
        self._remote = (python, "-m", "sweep_client.executors.stage_remote")
        self._stages: dict[str, Stage] = {}

    def tend(self, pods: list[dict[str, Any]]) -> None:
        """Send each running pod what it needs and bring home what it made; let it go when it has ended."""
        for pod in pods:
            if pod.get("status", {}).get("phase") == "Running" and "deletionTimestamp" not in pod["metadata"]:
                self._tend(pod["metadata"]["name"])

    def forget(self, job: str) -> None:
        """Forget the copies of a Job that is over."""
        for path in self._directory.root.glob(f"stage-{job}-*.json"):
            path.unlink()

    def _tend(self, pod: str) -> None:
        if pod not in self._stages:
            self._stages[pod] = Stage(
                self._directory,
                partial(self._call, pod),
                base=f"{STAGE_MOUNT}/.sweep-client",
                state=f"stage-{pod}.json",
            )
        stage = self._stages[pod]
        if not self._shell(pod, f"cat {GO} 2>/dev/null || true"):
            place = stage.send()
            self._shell(pod, f"cat > {GO}", place.encode())
            return
        ended = self._shell(pod, f"cat {ENDED} 2>/dev/null || true")
        try:
            stage.fetch()
        except StageGone:
            raise ExecutorError(f"pod {pod}: its files are gone") from None
        if ended:
            self._shell(pod, f"touch {HOME}")

    def _shell(self, pod: str, script: str, data: bytes = b"") -> bytes:
        return self._execute(pod, ("sh", "-c", script), data)

    def _call(self, pod: str, arguments: Sequence[str], data: bytes) -> bytes:
        return self._execute(pod, (*self._remote, *arguments), data)
