"""What Slurm says about a server's job, in plain words. The reasons are sweep_client's, which this image does not hold (a test compares)."""

import re

# The first pattern that matches a reason wins.
REASONS = (
    (r"None|^$", ""),
    (r"Resources", "waits for free cores or memory"),
    (r"Priority", "waits behind jobs of higher priority"),
    (r"JobHeldUser", "is held; release it with: scontrol release JOB"),
    (r"JobHeldAdmin|Reservation.*", "is held by the cluster's administrator"),
    (r"QOSMaxJobs.*|AssocMaxJobs.*|MaxJobs.*", "waits: as many of your jobs run as the cluster allows you"),
    (r".*(Cpu|CPU|Gres|GRES|Mem|Node).*(PerJob|PerNode)\w*", "asks for more than a job may have here; ask for less"),
    (r"QOSGrp.*|AssocGrp.*|QOSMax.*|AssocMax.*|Max\w*PerAccount", "waits: your share of the cluster is in use"),
    (r"PartitionTimeLimit|QOSMaxWall.*|AssocMaxWall.*|TimeLimit", "asks for more time than the partition allows; lower time"),
    (r"PartitionNodeLimit|PartitionConfig|BadConstraints|NodeDown|InvalidQOS|InvalidAccount|.*NotAllowed",
     "cannot run as asked; look at partition, account, cpus and memory"),
    (r"PartitionDown|PartitionInactive", "waits: the partition is switched off"),
    (r"ReqNodeNotAvail.*|Nodes required for job.*", "waits: the nodes it needs are down, draining or reserved"),
)  # fmt: skip

ENDS = {
    "COMPLETED": "has ended",
    "TIMEOUT": "reached its time limit",
    "OUT_OF_MEMORY": "took more memory than it asked for",
    "NODE_FAIL": "lost its node",
    "BOOT_FAIL": "lost its node",
    "PREEMPTED": "made way for a job of higher priority",
    "DEADLINE": "missed its deadline",
    "CANCELLED": "was cancelled",
}

REFUSALS = (
    (r"invalid partition", "there is no such queue"),
    (r"invalid (account|qos)|account/partition combination", "you may not use this queue"),
    (r"MaxSubmit|SubmitJobs?Limit|job submit limit|job count limit", "you have as many jobs in the queue as you may"),
    (r"node configuration is not available|more processors|memory specification", "no node of this queue is so large"),
    (r"QOS|accounting/QOS policy", "it asks for more than you may use"),
    (r"time limit", "the queue allows less time"),
    (r"unable to contact|connection refused|timed out|communication", "Slurm does not answer; try again later"),
)  # fmt: skip

# What a shell says of a program that is not there.
NO_PROGRAM = 127
# slurmd's answer to a job that is over its memory; Slurm gives no other reason.
KILLED = 9


def plain_reason(reason: str) -> str:
    """Why a job waits; an unknown reason stays as it is."""
    for pattern, text in REASONS:
        if re.fullmatch(pattern, reason):
            return text
    return f"waits: {reason}"


def plain_end(state: str, exit_code: int = 0, signal: int = 0) -> str:
    """How a job has ended."""
    if exit_code == NO_PROGRAM:
        return "found no JupyterLab on its node: the queue's workers need the image slurm-notebook-worker; ask the admin"
    if signal == KILLED and state == "FAILED":
        return "was killed, most likely because it took more memory than it asked for"
    return ENDS.get(state, f"failed with exit code {exit_code}")


def plain_refusal(message: str) -> str:
    """Why Slurm does not take a job: in plain words where they are known, with Slurm's own behind."""
    for pattern, text in REFUSALS:
        if re.search(pattern, message, re.IGNORECASE):
            return f"{text} (Slurm says: {message})"
    return f"Slurm says: {message}"
