"""The near side of a staged sweep: the results directory here, a copy where the workers are, and only changes travel.

Files go once, by content, and come back as they are published; large ones stay and are listed in
``left-behind.json``. What is staged is removed when all of it has come home and no variant has failed.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from sweep_client.directory import Directory
from sweep_client.errors import ExecutorError
from sweep_client.executors.stage_remote import add_bytes
from sweep_client.files import read_json, write_json, write_whole

BASE = "~/.cache/sweep-client"
MOST_BYTES = 256 << 20
ALLOWED = ("done", "failed", "variants", "journal", "logs", "workers")

# Runs a verb of ``stage_remote`` with bytes on its standard input; gives its standard output.
Call = Callable[[Sequence[str], bytes], bytes]


class StageGone(ExecutorError):
    """What was staged is no longer there."""


class Stage:
    """One results directory and its copy elsewhere."""

    def __init__(
        self,
        directory: Directory,
        call: Call,
        *,
        base: str = BASE,
        most_bytes: int = MOST_BYTES,
        state: str = "stage.json",
    ) -> None:
        self._directory = directory
        self._call = call
        self._base = base
        self._most_bytes = most_bytes
        self._path = directory.root / state
        self._state: dict[str, Any] = read_json(self._path) or self._new_state()

    def send(self) -> str:
        """Send what the workers need and lack; give where their results directory is."""
        try:
            self.fetch()
        except StageGone:
            self._state = self._new_state()
        files = self._files()
        by_digest = {digest: name for name, digest in files.items()}
        missing = json.loads(self._ask("wanted", json.dumps(sorted(by_digest)).encode()))
        archive = self._archive(files, {digest: by_digest[digest] for digest in missing})
        place = self._ask("place", archive).decode()
        self._save(sent=True)
        return place

    def fetch(self) -> None:
        """Bring home what is new."""
        if not self._state.get("sent"):
            return
        while True:
            asked = {"arrived": self._state["arrived"], "most_bytes": self._most_bytes}
            batch = self._unpack(self._ask("take", json.dumps(asked).encode()))
            self._save(arrived=batch["number"])
            if not batch["more"]:
                return

    def cancel(self) -> None:
        """Ask the workers to stop."""
        if self._state.get("sent"):
            self._ask("cancel", b"")

    def finish(self) -> bool:
        """Remove the copy where every variant is done and home; False where it is kept."""
        whole = len(self._directory.done_keys()) >= self._directory.read_sweep().variants
        if not whole or self._left_path.exists() or not self._state.get("sent"):
            return False
        self._ask("remove", b"")
        self._state = self._new_state()
        self._path.unlink(missing_ok=True)
        return True

    @property
    def _left_path(self) -> Path:
        return self._directory.root / "left-behind.json"

    def _new_state(self) -> dict[str, Any]:
        return {"format": 1, "run": uuid.uuid4().hex[:16], "arrived": 0, "sent": False}

    def _save(self, **changes: Any) -> None:
        self._state |= changes
        write_json(self._path, self._state)

    def _ask(self, verb: str, data: bytes) -> bytes:
        return self._call([verb, self._base, self._state["run"]], data)

    def _files(self) -> dict[str, str]:
        """Everything a worker reads, with its content's hash."""
        sweep = self._directory.read_sweep()
        named = [f"dependencies/{name}" for name in sweep.dependencies]
        needed = filter(None, ("sweep.json", sweep.plan, sweep.template, sweep.requirements))
        files = {name: _digest(self._directory.root / name) for name in needed}
        return files | dict(zip(named, sweep.dependencies.values(), strict=True))

    def _archive(self, files: dict[str, str], missing: dict[str, str]) -> bytes:
        """Give the manifest and the files that are missing there, as a tar archive."""
        root = self._directory.root
        records = {
            kind: [str(path.relative_to(root / kind)) for path in (root / kind).glob("??/[!.]*.json")]
            for kind in ("done", "failed")
        }
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            add_bytes(archive, "manifest.json", json.dumps({"files": files, **records}).encode())
            for digest, name in missing.items():
                add_bytes(archive, digest, (root / name).read_bytes())
        return buffer.getvalue()

    def _unpack(self, data: bytes) -> dict[str, Any]:
        batch: dict[str, Any] = {}
        with tarfile.open(fileobj=io.BytesIO(data), mode="r|") as archive:
            for member in archive:
                content = archive.extractfile(member)
                if content is None:
                    continue
                if member.name == "batch.json":
                    batch = json.load(content)
                else:
                    self._write(member.name, content.read())
        if not batch:
            raise ExecutorError("what came back is incomplete; it is asked for again")
        if batch.get("gone"):
            raise StageGone(
                "what was staged for this sweep is gone (it expires after 7 days); go on with: sweep run"
            )
        self._mirror_leases(batch["leases"])
        self._list_left(batch["left"])
        return batch

    def _write(self, name: str, data: bytes) -> None:
        plain, _, start = name.partition("@") if name.startswith(("journal/", "logs/")) else (name, "", "")
        path = self._inside(plain)
        path.parent.mkdir(parents=True, exist_ok=True)
        if start:
            with path.open("ab") as file:
                file.truncate(int(start))
                file.seek(0, io.SEEK_END)
                file.write(data)
        else:
            write_whole(path, data, sync=name.startswith(("done/", "failed/")))

    def _inside(self, name: str) -> Path:
        """Give the path of a file that came back; nothing is written anywhere else."""
        parts = PurePosixPath(name).parts
        if ".." in parts or not parts or parts[0] not in ALLOWED:
            raise ExecutorError(f"the other side sent a file that belongs to no sweep: {name!r}")
        return self._directory.root / name

    def _inside_leases(self, name: str) -> Path:
        parts = PurePosixPath(name).parts
        if ".." in parts or parts[:1] != ("leases",):
            raise ExecutorError(f"the other side sent a lease that belongs to no sweep: {name!r}")
        return self._directory.root / name

    def _mirror_leases(self, leases: dict[str, str]) -> None:
        """Show here what is being executed there; another copy of this sweep may have shown leases of its own."""
        shown = set(self._state.get("leases", []))
        for name in shown - set(leases):
            self._inside_leases(name).unlink(missing_ok=True)
        for name in set(leases) - shown:
            path = self._inside_leases(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({"format": 1, "worker": leases[name]}))
        self._state["leases"] = sorted(leases)

    def _list_left(self, left: list[dict[str, Any]]) -> None:
        if left:
            known = read_json(self._left_path) or {"format": 1, "files": []}
            write_json(self._left_path, {**known, "files": [*known["files"], *left]})


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
