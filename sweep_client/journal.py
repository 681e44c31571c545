"""Journals: what happened, one line each, one file per writer; for watching, never the truth."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sweep_client.directory import Directory
from sweep_client.times import now


class Journal:
    """The journal of one writer."""

    def __init__(self, directory: Directory, writer: str) -> None:
        directory.journals.mkdir(exist_ok=True)
        self._file = (directory.journals / f"{writer}.jsonl").open("ab", buffering=0)

    def write(self, event: str, **facts: Any) -> None:
        """Add one line."""
        line = json.dumps({"event": event, "time": now(), **facts}, ensure_ascii=False)
        self._file.write(line.encode("utf-8", "surrogatepass") + b"\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class Follower:
    """Follows all journals of a directory; each call gives the lines that are new."""

    def __init__(self, directory: Directory) -> None:
        self._folder = directory.journals
        self._positions: dict[str, int] = {}

    def skip(self) -> None:
        """Forget what has been written so far."""
        for path in self._files():
            self._positions[path.name] = path.stat().st_size

    def lines(self) -> Iterator[dict[str, Any]]:
        """Give new whole lines, file by file."""
        for path in self._files():
            position = self._positions.get(path.name, 0)
            if path.stat().st_size > position:
                yield from self._read(path, position)

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("*.jsonl")) if self._folder.is_dir() else []

    def _read(self, path: Path, position: int) -> Iterator[dict[str, Any]]:
        with path.open("rb") as file:
            file.seek(position)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                position += len(line)
                self._positions[path.name] = position
                content = _parse(line)
                if content is not None:
                    yield content


def spans(directory: Directory) -> dict[str, tuple[str, str]]:
    """Give when each writer wrote its first and its last line."""
    found = {}
    for path in sorted(directory.journals.glob("*.jsonl")):
        lines = [line for line in map(_parse, path.read_bytes().splitlines()) if line is not None]
        if lines:
            found[path.stem] = (str(lines[0]["time"]), str(lines[-1]["time"]))
    return found


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        content = json.loads(line)
    except ValueError:
        return None
    return content if isinstance(content, dict) else None
