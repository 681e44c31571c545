"""Workers as an Indexed Job on any Kubernetes, over a claim that all of them mount (ReadWriteMany), or without one.

Where this client sees the claim itself (in a notebook's pod), nothing is copied; anywhere else files go and come
through the Kubernetes API and a small pod, the keeper, that mounts the claim. Without a claim each pod has a copy of its own.
"""

from __future__ import annotations

import os
import re
import shlex
import time
import uuid
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from sweep_client.directory import Directory
from sweep_client.errors import ExecutorError, InputRefused
from sweep_client.executors.base import Executor, JobState, Submission
from sweep_client.executors.kubernetes_alone import LonePods
from sweep_client.executors.kubernetes_api import Cluster
from sweep_client.executors.kubernetes_objects import (
    MANAGED,
    RUN_LABEL,
    STAGE_MOUNT,
    JobRequest,
    Pods,
    job_manifest,
    keeper_manifest,
)
from sweep_client.executors.pace import Pace
from sweep_client.executors.signs import LEASE_SECONDS, has_ended, is_superfluous
from sweep_client.executors.slurm_job import job_resources, worker_options
from sweep_client.executors.stage import Stage
from sweep_client.leases import Observer
from sweep_client.packing import ALL, Group, fitting_workers

DEFAULT_WORKERS = 4
LEAST_SECONDS_PER_WORKER = 5.0
KEEPER_WAIT_SECONDS = 300
REASONS = (
    (r"Insufficient (\S+)", r"waits for free \1"),
    (r"didn't match Pod's node (affinity/)?selector", "no machine has the labels of node_selector"),
    (r"untolerated taint", "waits: all machines are reserved for others, or for spot work (-O spot=true)"),
    (r"persistentvolumeclaim \"(\S+)\" not found", r"there is no claim \1"),
    (r"ImagePullBackOff|ErrImagePull", "the image cannot be pulled; look at its name and at pull_secrets"),
    (r"CreateContainerConfigError|CreateContainerError|RunContainerError", "the container cannot be started"),
)


class KubernetesExecutor(Executor):
    """Runs workers as an Indexed Job."""

    name: ClassVar[str] = "kubernetes"
    linger_seconds: ClassVar[float] = 75.0
    by_resources: ClassVar[bool] = True
    known_options: ClassVar[dict[str, str]] = {
        "image": "the container image; it has Python and sweep_client (needed)",
        "claim": "the claim (ReadWriteMany) that the workers share; without one each pod works on a part in a copy of its own",
        "mount": "where this machine sees that claim too; without it files go through the Kubernetes API",
        "workers": f"how many at most; {DEFAULT_WORKERS} by default",
        "processes": "workers in one pod, after one warm-up; 1 by default",
        "cpus": "processors of a pod",
        "cpu_request": "what Kubernetes reserves of them, such as 250m; all by default",
        "memory": "memory of a pod, such as 2G",
        "time": "time limit of the Job, such as 2h",
        "gpus": "GPUs of a pod",
        "namespace": "the namespace; the context's own by default",
        "context": "the context of the kubeconfig",
        "kubeconfig": "the kubeconfig",
        "python": "the Python in the image; python3 by default",
        "node_selector": "labels of machines, such as pool=cpu,arch=amd64",
        "spot": "true: also on machines that the cloud may take back",
        "ttl": "how long the finished Job stays to be looked at; 1h by default",
        "service_account": "the service account of the pods",
        "pull_secrets": "Secrets of a private registry, separated by commas",
        "user": "uid[:gid] of the workers; this user's own by default",
    }

    def __init__(self, directory: Directory, **options: Any) -> None:
        super().__init__(directory, **options)
        self._cluster = Cluster(
            options.get("namespace"), context=options.get("context"), kubeconfig=options.get("kubeconfig")
        )
        self._keeper = f"sweep-keeper-{_run_name(directory)}"
        if options.get("mount") and not options.get("claim"):
            raise InputRefused("the option mount says where a claim is seen; say which: -O claim=…")
        far = bool(options.get("claim")) and not options.get("mount")
        self._stage = Stage(directory, self._call, base=f"{STAGE_MOUNT}/.sweep-client") if far else None
        self._lone = None if options.get("claim") else LonePods(directory, self._execute, self._python)
        self._states: dict[str, JobState] = {}
        self._observer = Observer(directory, LEASE_SECONDS)
        self._questions = Pace(10, 1.0, 30.0)

    def workers(self, pending: int, mean_seconds: float | None) -> int:
        """As many as there is work for."""
        most = int(self.options.get("workers") or DEFAULT_WORKERS)
        return fitting_workers(pending, mean_seconds, most, LEAST_SECONDS_PER_WORKER)

    def submit(self, workers: int, group: Group = ALL) -> Submission:
        """Create the Job of a group, after the files are where its pods see them."""
        processes = int(self.options.get("processes") or 1)
        pods = -(-workers // processes)
        common = self._pods()
        folder = "." if self._lone else str(self.directory.root)
        self.directory.logs.mkdir(exist_ok=True)
        if self._stage is not None:
            self._ensure_keeper(common)
            folder = self._stage.send()
        request = self._request(pods, processes, folder, group)
        self._cluster.create("jobs", job_manifest(request, common))
        self._questions.restart()
        log = f"logs/kubernetes-{request.name}-0.log"
        return Submission(self.name, request.name, pods * processes, options=self.options, logs=log)

    def poll(self, submissions: Iterable[Submission]) -> dict[str, JobState]:
        """Ask about all Jobs of this sweep at once."""
        listed = list(submissions)
        live = [entry for entry in listed if self._state(entry.id).state != "ended"]
        if live and self._questions.is_due():
            try:
                self._follow(live)
            except ExecutorError as error:
                for entry in live:
                    reason = f"the cluster does not answer ({str(error).splitlines()[0]}); asking again"
                    self._states[entry.id] = JobState(self._state(entry.id).state, reason)
        return {submission.id: self._state(submission.id) for submission in listed}

    def cancel(self, submission: Submission) -> None:
        """Delete the Job; its pods get SIGTERM and stop."""
        if self._lone:
            self._lone.tend(self._pods_of(submission.id))
        self._cluster.delete("jobs", submission.id)
        self._questions.restart()

    def logs(self, submission: Submission) -> list[Path]:
        """Give the log of each worker that has started."""
        return sorted(self.directory.logs.glob(f"kubernetes-{submission.id}-*.log"))

    def check(self) -> list[str]:
        """Say what is missing here."""
        if find_spec("kr8s") is None:
            return ["kr8s is not installed; next: pip install 'sweep-client[kubernetes]'"]
        return []

    def _pods(self) -> Pods:
        if not self.options.get("image"):
            raise InputRefused(f"the executor kubernetes needs -O image=…: {self.known_options['image']}")
        user, _, group = str(
            self.options.get("user") or f"{os.getuid() or 1000}:{os.getgid() or 1000}"
        ).partition(":")
        pairs = [
            pair.partition("=") for pair in str(self.options.get("node_selector") or "").split(",") if pair
        ]
        return Pods(
            image=self.options["image"],
            claim=self.options.get("claim"),
            mount=str(self.options.get("mount") or STAGE_MOUNT),
            user=int(user),
            group=int(group or user),
            node_selector={name: value for name, _, value in pairs},
            spot=str(self.options.get("spot", "")).lower() in ("true", "1", "yes"),
            service_account=self.options.get("service_account"),
            pull_secrets=tuple(filter(None, str(self.options.get("pull_secrets") or "").split(","))),
        )

    def _request(self, pods: int, processes: int, folder: str, group: Group) -> JobRequest:
        from sweep_client.resources import parse_time

        resources = job_resources(self.options, group, processes)
        if self.options.get("cpu_request"):
            resources["cpu_request"] = self.options["cpu_request"]
        command = [self._python, "-m", "sweep_client.worker", folder]
        command += worker_options(group, self.linger_seconds, processes, resources.get("time"))
        run = _run_name(self.directory)
        name = f"sweep-{run}-{uuid.uuid4().hex[:6]}"
        return JobRequest(
            name, run, pods, command, folder, resources, int(parse_time(self.options.get("ttl") or "1h"))
        )

    def _state(self, identity: str) -> JobState:
        return self._states.get(identity, JobState("pending", "was submitted"))

    def _follow(self, live: list[Submission]) -> None:
        if self._stage is not None:
            self._ensure_keeper(self._pods())
            self._stage.fetch()
        if self._lone:
            for entry in live:
                self._lone.tend(self._pods_of(entry.id))
        jobs = {job["metadata"]["name"]: job for job in self._cluster.get("jobs", self._selector())}
        found = {}
        for entry in live:
            if has_ended(self.directory, f"kubernetes:{entry.id}_", entry.workers):
                found[entry.id] = JobState("ended")
                self._let_go(entry.id)
            elif is_superfluous(self.directory, f"kubernetes:{entry.id}_", self._observer):
                self._cluster.delete("jobs", entry.id)
                found[entry.id] = JobState("ended")
            else:
                found[entry.id] = self._job_state(jobs.get(entry.id))
        if "ended" in {state.state for state in found.values()} and self._stage is not None:
            self._stage.fetch()
            if self._stage.finish():
                self._cluster.delete("pods", self._keeper)
        self._states |= found

    def _let_go(self, job: str) -> None:
        """End pods that only wait for their results to be taken."""
        if self._lone:
            self._cluster.delete("jobs", job)
            self._lone.forget(job)

    def _pods_of(self, job: str) -> list[dict[str, Any]]:
        return self._cluster.get("pods", f"job-name={job}")

    def _job_state(self, job: dict[str, Any] | None) -> JobState:
        if job is None:
            return JobState("ended", "the Job is gone")
        status = job.get("status", {})
        for condition in status.get("conditions", []):
            if condition["status"] == "True" and condition["type"] in ("Complete", "Failed"):
                return JobState(
                    "ended", condition.get("message", "") if condition["type"] == "Failed" else ""
                )
        if status.get("ready"):
            return JobState("running")
        return JobState("pending", self._why_waiting())

    def _why_waiting(self) -> str:
        """Say in plain words what the pods wait for."""
        for pod in self._cluster.get("pods", self._selector()):
            status = pod.get("status", {})
            waiting = [
                c["state"]["waiting"]
                for c in status.get("containerStatuses", [])
                if "waiting" in c.get("state", {})
            ]
            told = [c.get("message", "") for c in status.get("conditions", []) if c["status"] == "False"]
            for text in [*(entry.get("reason", "") for entry in waiting), *told]:
                for pattern, words in REASONS:
                    match = re.search(pattern, text)
                    if match:
                        return match.expand(words)
        return "its pods are starting"

    def _selector(self) -> str:
        return ",".join(
            f"{name}={value}" for name, value in {**MANAGED, RUN_LABEL: _run_name(self.directory)}.items()
        )

    def _ensure_keeper(self, common: Pods) -> None:
        pod = self._cluster.find("pods", self._keeper)
        if pod is not None and pod["status"].get("phase") in ("Succeeded", "Failed"):
            self._cluster.delete("pods", self._keeper)
            pod = None
        if pod is None:
            self._cluster.create("pods", keeper_manifest(self._keeper, _run_name(self.directory), common))
        end = time.monotonic() + KEEPER_WAIT_SECONDS
        while (pod or {}).get("status", {}).get("phase") != "Running":
            if time.monotonic() > end:
                raise ExecutorError(f"the pod {self._keeper} does not start: {self._why_waiting()}")
            time.sleep(0.5)
            pod = self._cluster.find("pods", self._keeper)

    def _call(self, arguments: Sequence[str], data: bytes) -> bytes:
        command = (self._python, "-m", "sweep_client.executors.stage_remote", *arguments)
        return self._execute(self._keeper, command, data)

    def _execute(self, pod: str, command: Sequence[str], data: bytes) -> bytes:
        code, out, err = self._cluster.execute(pod, command, data)
        if code:
            raise ExecutorError(f"{pod}: {err.strip() or f'{shlex.join(command)} left with {code}'}")
        return out

    @property
    def _python(self) -> str:
        return str(self.options.get("python") or "python3")


def _run_name(directory: Directory) -> str:
    """Give a name for this results directory that Kubernetes takes."""
    import hashlib

    return hashlib.sha256(f"{os.uname().nodename}:{directory.root}".encode()).hexdigest()[:10]
