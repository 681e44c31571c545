"""Which variants a worker may lease now, in an order in which workers seldom meet."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sweep_client.directory import Directory, SweepFile
from sweep_client.files import publish
from sweep_client.leases import Observer, holder, take_over
from sweep_client.packing import group_of
from sweep_client.plan import Plan
from sweep_client.publication import lost_record

MOST_LOSSES = 3


class Candidates:
    """Looks through the directory for variants nobody has finished or leased."""

    def __init__(
        self,
        directory: Directory,
        sweep: SweepFile,
        plan: Plan,
        worker: str,
        *,
        part: tuple[int, int],
        only: tuple[int, int] = (0, 1),
        resources: str | None = None,
    ) -> None:
        self._directory = directory
        self._sweep = sweep
        self._plan = plan
        self._worker = worker
        self._part, self._parts = part
        self._observer = Observer(directory, sweep.options.lease_seconds)
        self._others = False
        self._suiting: Sequence[int] = range(only[0], len(plan.keys), only[1])
        if resources is not None:
            self._suiting = [i for i in self._suiting if group_of(plan[i].resources) == resources]

    def scan(self) -> list[int]:
        """Give the positions in the plan that may be tried: every ``parts``-th from ``part``, or what is left."""
        over = self._directory.over_keys(self._sweep.options.retries)
        leased = self._directory.leased_keys()
        self._others = False
        found = [
            index
            for index, key in ((index, self._plan.keys[index]) for index in self._suiting)
            if key not in over and (key not in leased or self._free(key))
        ]
        mine = found[self._part :: self._parts]
        return mine or found

    def others_running(self) -> bool:
        """Say whether the last scan met variants that others have leased."""
        return self._others

    def _free(self, key: str) -> bool:
        """Free the lease of a dead worker."""
        path = self._directory.lease(key)
        owner = holder(path)
        if owner is None:
            return True
        if self._observer.is_alive(owner):
            self._others = True
            return False
        if not take_over(path, owner):
            return False
        return self._note_loss(key, owner)

    def _note_loss(self, key: str, owner: str) -> bool:
        """Note that a worker died over a variant; one over which many died is tried no more."""
        number = 1
        folder = self._directory.root / "lost" / key[:2]
        while not publish(folder / f"{key}.{number}", owner, f"{self._worker}-{key}"):
            number += 1
        if number > MOST_LOSSES:
            self._give_up(key, owner)
        return number <= MOST_LOSSES

    def _give_up(self, key: str, owner: str) -> None:
        planned = self._plan[self._plan.keys.index(key)]
        for number in range(self._directory.failures(key) + 1, self._sweep.options.retries + 2):
            record = lost_record(planned, number, owner)
            publish(self._directory.failed(key, number), json.dumps(record) + "\n", f"{self._worker}-{key}")
