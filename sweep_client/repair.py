"""Puts a results directory in order after crashes: cache rebuilt, leftovers removed; nothing published is touched."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sweep_client.client import steering
from sweep_client.directory import Directory, open_directory
from sweep_client.files import read_json
from sweep_client.index import rebuild
from sweep_client.leases import Observer, holder, take_over


@dataclass(frozen=True, slots=True)
class Repaired:
    """What was found and done."""

    records: int
    unreadable: int
    leases: int
    folders: int


def repair_directory(path: str | Path) -> Repaired:
    """Repair a results directory; safe at any time, also while workers run.

    Raises:
        DirectoryBusy: a client steers it.
    """
    directory = open_directory(path)
    with steering(directory):
        unreadable = _set_aside_unreadable(directory)
        leases = _free_stale_leases(directory)
        folders = _remove_leftovers(directory)
        return Repaired(rebuild(directory), unreadable, leases, folders)


def _set_aside_unreadable(directory: Directory) -> int:
    """A record that a broken disk has spoilt is set aside, so that its variant is run again."""
    count = 0
    for key in directory.done_keys():
        path = directory.done(key)
        record = read_json(path)
        if not isinstance(record, dict) or record.get("key") != key:
            path.rename(path.with_name(f".{path.name}.unreadable"))
            count += 1
    return count


def _free_stale_leases(directory: Directory) -> int:
    observer = Observer(directory, directory.read_sweep().options.lease_seconds)
    count = 0
    for key in directory.leased_keys():
        path = directory.lease(key)
        owner = holder(path)
        if owner is not None and not observer.is_alive(owner):
            count += take_over(path, owner)
    return count


def _remove_leftovers(directory: Directory) -> int:
    """Remove folders of attempts that nobody published and nobody is working on, and temporary files."""
    leased = directory.leased_keys()
    count = 0
    for key, attempt in _attempts(directory):
        if key not in leased and attempt.name not in _published(directory, key):
            shutil.rmtree(attempt, ignore_errors=True)
            count += 1
    if not leased:
        for name in ("done", "failed"):
            for temporary in (directory.root / name).glob("*/.*.tmp"):
                temporary.unlink(missing_ok=True)
                count += 1
    return count


def _attempts(directory: Directory) -> Iterator[tuple[str, Path]]:
    for attempt in sorted((directory.root / "variants").glob("*/*/*")):
        yield attempt.parent.name, attempt


def _published(directory: Directory, key: str) -> set[str]:
    paths = [directory.done(key), *directory.failed(key, 1).parent.glob(f"{key}.*.json")]
    paths.extend((directory.failed(key, 1).parent / "old").glob(f"{key}.*.json"))
    return {str(record["attempt"]) for record in map(read_json, paths) if record}
