"""Executes the cells of one variant in a shell, and writes down at once what has happened.

The progress file is local and belongs to one worker: it survives whatever happens to the process that executes.
"""

from __future__ import annotations

import ast
import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sweep_client.cells import source, tags
from sweep_client.notebook import Template
from sweep_client.outputs import to_text
from sweep_client.result_cells import last_name
from sweep_client.shell import NOTHING, run_cell
from sweep_client.values import save


class Progress:
    """Writes the progress file."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb", buffering=0)

    def start(self, cell: int) -> None:
        """A cell begins."""
        self._write({"start": cell})

    def cell(self, cell: int, count: int | None, outputs: str) -> None:
        """A cell has these outputs."""
        data = outputs.encode("utf-8", "surrogatepass")
        self._write({"cell": cell, "count": count, "bytes": len(data)}, data + b"\n")

    def outcome(self, outcome: dict[str, Any]) -> None:
        """The variant has ended."""
        self._write({"outcome": outcome})

    def _write(self, head: dict[str, Any], data: bytes = b"") -> None:
        self._file.write(json.dumps(head).encode() + b"\n" + data)


@dataclass
class Report:
    """What a progress file says."""

    executed: dict[int, tuple[int | None, str]] = field(default_factory=dict)
    current: int | None = None
    outcome: dict[str, Any] | None = None


def read_progress(path: Path) -> Report:
    """Read a progress file, also one whose writer was killed."""
    report = Report()
    for head, data in _entries(path):
        if "start" in head:
            report.current = head["start"]
        elif "cell" in head:
            report.executed[head["cell"]] = (head["count"], data.decode("utf-8", "surrogatepass"))
        else:
            report.outcome = head["outcome"]
    return report


@dataclass
class Execution:
    """The state of one notebook's execution; forked together with its shell."""

    template: Template
    shell: Any
    counts: dict[int, int] = field(default_factory=dict)
    results: dict[int, dict[str, Any]] = field(default_factory=dict)
    error: dict[str, Any] | None = None

    def run(
        self, cells: range, progress: Progress, folder: Path, parameters: dict[str, Any] | None = None
    ) -> None:
        """Execute some cells, stopping at the first that fails."""
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(self._run(cells, progress, folder, parameters))
        finally:
            asyncio.set_event_loop(None)
            loop.close()

    async def _run(
        self, cells: range, progress: Progress, folder: Path, parameters: dict[str, Any] | None
    ) -> None:
        for index in cells:
            cell = self.template.cells[index]
            if index == self.template.injected:
                cell = self.template.injected_cell(parameters or {})
            if self.error is None and _is_executed(cell):
                await self._run_cell(index, cell, progress, folder)

    async def _run_cell(self, index: int, cell: dict[str, Any], progress: Progress, folder: Path) -> None:
        outputs = self.shell.recorder.outputs
        progress.start(index)
        outputs.start(index)
        result = await run_cell(self.shell, source(cell), cell.get("id"))
        await asyncio.sleep(0)
        outputs.finish()
        self.counts[index] = self.shell.execution_count - 1
        try:
            self._save_results(index, cell, folder)
        except OSError as error:
            self._fail(index, cell, error, "the result cannot be saved: ")
        self._note_error(index, cell, result)
        self.write_outputs(progress)

    def write_outputs(self, progress: Progress) -> None:
        """Write the outputs that have changed."""
        outputs = self.shell.recorder.outputs
        for index in sorted(outputs.changed):
            progress.cell(index, self.counts.get(index), to_text(outputs.cells[index]))
        outputs.changed.clear()

    def outcome(self) -> dict[str, Any]:
        """Give the outcome, once all cells have been executed."""
        results = [self.results[cell.cell] for cell in self.template.results if cell.cell in self.results]
        widgets = self.shell.recorder.outputs.widgets.metadata()
        return {"error": self.error, "results": results, "widgets": widgets}

    def _save_results(self, index: int, cell: dict[str, Any], folder: Path) -> None:
        for wanted in self.template.results:
            if wanted.cell != index:
                continue
            value = self.shell.displayhook.value
            name = last_name(source(cell))
            if value is NOTHING:
                value = self.shell.user_ns.get(name) if name and _ends_with_assignment(source(cell)) else None
            saved = save(wanted.name, value, folder / "values", self.shell.recorder.outputs.cells[index])
            head = {"name": wanted.name, "cell": index, "concatenate": wanted.concatenate}
            self.results[index] = head | saved

    def _note_error(self, index: int, cell: dict[str, Any], result: Any) -> None:
        error = result.error_before_exec or result.error_in_exec
        if "raises-exception" in tags(cell):
            return
        if error is None and getattr(self.shell, "_last_traceback_during_displayhook", False):
            error = RuntimeError("the value of the cell could not be displayed")
        if error is not None:
            self._fail(index, cell, error)

    def _fail(self, index: int, cell: dict[str, Any], error: BaseException, head: str = "") -> None:
        self.error = {
            "reason": "memory" if isinstance(error, MemoryError) else "error",
            "cell": index,
            "cell_id": cell.get("id"),
            "exception": type(error).__name__,
            "message": f"{head}{error}",
            "traceback": [str(line) for line in self.shell._last_traceback or []],
        }


def _is_executed(cell: dict[str, Any]) -> bool:
    return cell["cell_type"] == "code" and bool(source(cell).strip()) and "skip-execution" not in tags(cell)


def _ends_with_assignment(text: str) -> bool:
    return isinstance(ast.parse(text).body[-1], ast.Assign | ast.AnnAssign | ast.AugAssign)


def _entries(path: Path) -> Iterator[tuple[dict[str, Any], bytes]]:
    with path.open("rb") as file:
        for line in file:
            try:
                head = json.loads(line)
            except ValueError:
                return
            data = file.read(head.get("bytes", 0))
            if len(data) < head.get("bytes", 0):
                return
            if "bytes" in head:
                file.read(1)
            yield head, data
