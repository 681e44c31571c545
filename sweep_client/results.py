"""Reading a results directory: every variant with its state, values and failure, at any time, from anywhere.

This is what tables, the report and views stand on. It changes nothing.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from sweep_client.directory import Directory, SweepFile, open_directory
from sweep_client.encoding import decode
from sweep_client.index import KnownRecords
from sweep_client.leases import Observer, holder
from sweep_client.plan import Planned, read_plan
from sweep_client.values import load

STATES = ("done", "failed", "running", "pending")


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a variant failed."""

    reason: str
    cell: int | None
    exception: str
    message: str
    traceback: tuple[str, ...] = ()

    @property
    def group(self) -> tuple[int | None, str]:
        """What failures of one cause have in common."""
        return self.cell, self.exception


@dataclass(frozen=True, slots=True)
class Value:
    """One saved value of a variant; it is read when asked for."""

    root: Path
    result: dict[str, Any]

    @property
    def name(self) -> str:
        """The result's name."""
        return str(self.result["name"])

    @property
    def kind(self) -> str:
        """How it is stored: json, table, tensor, image, opaque, none or unreadable."""
        return str(self.result["kind"])

    @property
    def path(self) -> Path | None:
        """The file it lies in, if it is no small value."""
        return self.root / self.result["path"] if "path" in self.result else None

    def load(self, *, allow_pickle: bool = False) -> Any:
        """Read the value; images are given as bytes.

        Raises:
            ValueNotOpened: it is opaque and ``allow_pickle`` was not said.
        """
        return load(self.root, self.result, allow_pickle=allow_pickle)


@dataclass(frozen=True, slots=True)
class Variant:
    """One variant: what it is, how far it is, what came out."""

    root: Path
    index: int
    key: str
    state: str
    encoded: dict[str, Any]
    resources: dict[str, Any]
    record: dict[str, Any] | None

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters, with their types."""
        return {name: decode(value) for name, value in self.encoded.items()}

    @property
    def values(self) -> dict[str, Value]:
        """The saved values by name."""
        results = self.record["results"] if self.record else []
        return {result["name"]: Value(self.root, result) for result in results}

    @property
    def notebook(self) -> Path | None:
        """The executed notebook."""
        return self.root / self.record["notebook"] if self.record and "notebook" in self.record else None

    @property
    def failure(self) -> Failure | None:
        """Why it failed, if it did."""
        error = (self.record or {}).get("error")
        if error is None:
            return None
        traceback = tuple(error.get("traceback", ()))
        return Failure(error["reason"], error["cell"], error["exception"], error["message"], traceback)


class Results:
    """A results directory, for reading."""

    def __init__(self, path: str | Path | Directory) -> None:
        self.directory = path if isinstance(path, Directory) else open_directory(path)

    @cached_property
    def sweep(self) -> SweepFile:
        """What is swept."""
        return self.directory.read_sweep()

    def counts(self) -> dict[str, int]:
        """Count variants by state, from names alone."""
        counts = Counter(state for _, _, state in self._states())
        return {state: counts[state] for state in STATES}

    def variants(self, *states: str) -> Iterator[Variant]:
        """Give every variant in the order of the parameter file, or those in some states."""
        known = KnownRecords(self.directory)
        try:
            for planned, failures, state in self._states():
                if not states or state in states:
                    yield self._variant(planned, failures, state, known)
        finally:
            known.close()

    def failures(self) -> list[Variant]:
        """Give the failed variants."""
        return list(self.variants("failed"))

    def groups(self) -> list[tuple[Failure, int, Variant]]:
        """Group failures by cell and exception: one example, how many, and the first variant; most frequent first."""
        groups: dict[tuple[int | None, str], tuple[Failure, list[Variant]]] = {}
        for variant in self.variants("failed"):
            if variant.failure is not None:
                groups.setdefault(variant.failure.group, (variant.failure, []))[1].append(variant)
        found = [(failure, len(variants), variants[0]) for failure, variants in groups.values()]
        return sorted(found, key=lambda group: (-group[1], group[2].index))

    def _states(self) -> Iterator[tuple[Planned, int, str]]:
        done = self.directory.done_keys()
        failures = self.directory.failure_counts()
        leased = self.directory.leased_keys()
        observer = Observer(self.directory, self.sweep.options.lease_seconds)
        for planned in read_plan(self.directory.root / self.sweep.plan):
            key = planned.key
            if key in done:
                state = "done"
            elif failures.get(key, 0) > self.sweep.options.retries:
                state = "failed"
            elif key in leased and observer.is_alive(holder(self.directory.lease(key)) or ""):
                state = "running"
            else:
                state = "pending"
            yield planned, failures.get(key, 0), state

    def _variant(self, planned: Planned, failures: int, state: str, known: KnownRecords) -> Variant:
        record = None
        if state == "done":
            record = known.get(planned.key) or _read(self.directory.done(planned.key))
        elif failures:
            record = _read(self.directory.failed(planned.key, failures))
        root, parameters = self.directory.root, planned.parameters
        return Variant(root, planned.index, planned.key, state, parameters, planned.resources, record)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return content
