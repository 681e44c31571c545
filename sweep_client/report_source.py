"""What the report wants to know about a results directory beyond its variants: who works on it, and its cells."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from sweep_client.files import read_json
from sweep_client.results import Results

LARGEST_NOTEBOOK = 64 << 20


def is_running(results: Results) -> bool:
    """Tell whether someone still works on it, as far as the files say."""
    if results.directory.cancel.exists():
        return False
    beats = [read_json(path) or {} for path in results.directory.workers.glob("*.json")]
    return any(beat.get("state") in ("starting", "running", "idle") for beat in beats)


def executors(results: Results) -> list[str]:
    """Name the executors that were used, each once."""
    content = read_json(results.directory.executor) or {}
    return list(dict.fromkeys(str(entry.get("executor")) for entry in content.get("submissions", [])))


def cells(results: Results, notebook: str | None) -> list[dict[str, Any]]:
    """Give the cells of an executed notebook, or of the template where there is none."""
    for path in (notebook, results.sweep.template):
        content = _small_json(results, path) if path and inside(path) else None
        if isinstance(content, dict) and isinstance(content.get("cells"), list):
            return list(content["cells"])
    return []


def inside(path: str) -> bool:
    """Tell whether a path of a record stays inside the results directory.

    >>> inside("variants/ab/plot.png"), inside("../secret"), inside("/etc/passwd")
    (True, False, False)
    """
    parts = PurePosixPath(path)
    return (
        bool(parts.parts)
        and not parts.is_absolute()
        and ".." not in parts.parts
        and ":" not in parts.parts[0]
    )


def _small_json(results: Results, path: str) -> Any:
    file = results.directory.root / path
    try:
        return read_json(file) if file.stat().st_size <= LARGEST_NOTEBOOK else None
    except OSError:
        return None
