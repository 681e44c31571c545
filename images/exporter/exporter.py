"""Prometheus metrics of slurmctld, from what squeue, sinfo and sdiag say when somebody asks: `GET /metrics` on port 9341.

Names, labels and units are those that slurmctld itself serves from Slurm 25.11 on (https://slurm.schedmd.com/metrics.html):
dashboards stay when Debian has that and this goes. `slurm_up` alone is ours.
"""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

PORT = 9341
ANSWER_SECONDS = 8
JOB_STATES = ("pending", "running", "suspended", "completing", "configuring")
# Short states of sinfo, less the signs at their end, as Slurm's own metrics call them.
NODE_STATES = {
    "alloc": "alloc", "idle": "idle", "mix": "mixed", "down": "down", "drain": "drain", "drng": "drain",
    "comp": "completing", "maint": "maint", "resv": "resv", "plnd": "planned", "fail": "fail", "failg": "fail", "unk": "unknown",
}  # fmt: skip
SIGNS = "*~#!%$@^-+"
# Statistics of `sdiag --json` by the metric's name; times are microseconds, and counters begin anew at midnight.
STATISTICS = {
    "slurm_sdiag_jobs_submitted": "jobs_submitted",
    "slurm_sdiag_jobs_started": "jobs_started",
    "slurm_sdiag_jobs_completed": "jobs_completed",
    "slurm_sdiag_jobs_canceled": "jobs_canceled",
    "slurm_sdiag_jobs_failed": "jobs_failed",
    "slurm_schedule_cycle_last": "schedule_cycle_last",
    "slurm_schedule_cycle_max": "schedule_cycle_max",
    "slurm_sched_mean_cycle": "schedule_cycle_mean",
    "slurm_schedule_queue_len": "schedule_queue_length",
    "slurm_bf_cycle_last": "bf_cycle_last",
    "slurm_bf_cycle_max": "bf_cycle_max",
    "slurm_bf_mean_cycle": "bf_cycle_mean",
    "slurm_backfilled_jobs": "bf_backfilled_jobs",
    "slurm_server_thread_cnt": "server_thread_count",
    "slurm_agent_queue_size": "agent_queue_size",
    "slurm_slurmdbd_queue_size": "dbd_agent_queue_size",
}


@dataclass(frozen=True)
class Job:
    """A job, or a task of an array, that waits or runs."""

    state: str
    partitions: tuple[str, ...]
    user: str
    cpus: int


@dataclass(frozen=True)
class Node:
    """A node in one of its partitions."""

    name: str
    partition: str
    state: str
    cpus_alloc: int
    cpus_idle: int
    cpus: int


class SlurmCollector(Collector):
    """Asks Slurm at every scrape; where it does not answer, `slurm_up` is 0 and nothing else is said."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Give all metrics."""
        try:
            nodes = _nodes()
            partitions = sorted({node.partition for node in nodes})
            found = [
                *_of_jobs(_jobs(), partitions),
                *_of_nodes(nodes, partitions),
                *_of_scheduler(_statistics()),
            ]
        except (OSError, subprocess.SubprocessError, ValueError, KeyError) as error:
            print(f"slurmctld does not answer: {_reason(error)}", file=sys.stderr)
            found = []
        yield _total("slurm_up", "slurmctld answered this scrape", bool(found))
        yield from found


def _ask(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=ANSWER_SECONDS).stdout


def _reason(error: Exception) -> str:
    said = error.stderr if isinstance(error, subprocess.CalledProcessError) else None
    return str(said or error).strip()


def _jobs() -> list[Job]:
    # Not as JSON, which takes six kilobytes a job. -r: each task of an array counts.
    rows = _ask("squeue", "--noheader", "--all", "--array", "--format=%T|%P|%u|%C").splitlines()
    return [
        Job(state.lower(), tuple(partitions.split(",")), user, int(cpus))
        for state, partitions, user, cpus in (row.split("|") for row in rows)
    ]


def _nodes() -> list[Node]:
    rows = _ask("sinfo", "--noheader", "--all", "--Node", "--format=%N|%R|%t|%C").splitlines()
    return [
        Node(name, partition, NODE_STATES.get(state.rstrip(SIGNS), "other"), *_cpus(cpus))
        for name, partition, state, cpus in (row.split("|") for row in rows)
    ]


def _cpus(text: str) -> tuple[int, int, int]:
    """Allocated, idle and all of `allocated/idle/other/total`."""
    allocated, idle, _, total = text.split("/")
    return int(allocated), int(idle), int(total)


def _statistics() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_ask("sdiag", "--json"))["statistics"]
    return found


def _of_jobs(jobs: list[Job], partitions: list[str]) -> Iterator[GaugeMetricFamily]:
    for state in JOB_STATES:
        there = [job for job in jobs if job.state == state]
        yield _total(f"slurm_jobs_{state}", f"Jobs that are {state}", len(there))
        # A job that may run in one of several partitions waits in each; one without a job is there with 0.
        places = Counter(partition for job in there for partition in job.partitions)
        rows = {partition: places[partition] for partition in partitions}
        yield _table(f"slurm_partition_jobs_{state}", f"Jobs that are {state}", "partition", rows)
        if state in ("pending", "running"):
            users = Counter(job.user for job in there)
            yield _table(f"slurm_user_jobs_{state}", f"Jobs that are {state}", "username", users)
        if state == "running":
            cpus: Counter[str] = Counter()
            for job in there:
                cpus[job.user] += job.cpus
            yield _table("slurm_user_jobs_cpus_alloc", "CPUs of running jobs", "username", cpus)


def _of_nodes(nodes: list[Node], partitions: list[str]) -> Iterator[GaugeMetricFamily]:
    # A node is listed once for each of its partitions.
    whole = {node.name: node for node in nodes}.values()
    yield _total("slurm_nodes", "Nodes", len(whole))
    states = Counter(node.state for node in whole)
    for state in [*dict.fromkeys(NODE_STATES.values()), "other"]:
        yield _total(f"slurm_nodes_{state}", f"Nodes that are {state}", states[state])
    for name, what, key in (
        ("slurm_partition_cpus", "CPUs", "cpus"),
        ("slurm_partition_nodes_cpus_alloc", "CPUs that jobs have", "cpus_alloc"),
        ("slurm_partition_nodes_cpus_idle", "CPUs that no job has", "cpus_idle"),
    ):
        rows = Counter(dict.fromkeys(partitions, 0))
        for node in nodes:
            rows[node.partition] += getattr(node, key)
        yield _table(name, what, "partition", rows)


def _of_scheduler(statistics: dict[str, Any]) -> Iterator[GaugeMetricFamily]:
    for name, key in STATISTICS.items():
        yield _total(name, f"{key} of sdiag", statistics[key])


def _total(name: str, help_text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, help_text, value=value)


def _table(name: str, help_text: str, label: str, rows: Mapping[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, help_text, labels=[label])
    for key, value in rows.items():
        family.add_metric([key], value)
    return family


def main() -> None:
    """Serve until the pod ends."""
    registry = CollectorRegistry()
    registry.register(SlurmCollector())
    _, thread = start_http_server(PORT, registry=registry)
    thread.join()


if __name__ == "__main__":
    main()
