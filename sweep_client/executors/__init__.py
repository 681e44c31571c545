"""Where workers run: on this machine, or wherever an installed executor takes them."""

from __future__ import annotations

import importlib
from importlib.metadata import entry_points

from sweep_client.errors import InputRefused
from sweep_client.executors.base import Executor, JobState, Submission

__all__ = ["Executor", "JobState", "Submission", "executor_class", "executor_names"]

GROUP = "sweep_client.executors"
BUILT_IN = {
    "local": "sweep_client.executors.local:LocalExecutor",
    "slurm": "sweep_client.executors.slurm:SlurmExecutor",
    "ipyparallel": "sweep_client.executors.ipyparallel:IPyParallelExecutor",
    "kubernetes": "sweep_client.executors.kubernetes:KubernetesExecutor",
}


def executor_names() -> list[str]:
    """Give the names of all executors that are installed."""
    return sorted(set(BUILT_IN) | {entry.name for entry in entry_points(group=GROUP)})


def executor_class(name: str) -> type[Executor]:
    """Give the class of an executor.

    Raises:
        InputRefused: none has this name.
    """
    if name in BUILT_IN:
        module, _, attribute = BUILT_IN[name].partition(":")
        found: type[Executor] = getattr(importlib.import_module(module), attribute)
        return found
    for entry in entry_points(group=GROUP):
        if entry.name == name:
            found = entry.load()
            return found
    raise InputRefused(f"there is no executor {name!r}; known are {', '.join(executor_names())}")
