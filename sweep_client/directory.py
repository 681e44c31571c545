"""Where everything lies in a results directory, and what a sweep is (``sweep.json``).

The layout is frozen: docs/reference/results-directory.md.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from sweep_client.errors import DirectoryError
from sweep_client.files import read_json, write_json

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Options:
    """Limits and choices that hold for every variant of a sweep."""

    retries: int = 1
    time_seconds: float | None = 900.0
    memory_bytes: int | None = None
    processes: int | None = 512
    isolate: str = "auto"
    engine: str = "fork"
    lease_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class SweepFile:
    """The content of ``sweep.json``."""

    name: str
    created: str
    plan: str
    variants: int
    template: str
    template_hash: str
    language: str
    kernel: str
    parameters: list[dict[str, Any]]
    results: list[dict[str, Any]]
    dependencies: dict[str, str] = field(default_factory=dict)
    environment: str = ""
    directory: str | None = None
    requirements: str = ""
    options: Options = field(default_factory=Options)

    def to_json(self) -> dict[str, Any]:
        """Give the content as JSON."""
        return {"format": FORMAT, **asdict(self)}


@dataclass(frozen=True, slots=True)
class Directory:
    """Paths of one results directory."""

    root: Path

    @property
    def sweep(self) -> Path:
        """What is swept."""
        return self.root / "sweep.json"

    @property
    def executor(self) -> Path:
        """What was submitted where."""
        return self.root / "executor.json"

    @property
    def client(self) -> Path:
        """Who steers."""
        return self.root / "client"

    @property
    def cancel(self) -> Path:
        """There where workers shall stop."""
        return self.root / "cancel"

    @property
    def index(self) -> Path:
        """The client's cache."""
        return self.root / "index.sqlite"

    @property
    def dependencies(self) -> Path:
        """Dependency files."""
        return self.root / "dependencies"

    @property
    def journals(self) -> Path:
        """Journals, one per worker."""
        return self.root / "journal"

    @property
    def workers(self) -> Path:
        """Heartbeats."""
        return self.root / "workers"

    @property
    def logs(self) -> Path:
        """Output of the workers."""
        return self.root / "logs"

    def done(self, key: str) -> Path:
        """The record of a finished variant."""
        return self.root / "done" / key[:2] / f"{key}.json"

    def failed(self, key: str, number: int) -> Path:
        """The record of a failed attempt."""
        return self.root / "failed" / key[:2] / f"{key}.{number}.json"

    def lease(self, key: str) -> Path:
        """The lease of a variant."""
        return self.root / "leases" / key[:2] / key

    def attempt(self, key: str, attempt: str) -> Path:
        """The folder of one attempt."""
        return self.root / "variants" / key[:2] / key / attempt

    def done_keys(self) -> set[str]:
        """Every finished key, from names alone."""
        return {name[:32] for name in _names(self.root / "done")}

    def leased_keys(self) -> set[str]:
        """Every leased key, from names alone."""
        return set(_names(self.root / "leases"))

    def failure_counts(self) -> dict[str, int]:
        """How many failed attempts each key has, from names alone."""
        counts: dict[str, int] = {}
        for name in _names(self.root / "failed"):
            if name.endswith(".json"):
                counts[name[:32]] = counts.get(name[:32], 0) + 1
        return counts

    def over_keys(self, retries: int) -> set[str]:
        """Every key that runs no more: finished, or failed more often than it may be retried."""
        given_up = {key for key, count in self.failure_counts().items() if count > retries}
        return self.done_keys() | given_up

    def failures(self, key: str) -> int:
        """How many failed attempts one key has."""
        number = 0
        while self.failed(key, number + 1).exists():
            number += 1
        return number

    def read_sweep(self) -> SweepFile:
        """Read ``sweep.json``.

        Raises:
            DirectoryError: there is none, or a newer sweep_client wrote it.
        """
        content = read_json(self.sweep)
        if content is None:
            raise DirectoryError(
                f"{self.root}: no sweep here (no readable sweep.json); start one with: sweep run"
            )
        if content.get("format", 0) > FORMAT:
            raise DirectoryError(f"{self.root}: written by a newer sweep_client; upgrade this one")
        known = {entry.name for entry in fields(SweepFile)}
        values = {name: value for name, value in content.items() if name in known}
        options = {entry.name for entry in fields(Options)} & set(values.get("options", {}))
        values["options"] = Options(**{name: values["options"][name] for name in options})
        return SweepFile(**values)

    def write_sweep(self, sweep: SweepFile) -> None:
        """Replace ``sweep.json``."""
        write_json(self.sweep, sweep.to_json())


def open_directory(path: str | Path, *, create: bool = False) -> Directory:
    """Open a results directory, and make it where asked.

    Raises:
        DirectoryError: it is missing or cannot be written.
    """
    root = Path(path).absolute()
    try:
        if create:
            for name in ("done", "failed", "leases", "workers", "journal", "logs", "plans", "templates"):
                (root / name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DirectoryError(f"{root}: cannot be made: {error.strerror}; choose another --out") from None
    if not root.is_dir():
        raise DirectoryError(f"{root}: there is no such results directory")
    return Directory(root)


def _names(folder: Path) -> Iterator[str]:
    """The names of all files two levels down, without hidden ones."""
    try:
        shards = [entry.path for entry in os.scandir(folder) if len(entry.name) == 2]
    except FileNotFoundError:
        return
    for shard in shards:
        for name in os.listdir(shard):
            if name[0] != "." and name != "old":
                yield name
