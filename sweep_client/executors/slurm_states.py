"""What Slurm says about jobs, in plain words: states of tasks, reasons for waiting, refusals at submission."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from sweep_client.executors.base import JobState

WAITING = {
    "PENDING",
    "REQUEUED",
    "REQUEUE_FED",
    "REQUEUE_HOLD",
    "RESV_DEL_HOLD",
    "SPECIAL_EXIT",
    "SUSPENDED",
    "STOPPED",
}
WORKING = {"RUNNING", "COMPLETING", "CONFIGURING", "RESIZING", "SIGNALING", "STAGE_OUT"}

# The first pattern that matches a reason wins.
REASONS = (
    (r"None|^$", ""),
    (r"Resources", "waits for free cores or memory"),
    (r"Priority", "waits behind jobs of higher priority"),
    (r"Dependency.*", "waits for another job"),
    (r"BeginTime", "waits for its start time, or to be tried again after a failure"),
    (r"JobHeldUser", "is held; release it with: scontrol release JOB"),
    (r"JobHeldAdmin|Reservation.*", "is held by the cluster's administrator"),
    (r"JobArrayTaskLimit", "waits for other workers of this sweep"),
    (r"QOSMaxJobs.*|AssocMaxJobs.*|MaxJobs.*", "waits: as many of your jobs run as the cluster allows you"),
    (r"QOSMaxSubmit.*|AssocMaxSubmit.*|MaxSubmit.*", "waits: you have as many jobs in the queue as you may"),
    (r".*(Cpu|CPU|Gres|GRES|Mem|Node).*(PerJob|PerNode)\w*", "asks for more than a job may have here; ask for less"),
    (r"QOSGrp.*|AssocGrp.*|QOSMax.*|AssocMax.*|Max\w*PerAccount", "waits: your share of the cluster is in use"),
    (r"PartitionTimeLimit|QOSMaxWall.*|AssocMaxWall.*|TimeLimit", "asks for more time than the partition allows; lower time"),
    (r"PartitionNodeLimit|PartitionConfig|BadConstraints|NodeDown|InvalidQOS|InvalidAccount|.*NotAllowed",
     "cannot run as asked; look at partition, account, cpus and memory"),
    (r"PartitionDown|PartitionInactive", "waits: the partition is switched off"),
    (r"ReqNodeNotAvail.*|Nodes required for job.*", "waits: the nodes it needs are down, draining or reserved"),
    (r"Licenses", "waits for a licence"),
    (r"launch failed.*|Prolog", "could not be started on its node; the administrator must look at the node's log"),
)  # fmt: skip

ENDS = {
    "TIMEOUT": "ran into its time limit",
    "OUT_OF_MEMORY": "ran out of memory; ask for more memory",
    "NODE_FAIL": "lost its node",
    "BOOT_FAIL": "lost its node",
    "CANCELLED": "was cancelled",
    "PREEMPTED": "made way for a job of higher priority",
    "DEADLINE": "missed its deadline",
    "FAILED": "a worker left early",
}

TOO_MANY_JOBS = "you have as many jobs in the queue as you may"
REFUSALS = (
    (r"invalid partition", "there is no such partition; list them with: sinfo --summarize"),
    (r"invalid (account|qos)|account/partition combination", "the account or QOS is not yours; list yours with: sacctmgr show user $USER withassoc"),
    (r"MaxSubmit|SubmitJobs?Limit|job submit limit|job count limit", f"{TOO_MANY_JOBS}; wait for some to end or ask for fewer workers"),
    (r"QOS|accounting/QOS policy", "the request is above what your account may use; ask for less"),
    (r"node configuration is not available|more processors|memory specification", "no node has so many cpus, so much memory or such gpus; ask for less"),
    (r"time limit", "the time is above the partition's limit; lower time"),
    (r"quota|no space", "the disk of the results directory is full; free space, then: sweep retry"),
    (r"unable to contact|connection refused|timed out|communication", "slurmctld does not answer; try again, or ask the administrator"),
    (r"authentication|access.*denied|permission", "the cluster does not know you; log in again or renew the token"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Task:
    """One task of an array, or several that wait, as Slurm tells it."""

    job: str
    state: str
    reason: str = ""


def plain_reason(reason: str) -> str:
    """Say in plain words why a job waits; an unknown reason stays as it is.

    >>> plain_reason("Resources"), plain_reason("QOSMaxCpuPerUserLimit")
    ('waits for free cores or memory', 'waits: your share of the cluster is in use')
    """
    for pattern, text in REASONS:
        if re.fullmatch(pattern, reason):
            return text
    return f"waits: {reason}"


def plain_refusal(message: str) -> str:
    """Say what to do after Slurm has refused something."""
    for pattern, text in REFUSALS:
        if re.search(pattern, message, re.IGNORECASE):
            return text
    return "see the message of Slurm above"


def summarise(tasks: Iterable[Task]) -> JobState:
    """Say what has become of a job from the states of its tasks."""
    listed = list(tasks)
    waiting = [task for task in listed if task.state in WAITING]
    working = [task for task in listed if task.state in WORKING]
    if waiting and not working:
        return JobState("pending", plain_reason(waiting[0].reason))
    if working:
        return JobState("running", f"some workers: {plain_reason(waiting[0].reason)}" if waiting else "")
    ends = sorted({ENDS[task.state.split()[0]] for task in listed if task.state.split()[0] in ENDS})
    return JobState("ended", "; ".join(ends))
