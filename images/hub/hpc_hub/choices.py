"""Sizes of servers that are Slurm jobs, as choices made of what the cluster has: queues, cores, memory, run time.

A profile whose `slurm` names `partitions` gets KubeSpawner's `profile_options`; what its `slurm` fixes beside them is not offered. The
form comes without choices where Slurm does not answer. Nothing here submits a job.
"""

import asyncio
import html
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .server_job import mebibytes
from .slurm import Refused, Unreachable, number

Profile = dict[str, Any]
Told = list[dict[str, Any]]

# A form that waits for longer is worse than one without choices.
ANSWER_SECONDS = 5
HOUR = 60
DAY = 24 * HOUR
SHORT_TIMES = (HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, 12 * HOUR)
# The longest that is offered where queues have no limit.
LONGEST = 7 * DAY
# What whoever does not choose gets, or the queue's limit where that is less.
USUAL_TIME = 8 * HOUR
# Options by the name that the form and JupyterHub's API give them: title, and key of the profile's `slurm`.
OPTIONS = {
    "queue": ("Queue", "partition"),
    "cores": ("Cores", "cpus"),
    "memory": ("Memory", "memory"),
    "time": ("Run time, at most", "timeMinutes"),
}


@dataclass(frozen=True)
class Queue:
    """A queue that is up, with its largest node (0: it has none now) and its time limit (0: none)."""

    name: str
    cores: int = 0
    mebibytes: int = 0
    minutes: int = 0

    @property
    def text(self) -> str:
        """What the form says of it."""
        node = f"{cores(self.cores)} and {memory(self.mebibytes)} a node" if self.cores else "no node now"
        return f"{self.name}: {node}, {f'{time(self.minutes)} at most' if self.minutes else 'no time limit'}"

    def refusal(self, job: dict[str, Any]) -> str:
        """Why no node of it is ever enough for a job; empty where one is, or none is there to say."""
        if self.cores and job.get("cpus", 1) > self.cores:
            return f"no node of queue {self.name} has more than {cores(self.cores)}"
        if self.mebibytes and "memory" in job and mebibytes(job["memory"]) > self.mebibytes:
            return f"no node of queue {self.name} has more than {memory(self.mebibytes)} of memory"
        if self.minutes and job.get("timeMinutes", 0) > self.minutes:
            return f"queue {self.name} allows {time(self.minutes)} at most"
        return ""


def profile_list(profiles: list[Profile]) -> Any:
    """KubeSpawner's `profile_list`: the profiles as they are, or what asks Slurm where one of them offers choices."""
    if not any(_names(profile) for profile in profiles):
        return profiles

    async def offer(spawner: Any) -> list[Profile]:
        """For the form all choices; for a start those of its profile, so that pods ask Slurm nothing."""
        chosen = spawner.user_options or {} if spawner.is_starting else None
        asking = [
            profile
            for profile in profiles
            if _names(profile) and (chosen is None or profile is _selected(profiles, chosen))
        ]
        if not asking:
            return profiles
        partitions, nodes, why = await _ask(spawner.slurm)
        return [
            offered(profile, queues(_names(profile), partitions, nodes), why=why, chosen=chosen)
            if profile in asking
            else profile
            for profile in profiles
        ]

    return offer


def queues(names: Iterable[str], partitions: Told, nodes: Told) -> list[Queue]:
    """Those of the named queues that are up, as `names` orders them, from slurmrestd's answers."""
    told = {partition.get("name"): partition for partition in partitions}
    return [_queue(name, told[name], nodes) for name in names if name in told and _is_up(told[name])]


def offered(
    profile: Profile, found: list[Queue], *, why: str = "", chosen: dict[str, Any] | None = None
) -> Profile:
    """A profile with the choices that queues make, or with the reason why it has none; `chosen` is what a start asks for.

    Raises:
        Refused: the start asks for what is not offered.
    """
    names, override = _names(profile), profile["kubespawner_override"]
    fixed = {key: value for key, value in override["job"].items() if key != "partitions"}
    known: Profile = {
        **profile,
        "kubespawner_override": {**override, "job": {"partition": names[0], **fixed}},
    }
    if not found:
        why = why or f"none of the queues {', '.join(names)} is up"
        if chosen and any(chosen.get(name) for name in OPTIONS):
            raise Refused(why)
        return {**known, "description": _without_choices(profile["description"], why, names[0])}
    options = {name: option for name, option in _options(found).items() if OPTIONS[name][1] not in fixed}
    if chosen is not None:
        _check(found, fixed, options, chosen)
    return {**known, "profile_options": options}


def cores(count: int) -> str:
    """A number of cores in words."""
    return "1 core" if count == 1 else f"{count} cores"


def memory(size: int) -> str:
    """Mebibytes in words."""
    return f"{size // 1024} GB" if size % 1024 == 0 else f"{size / 1024:.1f} GB"


def time(minutes: int) -> str:
    """Minutes in words."""
    if minutes > DAY and minutes % DAY == 0:
        return f"{minutes // DAY} days"
    return f"{minutes // HOUR} h" if minutes % HOUR == 0 else f"{minutes} min"


async def _ask(slurm: Any) -> tuple[Told, Told, str]:
    """Partitions and nodes, or why Slurm does not tell them."""
    try:
        partitions, nodes = await asyncio.wait_for(slurm.cluster(), ANSWER_SECONDS)
    except (Refused, Unreachable) as error:
        return [], [], str(error)
    except TimeoutError:
        return [], [], f"no answer within {ANSWER_SECONDS} s"
    return partitions, nodes, ""


def _names(profile: Profile) -> list[str]:
    found: list[str] = profile["kubespawner_override"].get("job", {}).get("partitions", [])
    return found


def _selected(profiles: list[Profile], chosen: dict[str, Any]) -> Profile | None:
    """The profile that KubeSpawner takes; None for a name that it refuses."""
    if slug := chosen.get("profile"):
        return next((profile for profile in profiles if profile["slug"] == slug), None)
    return next((profile for profile in profiles if profile.get("default")), profiles[0])


def _queue(name: str, told: dict[str, Any], nodes: Told) -> Queue:
    own = [node for node in nodes if name in (node.get("partitions") or []) and _exists(node)]
    most = told.get("maximums") or {}
    return Queue(
        name,
        cores=_at_most(max(map(_node_cores, own), default=0), number(most.get("cpus_per_node"))),
        mebibytes=_at_most(
            max(map(_node_memory, own), default=0), number(most.get("partition_memory_per_node"))
        ),
        minutes=number(most.get("time")),
    )


def _is_up(partition: dict[str, Any]) -> bool:
    states = (partition.get("partition") or {}).get("state")
    return not states or "UP" in states


def _exists(node: dict[str, Any]) -> bool:
    """One that is down, drained or switched off is still what the cluster has."""
    return "FUTURE" not in (node.get("state") or [])


def _node_cores(node: dict[str, Any]) -> int:
    # Without those that Slurm keeps for the system.
    return int(node.get("effective_cpus") or node.get("cpus") or 0)


def _node_memory(node: dict[str, Any]) -> int:
    return int(node.get("real_memory") or 0) - int(node.get("specialized_memory") or 0)


def _at_most(size: int, limit: int) -> int:
    return min(size, limit) if limit else size


def _options(found: list[Queue]) -> dict[str, Any]:
    """KubeSpawner's options; none on sizes where no queue has a node that says them."""
    counts = _doubled(1, {queue.cores for queue in found})
    sizes = _doubled(1024, {queue.mebibytes for queue in found})
    times = _times({queue.minutes or LONGEST for queue in found})
    usual = min(USUAL_TIME, found[0].minutes or USUAL_TIME)
    options = {
        "queue": _option("queue", [(queue.name, queue.name, queue.text) for queue in found]),
        "cores": _option("cores", [(str(count), count, cores(count)) for count in counts]),
        "memory": _option("memory", [(_size(size), _size(size), memory(size)) for size in sizes]),
        "time": _option(
            "time",
            [(str(minutes), minutes, time(minutes)) for minutes in times],
            default=str(next(minutes for minutes in times if minutes >= usual)),
        ),
    }
    return {name: option for name, option in options.items() if option["choices"]}


def _option(name: str, choices: list[tuple[str, Any, str]], *, default: str = "") -> dict[str, Any]:
    """An option of (key, value, text) each; the first is the default unless another is named."""
    title, key = OPTIONS[name]
    return {
        "display_name": title,
        "choices": {
            choice: {
                "display_name": text,
                "default": choice == (default or choices[0][0]),
                "kubespawner_override": {"job": {key: value}},
            }
            for choice, value, text in choices
        },
    }


def _doubled(first: int, largest: set[int]) -> list[int]:
    """`first` and its doubles below the largest of all, and what is the largest of each queue."""
    found, step = largest - {0}, first
    while step < max(largest):
        found.add(step)
        step *= 2
    return sorted(found)


def _times(limits: set[int]) -> list[int]:
    short = {minutes for minutes in SHORT_TIMES if minutes <= max(limits)}
    return sorted(short | set(_doubled(DAY, limits)))


def _size(size: int) -> str:
    return f"{size // 1024}G" if size % 1024 == 0 else f"{size}M"


def _without_choices(description: str, why: str, queue: str) -> str:
    # Forms take it as HTML, and the reason may be anything.
    return (
        f"{description.rstrip('.')}. Slurm does not say now what there is to choose ({html.escape(why)}): "
        f"a server gets what queue {queue} gives by itself."
    )


def _check(
    found: list[Queue], fixed: dict[str, Any], options: dict[str, Any], chosen: dict[str, Any]
) -> None:
    """Refuse what a form of before, or the API, asks for and nobody can have."""
    job = dict(fixed)
    for name, option in options.items():
        choices = option["choices"]
        wanted = chosen.get(name) or next(key for key, choice in choices.items() if choice["default"])
        if wanted not in list(choices):
            title = OPTIONS[name][0].split(",")[0].lower()
            raise Refused(f"{wanted} is not offered any more as {title}: choose again")
        job |= choices[wanted]["kubespawner_override"]["job"]
    queue = next(queue for queue in found if queue.name == job["partition"])
    if refusal := queue.refusal(job):
        raise Refused(f"{refusal}: choose less, or another queue")
