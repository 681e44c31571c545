"""Writing files so that a crash at any moment leaves the old or the new one, on a local disk and on NFS.

``fault_point`` names the moments at which the tests kill a process for real.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
from pathlib import Path
from typing import Any

FAULT_VARIABLE = "SWEEP_FAULT"


def fault_point(name: str) -> None:
    """Die at once, as by kill -9, if the environment asks for it at this point.

    ``SWEEP_FAULT`` is ``<name>`` or ``<name>:<file>``; with a file only the first process to create it dies.
    """
    wanted, _, marker = os.environ.get(FAULT_VARIABLE, "").partition(":")
    if wanted != name:
        return
    if marker:
        try:
            os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return
    os.kill(os.getpid(), signal.SIGKILL)


def write_whole(path: Path, content: str | bytes, *, sync: bool = True) -> None:
    """Replace a file as a whole."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    _write(temporary, content, sync)
    fault_point("replace")
    temporary.rename(path)
    if sync:
        sync_folder(path.parent)


def write_json(path: Path, content: Any, *, sync: bool = True) -> None:
    """Replace a JSON file as a whole."""
    write_whole(path, json.dumps(content, ensure_ascii=False) + "\n", sync=sync)


def publish(path: Path, content: str, name: str) -> bool:
    """Publish a file once; False where it has been published before.

    ``name`` is unique among all who may publish this file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{name}.tmp")
    _write(temporary, content, True)
    fault_point("publish-before-link")
    try:
        published = _link(temporary, path)
        fault_point("publish-after-link")
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)
    return published


def create_exclusively(path: Path, content: str) -> bool:
    """Create a file; False where it exists."""
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return create_exclusively(path, content)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
    return True


def read_json(path: Path) -> Any | None:
    """Read a JSON file, or None where it is missing or half written."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None


def sync_folder(path: Path) -> None:
    """Make the names in a folder last."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """Make a file's content last."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(path: Path, content: str | bytes, sync: bool) -> None:
    data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        if sync:
            os.fsync(file.fileno())


def _link(temporary: Path, path: Path) -> bool:
    try:
        os.link(temporary, path)
    except FileExistsError:
        # An NFS server may have linked and lost its answer: then the file has two names.
        return temporary.stat().st_nlink == 2
    return True
