"""The client's cache of records in SQLite: one file to read instead of one per variant.

Only the client that steers writes it, without locks; whoever reads looks first that nobody steers. Losing it costs
nothing: ``rebuild`` makes it from the files.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from typing import Any

from sweep_client.directory import Directory

SCHEMA = "CREATE TABLE IF NOT EXISTS done (key TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID"


class Index:
    """The cache, open for writing."""

    def __init__(self, directory: Directory) -> None:
        self._connection = sqlite3.connect(f"file:{directory.index}?nolock=1", uri=True)
        self._connection.execute("PRAGMA synchronous=OFF")
        self._connection.execute("PRAGMA journal_mode=MEMORY")
        self._connection.execute(SCHEMA)

    def add(self, records: Iterable[dict[str, Any]]) -> None:
        """Add records of finished variants."""
        rows = [(record["key"], json.dumps(record, ensure_ascii=False)) for record in records]
        if rows:
            with self._connection:
                self._connection.executemany("INSERT OR REPLACE INTO done VALUES (?, ?)", rows)

    def keys(self) -> set[str]:
        """Give the keys it has."""
        return {key for (key,) in self._connection.execute("SELECT key FROM done")}

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


class KnownRecords:
    """The cache, open for reading; empty where a client is writing it or it cannot be read."""

    def __init__(self, directory: Directory) -> None:
        self._connection: sqlite3.Connection | None = None
        if directory.index.exists() and not directory.client.exists():
            self._connection = sqlite3.connect(f"file:{directory.index}?mode=ro&immutable=1", uri=True)

    def get(self, key: str) -> dict[str, Any] | None:
        """Give one record, if the cache has it."""
        if self._connection is None:
            return None
        try:
            row = self._connection.execute("SELECT record FROM done WHERE key = ?", (key,)).fetchone()
            record: dict[str, Any] | None = json.loads(row[0]) if row else None
        except (sqlite3.Error, ValueError):
            self.close()
            return None
        return record

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def rebuild(directory: Directory) -> int:
    """Make the cache anew from the published files; give how many records it has."""
    directory.index.unlink(missing_ok=True)
    index = Index(directory)
    count = 0
    batch: list[dict[str, Any]] = []
    try:
        for key in sorted(directory.done_keys()):
            batch.append(json.loads(directory.done(key).read_bytes()))
            count += 1
            if len(batch) == 1000:
                index.add(batch)
                batch.clear()
        index.add(batch)
    finally:
        index.close()
    return count
