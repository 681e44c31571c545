"""Collects what cells put out, as a front end would write it into the notebook.

Messages come from ``shell`` in the form a kernel sends them; text comes from ``streams``.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

from sweep_client.widgets import Widgets

Output = dict[str, Any]
WITH_DATA = ("display_data", "execute_result")


class Outputs:
    """The outputs of all cells of one variant."""

    def __init__(self) -> None:
        self.cells: dict[int, list[Output]] = {}
        self.widgets = Widgets()
        self.drain: Callable[[], None] = lambda: None
        self.changed: set[int] = set()
        self._current = -1
        self._clear_next = False
        self._displays: dict[str, list[tuple[int, Output]]] = {}
        self._lock = threading.RLock()

    def start(self, cell: int) -> None:
        """Begin a cell."""
        self._current = cell
        self._clear_next = False
        self.cells[cell] = []
        self.changed.add(cell)

    def finish(self) -> None:
        """End the cell: take what its subprocesses wrote and tell its widgets."""
        self.drain()
        self.widgets.synchronise()

    def text(self, name: str, text: str) -> None:
        """Take text of a stream."""
        if text:
            with self._lock:
                self._add({"output_type": "stream", "name": name, "text": text})

    def message(self, kind: str, content: Any, buffers: list[Any] | None = None) -> None:
        """Take one message of a kernel's output channel."""
        with self._lock:
            self.drain()
            if kind == "clear_output":
                self._clear(bool(content.get("wait")))
            elif kind.startswith("comm"):
                self.widgets.message(kind, content, buffers or [])
            elif kind in ("display_data", "execute_result", "update_display_data"):
                self._display(kind, content)
            elif kind == "error":
                fields = {name: content[name] for name in ("ename", "evalue", "traceback")}
                self._add({"output_type": "error", **fields})

    def _display(self, kind: str, content: Any) -> None:
        identity = (content.get("transient") or {}).get("display_id")
        if identity:
            for cell, output in self._displays.get(identity, []):
                output["data"], output["metadata"] = content["data"], content["metadata"]
                self.changed.add(cell)
        if kind == "update_display_data":
            return
        output = {"output_type": kind, "data": content["data"], "metadata": content["metadata"]}
        if kind == "execute_result":
            output["execution_count"] = content["execution_count"]
        if self._add(output) and identity:
            self._displays.setdefault(identity, []).append((self._current, output))

    def _clear(self, wait: bool) -> None:
        if self.widgets.clear(wait):
            return
        if wait:
            self._clear_next = True
        else:
            self._forget()

    def _add(self, output: Output) -> bool:
        if self.widgets.capture(output):
            return False
        if self._clear_next:
            self._forget()
            self._clear_next = False
        append(self.cells.setdefault(self._current, []), output)
        return True

    def _forget(self) -> None:
        self.cells[self._current] = []
        for identity, places in self._displays.items():
            self._displays[identity] = [place for place in places if place[0] != self._current]


def append(outputs: list[Output], output: Output) -> None:
    """Add an output; a stream's text joins the text before it."""
    last = outputs[-1] if outputs else {}
    if output["output_type"] == "stream" and last.get("name") == output["name"]:
        last["parts"] = last.get("parts") or [last["text"]]
        last["parts"].append(output["text"])
    else:
        outputs.append(output)


def to_text(outputs: list[Output]) -> str:
    """Give outputs as the JSON text that belongs into a notebook."""
    return json.dumps([_split(output) for output in outputs], indent=1, ensure_ascii=False, sort_keys=True)


def _split(output: Output) -> Output:
    if output["output_type"] == "stream":
        parts = output.get("parts")
        text = "".join(parts) if parts else output["text"]
        return {"name": output["name"], "output_type": "stream", "text": text.splitlines(True)}
    if output["output_type"] in WITH_DATA:
        data = {
            kind: value.splitlines(True) if isinstance(value, str) and kind != "application/json" else value
            for kind, value in output["data"].items()
        }
        return {**output, "data": data}
    return output
