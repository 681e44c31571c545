"""The far side of a staged sweep: keeps files by content, lays out the results directory, gives back what is new.

Run as ``python -m sweep_client.executors.stage_remote VERB BASE RUN`` on a machine whose disk the workers share; what
it reads and writes is JSON or a tar archive on standard input and output. ``stage`` is the near side.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from sweep_client.directory import Directory
from sweep_client.files import read_json, write_json

EXPIRES_SECONDS = 7 * 86400
BATCH_BYTES = 64 << 20
FOLDERS = ("done", "failed", "leases", "workers", "journal", "logs", "plans", "templates", "dependencies")


@dataclass(frozen=True, slots=True)
class Store:
    """Everything that was staged on this machine by one user."""

    base: Path

    @property
    def files(self) -> Path:
        """Files by their content's hash, shared by all sweeps."""
        return self.base / "files"

    def run(self, name: str) -> Path:
        """The results directory of one sweep."""
        return self.base / "runs" / name

    def expire(self, now: float) -> None:
        """Remove what nobody has used for a week."""
        for path in [*self.files.glob("*"), *(self.base / "runs").glob("*")]:
            mark = path / ".used" if path.is_dir() else path
            if mark.exists() and now - mark.stat().st_mtime > EXPIRES_SECONDS:
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


def wanted(store: Store, run: str, source: IO[bytes], target: IO[bytes]) -> None:
    """Read the hashes a sweep needs; give those that are not here."""
    store.files.mkdir(parents=True, exist_ok=True)
    (store.run(run)).mkdir(parents=True, exist_ok=True)
    os.chmod(store.base, 0o700)
    store.expire(time.time())
    missing = []
    for digest in json.load(source):
        path = store.files / digest
        path.touch() if path.exists() else missing.append(digest)
    target.write(json.dumps(missing).encode())


def place(store: Store, run: str, source: IO[bytes], target: IO[bytes]) -> None:
    """Read an archive of ``manifest.json`` and missing files; lay out the results directory and give its path."""
    root = store.run(run)
    manifest: dict[str, Any] = {}
    with tarfile.open(fileobj=source, mode="r|") as archive:
        for member in archive:
            content = archive.extractfile(member)
            if content is None:
                continue
            if member.name == "manifest.json":
                manifest = json.load(content)
            else:
                _keep(store.files / member.name, content)
    for folder in FOLDERS:
        (root / folder).mkdir(parents=True, exist_ok=True)
    for name, digest in manifest["files"].items():
        _copy(store.files / digest, root / name)
    _settle(root, "done", set(manifest["done"]))
    _settle(root, "failed", set(manifest["failed"]))
    (root / "cancel").unlink(missing_ok=True)
    (root / ".used").touch()
    target.write(str(root).encode())


def take(store: Store, run: str, source: IO[bytes], target: IO[bytes]) -> None:
    """Read which batch arrived last and how large a file may be; give an archive of what is new since."""
    asked = json.load(source)
    root = store.run(run)
    with tarfile.open(fileobj=target, mode="w|") as archive:
        if not root.is_dir():
            add_bytes(archive, "batch.json", b'{"gone": true}')
            return
        (root / ".used").touch()
        Batch(Directory(root), asked["arrived"], asked["most_bytes"]).write(archive)


def cancel(store: Store, run: str, *_: IO[bytes]) -> None:
    """Ask all workers of a sweep to stop."""
    (store.run(run) / "cancel").touch()


def remove(store: Store, run: str, *_: IO[bytes]) -> None:
    """Remove the results directory of a sweep; files by content stay for other sweeps until they expire."""
    shutil.rmtree(store.run(run), ignore_errors=True)


class Batch:
    """What is new since the last batch that arrived; sent again where it did not arrive."""

    def __init__(self, directory: Directory, arrived: int, most_bytes: int) -> None:
        self._directory = directory
        self._root = directory.root
        self._most_bytes = most_bytes
        self._path = self._root / ".taken.json"
        state = read_json(self._path) or {"number": 0, "taken": {}, "sent": {}}
        if state["number"] == arrived:
            state["taken"] |= state["sent"]
        elif arrived == 0:
            state["taken"] = {}
        self._state = {"number": max(state["number"], arrived) + 1, "taken": state["taken"], "sent": {}}
        self._left: list[dict[str, Any]] = []
        self._bytes = 0

    def write(self, archive: tarfile.TarFile) -> None:
        """Write the batch: files of variants before their record, records before the journals that tell of them."""
        # Looked at first, so that no journal line is sent whose record is not.
        journals = {path: path.stat().st_size for path in self._tails()}
        complete = all(self._write_record(archive, path) for path in self._records())
        if complete:
            for path, size in journals.items():
                self._write_tail(archive, path, size)
            for path in self._directory.workers.glob("*.json"):
                self._write_changed(archive, path)
        content = {
            "number": self._state["number"],
            "more": not complete,
            "left": self._left,
            "leases": self._leases(),
        }
        write_json(self._path, self._state)
        self._add(archive, "batch.json", json.dumps(content).encode())

    def _tails(self) -> list[Path]:
        return [*self._directory.journals.glob("*.jsonl"), *self._directory.logs.glob("*.log")]

    def _records(self) -> Iterator[Path]:
        for kind in ("done", "failed"):
            for path in sorted((self._root / kind).glob("??/[!.]*.json")):
                if self._name(path) not in self._state["taken"]:
                    yield path

    def _write_record(self, archive: tarfile.TarFile, path: Path) -> bool:
        """Write one record after its files; False where the batch is full."""
        if self._bytes > BATCH_BYTES:
            return False
        data = path.read_bytes()
        record = json.loads(data)
        if record:
            folder = self._directory.attempt(record["key"], record["attempt"])
            for file in sorted(
                file for file in folder.rglob("*") if file.is_file() and not file.is_symlink()
            ):
                self._write_file(archive, file)
            self._add(archive, self._name(path), data)
        self._state["sent"][self._name(path)] = 1
        return True

    def _write_file(self, archive: tarfile.TarFile, path: Path) -> None:
        size = path.stat().st_size
        if size > self._most_bytes:
            self._left.append({"path": self._name(path), "bytes": size})
        else:
            self._add(archive, self._name(path), path.read_bytes())

    def _write_tail(self, archive: tarfile.TarFile, path: Path, size: int) -> None:
        start = self._state["taken"].get(self._name(path), 0)
        if size > start:
            with path.open("rb") as file:
                file.seek(start)
                self._add(archive, f"{self._name(path)}@{start}", file.read(size - start))
            self._state["sent"][self._name(path)] = size

    def _write_changed(self, archive: tarfile.TarFile, path: Path) -> None:
        data = path.read_bytes()
        digest = hashlib.sha256(data).hexdigest()[:16]
        if self._state["taken"].get(self._name(path)) != digest:
            self._add(archive, self._name(path), data)
            self._state["sent"][self._name(path)] = digest

    def _leases(self) -> dict[str, str]:
        found = self._root.glob("leases/??/[!.]*")
        return {self._name(path): (read_json(path) or {}).get("worker", "") for path in found}

    def _name(self, path: Path) -> str:
        return str(path.relative_to(self._root))

    def _add(self, archive: tarfile.TarFile, name: str, data: bytes) -> None:
        add_bytes(archive, name, data)
        self._bytes += len(data)


def add_bytes(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    """Add a file to an archive."""
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))


def _keep(path: Path, content: IO[bytes]) -> None:
    """Keep a file under its hash; one that is damaged on the way is not kept."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    digest = hashlib.sha256()
    with temporary.open("wb") as file:
        while data := content.read(1 << 20):
            digest.update(data)
            file.write(data)
    if digest.hexdigest() != path.name:
        temporary.unlink()
        raise ValueError(f"{path.name}: damaged on the way")
    temporary.rename(path)


def _copy(source: Path, target: Path) -> None:
    """Copy where the content differs; a copy and no link, since a variant may write into its files."""
    mark = target.with_name(f".{target.name}.hash")
    if target.exists() and mark.exists() and mark.read_text() == source.name:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.copyfile(source, temporary)
    temporary.rename(target)
    mark.write_text(source.name)


def _settle(root: Path, kind: str, names: set[str]) -> None:
    """Make the records of a kind those that the client has: its own as empty marks, no others."""
    here = {str(path.relative_to(root / kind)) for path in (root / kind).glob("??/[!.]*.json")}
    for name in names - here:
        (root / kind / name).parent.mkdir(exist_ok=True)
        (root / kind / name).write_text("{}")
    for name in here - names:
        (root / kind / name).unlink(missing_ok=True)


VERBS: dict[str, Callable[..., None]] = {
    "wanted": wanted,
    "place": place,
    "take": take,
    "cancel": cancel,
    "remove": remove,
}


def main(arguments: list[str]) -> int:
    """Do one verb; an error is one line."""
    verb, base, run = arguments
    try:
        VERBS[verb](Store(Path(base).expanduser()), run, sys.stdin.buffer, sys.stdout.buffer)
    except (OSError, ValueError) as error:
        print(f"sweep stage: {error}", file=sys.stderr)
        return 2
    sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
