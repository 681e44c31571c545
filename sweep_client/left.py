"""What is left of a sweep whose own workers have all ended."""

from __future__ import annotations

import contextlib

from sweep_client.client import Client
from sweep_client.directory import Directory
from sweep_client.executors.base import read_submissions
from sweep_client.executors.signs import has_other_workers
from sweep_client.leases import Observer
from sweep_client.plan import Plan


class Left:
    """Looks at the variants that nobody has finished; keep it, since it learns who is dead by looking again."""

    def __init__(self, directory: Directory, client: Client, stack: contextlib.ExitStack) -> None:
        # With it comes all that runs a variant, which a client needs in this case alone.
        from sweep_client.candidates import Candidates

        sweep = directory.read_sweep()
        plan = Plan(directory.root / sweep.plan)
        stack.callback(plan.close)
        self._directory = directory
        self._observer = Observer(directory, sweep.options.lease_seconds)
        self._candidates = Candidates(directory, sweep, plan, client.name, part=(0, 1))

    def is_with_others(self) -> bool:
        """Say whether workers that this sweep did not submit, on other machines, have all that is left.

        Variants of those that have died are free afterwards.
        """
        free = self._candidates.scan()
        jobs = [f"{entry.executor}:{entry.id}_" for entry in read_submissions(self._directory)]
        return has_other_workers(self._directory, jobs, self._observer) and not free
