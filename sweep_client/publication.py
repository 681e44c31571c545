"""Makes the record and the notebook of an attempt that has ended, and publishes them."""

from __future__ import annotations

import json
import os
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweep_client.directory import FORMAT, Directory
from sweep_client.encoding import decode
from sweep_client.files import fault_point, publish, sync_file, sync_folder
from sweep_client.limits import Limits
from sweep_client.notebook import Template
from sweep_client.outputs import to_text
from sweep_client.plan import Planned
from sweep_client.runner import Ended
from sweep_client.times import now

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at one variant."""

    planned: Planned
    name: str
    number: int
    worker: str
    started: str
    folder: Path


def make_record(attempt: Attempt, ended: Ended, limits: Limits, **facts: Any) -> Record:
    """Make the record of an attempt."""
    outcome = ended.report.outcome or {}
    error = _error(ended, limits) or outcome.get("error")
    record = {
        "format": FORMAT,
        "key": attempt.planned.key,
        "index": attempt.planned.index,
        "state": "failed" if error else "done",
        "parameters": attempt.planned.parameters,
        "attempt": attempt.name,
        "number": attempt.number,
        "started": attempt.started,
        "cpu_seconds": round(ended.cpu_seconds, 4),
        "peak_memory_bytes": ended.peak_memory_bytes,
        "host": socket.gethostname(),
        "worker": attempt.worker,
        "results": outcome.get("results", []),
        **facts,
    }
    return record | ({"error": error} if error else {})


def lost_record(planned: Planned, number: int, worker: str) -> Record:
    """Make the record of a variant over which too many workers have died."""
    error: dict[str, Any] = {
        "reason": "lost",
        "cell": None,
        "cell_id": None,
        "exception": "WorkerLost",
        "message": f"several workers died over it, the last was {worker}; see its log, then: sweep retry",
        "traceback": [],
    }
    attempt = {
        "attempt": f"{worker}-lost-{number}",
        "number": number,
        "worker": worker,
        "notes": [],
        "results": [],
    }
    return {
        "format": FORMAT,
        "key": planned.key,
        "index": planned.index,
        "state": "failed",
        "parameters": planned.parameters,
        "finished": now(),
        **attempt,
        "error": error,
    }


def write_attempt(
    directory: Directory, template: Template, attempt: Attempt, ended: Ended, record: Record
) -> None:
    """Write the executed notebook and make all files of the attempt last."""
    text = _notebook(template, attempt, ended, record)
    notebook = attempt.folder / "notebook.ipynb"
    notebook.write_bytes(text.encode("utf-8", "surrogatepass"))
    place = attempt.folder.relative_to(directory.root)
    record["notebook"] = str(place / "notebook.ipynb")
    sync_file(notebook)
    for result in record["results"]:
        if "path" in result:
            sync_file(attempt.folder / "values" / result["path"])
            result["path"] = str(place / "values" / result["path"])
    sync_folder(attempt.folder)
    fault_point("attempt-written")


def publish_record(directory: Directory, attempt: Attempt, record: Record) -> bool:
    """Publish a record; False where another attempt was published before: then this one is removed."""
    text = json.dumps(record, ensure_ascii=False) + "\n"
    key = attempt.planned.key
    if record["state"] == "done":
        if publish(directory.done(key), text, attempt.name):
            return True
        shutil.rmtree(attempt.folder, ignore_errors=True)
        return False
    while not publish(directory.failed(key, record["number"]), text, attempt.name):
        record["number"] += 1
        text = json.dumps(record, ensure_ascii=False) + "\n"
    return True


def _error(ended: Ended, limits: Limits) -> dict[str, Any] | None:
    """Give the error of a variant that was ended or ended itself; None where its outcome tells."""
    if ended.reason is None:
        return None
    outcome = (ended.report.outcome or {}).get("error") or {}
    messages = {
        "time": f"took longer than {limits.time_seconds:g} s" if limits.time_seconds else "took too long",
        "memory": f"used more than {(limits.memory_bytes or 0) / 2**20:.0f} MiB of memory",
        "processes": f"started more than {limits.processes} processes",
    }
    names = {"time": "TimeLimit", "memory": "MemoryLimit", "processes": "ProcessLimit", "crash": "Crash"}
    return {
        "reason": ended.reason,
        "cell": ended.report.current,
        "cell_id": None,
        "exception": names.get(ended.reason, ended.reason),
        "message": messages.get(ended.reason, ended.message),
        "traceback": outcome.get("traceback", []),
    }


def _notebook(template: Template, attempt: Attempt, ended: Ended, record: Record) -> str:
    executed = dict(ended.report.executed)
    current = ended.report.current
    if ended.report.outcome is None and current is not None and current not in executed:
        error = record["error"]
        last: list[dict[str, Any]] = [
            {"output_type": "stream", "name": name, "text": text} for name, text in ended.tail.items()
        ]
        fields = {"ename": error["exception"], "evalue": error["message"], "traceback": [error["message"]]}
        executed[current] = (None, to_text([*last, {"output_type": "error", **fields}]))
    facts = {name: record[name] for name in ("key", "attempt", "state", "started", "finished", "seconds")}
    metadata: dict[str, Any] = {"sweep": facts}
    widgets = (ended.report.outcome or {}).get("widgets")
    if widgets:
        metadata["widgets"] = widgets
    return template.variant(decode(attempt.planned.parameters), executed, metadata)


def link_all(source: Path, folder: Path) -> None:
    """Let ``folder`` see everything in ``source``."""
    if source.is_dir():
        for entry in source.iterdir():
            (folder / entry.name).symlink_to(os.path.realpath(entry))


def unlink_all(folder: Path) -> None:
    """Remove the links again."""
    for entry in folder.iterdir():
        if entry.is_symlink():
            entry.unlink()
