"""Makes the notebooks and directories that the tests need."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

Cell = dict[str, Any]
TAGS = {"P": ["parameters"], "R": ["results"], "C": ["results", "concatenate"], "X": ["raises-exception"]}


def cell(source: str, *tags: str) -> Cell:
    """Make a code cell; tags may be the letters of ``TAGS``."""
    named = [name for tag in tags for name in TAGS.get(tag, [tag])]
    metadata = {"tags": named} if named else {}
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": metadata,
        "outputs": [],
        "source": source,
    }


def notebook(*cells: Cell | str, language: str = "python", kernel: str = "python3") -> dict[str, Any]:
    """Make a notebook; a plain text is a code cell."""
    made = [cell(item) if isinstance(item, str) else dict(item) for item in cells]
    for number, item in enumerate(made):
        item["id"] = f"cell-{number}"
    spec = {"display_name": kernel, "language": language, "name": kernel}
    return {"cells": made, "metadata": {"kernelspec": spec}, "nbformat": 4, "nbformat_minor": 5}


def write_notebook(path: Path, *cells: Cell | str, **options: Any) -> Path:
    """Write a notebook."""
    path.write_text(json.dumps(notebook(*cells, **options)))
    return path


def write_wheel(folder: Path, version: str) -> Path:
    """Write the wheel of a package `greeting` of one line, which knows its version."""
    info = f"greeting-{version}.dist-info"
    path = folder / f"greeting-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("greeting.py", f"version = {version!r}\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: greeting\nVersion: {version}\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    return path


def sweep_command(
    *arguments: str | Path, fault: str = "", **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run the command ``sweep`` in a process of its own."""
    environment = {**os.environ, "SWEEP_FAULT": fault} if fault else None
    command = [sys.executable, "-m", "sweep_client.cli", *map(str, arguments)]
    options = {"env": environment, "timeout": 300} | options
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def wait_until(
    what: str, condition: Callable[[], object], *, seconds: float = 180, every: float = 0.05
) -> None:
    """Wait for something, also on a machine that is full of tests; what does not come is a failure."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds:.0f} s: {what}"
        time.sleep(every)


def read_notebook(path: Path | None) -> dict[str, Any]:
    """Read an executed notebook."""
    assert path is not None
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content
