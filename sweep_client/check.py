"""Runs one variant of a notebook both ways, forked and in a kernel, and says in which cells they differ."""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sweep_client.directory import Options
from sweep_client.errors import InputRefused
from sweep_client.outputs import append, to_text
from sweep_client.parameter_files import Row
from sweep_client.preparation import Request
from sweep_client.single import execute_in

# What differs between any two runs, also of one kernel: addresses, process numbers, times, names of temporary files.
_VOLATILE = [
    (re.compile(r"0x[0-9a-f]{6,}"), "0x…"),
    (re.compile(r"ipykernel_\d+"), "ipykernel_…"),
    (re.compile(r"\d+(\.\d+)? ?(ns|µs|us|ms|s)\b"), "… s"),
    (re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "…"),
]


@dataclass(frozen=True, slots=True)
class Difference:
    """One cell that came out differently."""

    cell: int
    fork: str
    kernel: str

    def __str__(self) -> str:
        return f"cell {self.cell}:\n  fork:   {self.fork}\n  kernel: {self.kernel}"


def compare_engines(notebook: Path, values: dict[str, Any]) -> list[Difference]:
    """Run a notebook with one set of values both ways; give the cells that differ.

    Raises:
        InputRefused: the notebook is no Python notebook, or the values do not fit it.
    """
    executed = [_execute(notebook, values, engine) for engine in ("fork", "kernel")]
    fork, kernel = ([_comparable(cell) for cell in content["cells"]] for content in executed)
    pairs = enumerate(zip(fork, kernel, strict=True))
    return [Difference(i, _first(a, b), _first(b, a)) for i, (a, b) in pairs if a != b]


def _execute(notebook: Path, values: dict[str, Any], engine: str) -> dict[str, Any]:
    request = Request(
        notebook,
        iter([Row("the command line", values)]),
        directory=str(Path.cwd()),
        options=Options(retries=0),
    )
    request = replace(request, options=replace(request.options, engine=engine))
    with tempfile.TemporaryDirectory(prefix="sweep-check-") as folder:
        variant = execute_in(request, folder)
        failure = variant.failure
        if variant.notebook is None or (failure and failure.reason != "error"):
            reason = failure.message if failure else "no notebook came out"
            raise InputRefused(f"{notebook}: was not executed with --engine {engine}: {reason}")
        content: dict[str, Any] = json.loads(variant.notebook.read_text(encoding="utf-8"))
        return content


def _comparable(cell: dict[str, Any]) -> list[str]:
    """Give what must be equal: the execution count and all outputs, without what no two runs have in common."""
    joined: list[dict[str, Any]] = []
    for output in cell.get("outputs", []):
        append(joined, {**output, "text": "".join(output["text"])} if "text" in output else output)
    outputs: list[dict[str, Any]] = json.loads(to_text(joined))
    streams = sorted((o for o in outputs if "text" in o), key=lambda o: str(o["name"]))
    others = [o for o in outputs if "text" not in o]
    texts = [json.dumps(output, sort_keys=True, ensure_ascii=False) for output in [*streams, *others]]
    return [f"execution count {cell.get('execution_count')}", *map(_stable, texts)]


def _stable(text: str) -> str:
    for pattern, replacement in _VOLATILE:
        text = pattern.sub(replacement, text)
    return text


def _first(one: list[str], other: list[str]) -> str:
    different = [text for text in one if text not in other]
    return different[0][:500] if different else "nothing more"
