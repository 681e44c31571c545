"""The plan: every variant of a sweep in the order of the parameter file, with its key.

A plan is written once as a stream and read by position; no one holds all its parameters in memory.
"""

from __future__ import annotations

import hashlib
import json
import os
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any

from sweep_client.encoding import canonical
from sweep_client.files import sync_folder
from sweep_client.parameters import Checked

KEY_START, KEY_END = 8, 40


@dataclass(frozen=True, slots=True)
class Planned:
    """One variant: parameters and resources are encoded."""

    key: str
    index: int
    parameters: dict[str, Any]
    resources: dict[str, Any]


class KeyMaker:
    """Makes keys: what a variant's result depends on, and nothing else, becomes 32 characters."""

    def __init__(self, template_hash: str, dependencies: dict[str, str], environment: str) -> None:
        head = canonical(["sweep-key-1", template_hash, dependencies, environment])
        self._head = hashlib.sha256(head.encode())

    def key(self, parameters: dict[str, Any]) -> str:
        """Give the key of a variant with these encoded parameters."""
        digest = self._head.copy()
        digest.update(canonical(parameters).encode())
        return digest.hexdigest()[:32]


def write_plan(folder: Path, rows: Iterable[Checked], keys: KeyMaker) -> tuple[str, int]:
    """Write a plan into ``folder``; give its name, which is its content's hash, and its length.

    Where ``rows`` complain, nothing is left behind.
    """
    temporary = folder / f".{os.getpid()}.tmp"
    digest = hashlib.sha256()
    count = 0
    try:
        with temporary.open("wb") as file:
            for count, row in enumerate(rows, 1):
                line = _line(keys.key(row.parameters), count - 1, row)
                digest.update(line)
                file.write(line)
            file.flush()
            os.fsync(file.fileno())
        name = f"{digest.hexdigest()[:16]}.jsonl"
        temporary.rename(folder / name)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(folder)
    return name, count


class Plan:
    """A plan that was written; reading a variant costs one seek."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BufferedReader | None = None
        self._offsets = array("Q")
        self.keys: list[str] = []
        self._scan()

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, index: int) -> Planned:
        if self._file is None:
            self._file = self._path.open("rb")
        self._file.seek(self._offsets[index])
        return _parse(self._file.readline())

    def __iter__(self) -> Iterator[Planned]:
        return read_plan(self._path)

    def close(self) -> None:
        """Close the plan's file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _scan(self) -> None:
        offset = 0
        with self._path.open("rb") as file:
            for line in file:
                self.keys.append(line[KEY_START:KEY_END].decode("ascii"))
                self._offsets.append(offset)
                offset += len(line)


def read_plan(path: Path) -> Iterator[Planned]:
    """Give every variant of a plan, one after another."""
    with path.open("rb") as file:
        for line in file:
            yield _parse(line)


def _line(key: str, index: int, row: Checked) -> bytes:
    content = {"key": key, "index": index, "parameters": row.parameters}
    if row.resources:
        content["resources"] = row.resources
    return (
        json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
        + b"\n"
    )


def _parse(line: bytes) -> Planned:
    content = json.loads(line)
    return Planned(content["key"], content["index"], content["parameters"], content.get("resources", {}))
