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


# A kernel reads what goes to a descriptor in a thread of its own, and loses now and then what came at the end of a cell.
KERNEL_RUNS = 3
NOTHING_MORE = "nothing more"


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

    Where a kernel only lacks something, it runs again, at most `KERNEL_RUNS` times in all.

    Raises:
        InputRefused: the notebook is no Python notebook, or the values do not fit it.
    """
    fork = _execute(notebook, values, "fork")
    for _ in range(KERNEL_RUNS):
        kernel = _execute(notebook, values, "kernel")
        pairs = enumerate(zip(fork, kernel, strict=True))
        differences = [Difference(i, _first(a, b), _first(b, a)) for i, (a, b) in pairs if a != b]
        if not differences or any(difference.kernel != NOTHING_MORE for difference in differences):
            break
    return differences


def _execute(notebook: Path, values: dict[str, Any], engine: str) -> list[list[str]]:
    """Give what must be equal in each cell."""
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
        return [
            _comparable(cell) for cell in json.loads(variant.notebook.read_text(encoding="utf-8"))["cells"]
        ]


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
    return different[0][:500] if different else NOTHING_MORE
