"""Runs variants in real kernels through nbclient: for other languages and platforms, and to compare with.

It stands where ``zygote`` stands: a process that is asked for one variant after another. Its libraries are imported with
this module, before variants are forked: in each of them it would be a second of processor time and more.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError
from traitlets.config import Config

from sweep_client.cells import source, tags
from sweep_client.encoding import decode, encode
from sweep_client.execution import Progress
from sweep_client.kernel_channel import LookingClient
from sweep_client.notebook import Template
from sweep_client.outputs import to_text
from sweep_client.result_cells import ResultCell, last_name
from sweep_client.zygote import Request, Zygote

CLIENT = f"{LookingClient.__module__}.{LookingClient.__qualname__}"
# Sent to Python kernels after a results cell, so that values are saved in the process that has them.
SAVE = """
def _sweep_save(value):
    import json, pathlib
    from sweep_client.values import save
    return json.dumps(save({name!r}, value, pathlib.Path({folder!r}), {outputs!r}))
"""


class KernelZygote(Zygote):
    """Serves one worker; every variant has a kernel of its own."""

    def __init__(self, template: Template, control: socket.socket, scratch: Path) -> None:
        self._control = control
        self._template = template
        self._scratch = scratch

    def _share(self, working: str) -> list[str]:
        os.chdir(working)
        return []

    def _learn(self) -> None:
        """Kernels are not forked: there is nothing to import before."""

    def _attach_streams(self) -> None:
        """The kernel's outputs come as messages; what this process itself writes goes to the worker's log."""

    def _execute(self, request: Request) -> None:
        progress = Progress(self._scratch / "progress")
        asyncio.run(KernelExecution(self._template, request, progress).run())


class KernelExecution:
    """One variant in one kernel."""

    def __init__(self, template: Template, request: Request, progress: Progress) -> None:
        self._template = template
        self._request = request
        self._progress = progress
        self._results: list[dict[str, Any]] = []
        self._error: dict[str, Any] | None = None

    async def run(self) -> None:
        """Execute all cells and write down the outcome."""
        text = self._template.variant(decode(self._request.parameters))
        notebook = nbformat.reads(text, as_version=4)
        name = self._template.kernel
        # Sockets in a folder of this variant: by itself jupyter_client takes the working directory, which workers share.
        with tempfile.TemporaryDirectory(prefix="sweep-kernel-") as sockets:
            manager = {
                "transport": "ipc",
                "ip": f"{sockets}/k",
                "client_class": CLIENT,
                "client_factory": CLIENT,
            }
            config = Config({"AsyncKernelManager": manager})
            client = NotebookClient(
                notebook, kernel_name=name, timeout=None, allow_errors=True, config=config
            )
            async with client.async_setup_kernel(cwd=self._request.working):
                for index, cell in enumerate(notebook.cells):
                    if self._error is None:
                        await self._run_cell(client, index, cell)
                client.set_widgets_metadata()
        for index, cell in enumerate(notebook.cells):
            if cell.cell_type == "code" and cell.outputs:
                self._write(index, cell)
        widgets = notebook.metadata.get("widgets")
        self._progress.outcome({"error": self._error, "results": self._results, "widgets": widgets})

    async def _run_cell(self, client: Any, index: int, cell: Any) -> None:
        if cell.cell_type == "code":
            self._progress.start(index)
        try:
            await client.async_execute_cell(cell, index)
        except DeadKernelError as error:
            fields = {"exception": "DeadKernelError", "message": str(error), "traceback": []}
            self._error = {"reason": "kernel", "cell": index, "cell_id": cell.get("id"), **fields}
            return
        if cell.cell_type == "code":
            self._write(index, cell)
            self._note_error(index, cell)
            for wanted in self._template.results:
                if wanted.cell == index and self._error is None:
                    self._results.append(await self._save(client, wanted, cell))

    def _write(self, index: int, cell: Any) -> None:
        outputs = json.loads(json.dumps(cell.outputs))
        self._progress.cell(index, cell.execution_count, to_text(outputs))

    def _note_error(self, index: int, cell: Any) -> None:
        errors = [output for output in cell.outputs if output.output_type == "error"]
        if errors and "raises-exception" not in tags(cell):
            last = errors[-1]
            fields = {"exception": last.ename, "message": last.evalue, "traceback": list(last.traceback)}
            self._error = {"reason": "error", "cell": index, "cell_id": cell.get("id"), **fields}

    async def _save(self, client: Any, wanted: ResultCell, cell: Any) -> dict[str, Any]:
        head = {"name": wanted.name, "cell": wanted.cell, "concatenate": wanted.concatenate}
        if self._template.language != "python":
            return head | _shown_value(cell)
        name = last_name(source(cell))
        shown = [output for output in cell.outputs if output.output_type == "execute_result"]
        expression = name or ("_" if shown else "None")
        outputs = [dict(output) for output in cell.outputs if "data" in output]
        code = SAVE.format(
            name=wanted.name, folder=str(Path(self._request.folder) / "values"), outputs=outputs
        )
        question = {"saved": f"_sweep_save({expression})"}
        identity = client.kc.execute(code, silent=True, store_history=False, user_expressions=question)
        reply = await client.async_wait_for_reply(identity)
        return head | _answer(reply)


def _answer(reply: Any) -> dict[str, Any]:
    import ast

    answer = reply["content"].get("user_expressions", {}).get("saved", {}) if reply else {}
    if answer.get("status") != "ok":
        message = answer.get("evalue", "the kernel did not answer")
        return {
            "kind": "unreadable",
            "type": "",
            "message": f"{message}; is sweep_client installed in the kernel?",
        }
    saved: dict[str, Any] = json.loads(ast.literal_eval(answer["data"]["text/plain"]))
    return saved


def _shown_value(cell: Any) -> dict[str, Any]:
    """Give the value that a cell of another language has shown: JSON, a number or text."""
    for output in cell.outputs:
        data = output.get("data", {})
        if "application/json" in data:
            return {"kind": "json", "type": "json", "value": encode(data["application/json"])}
        if "text/plain" in data:
            return {"kind": "json", "type": "text", "value": _number(data["text/plain"])}
    text = "".join(
        output.get("text", "") for output in cell.outputs if output.output_type == "stream"
    ).strip()
    return {"kind": "json", "type": "text", "value": _number(text)} if text else {"kind": "none", "type": ""}


def _number(text: str) -> Any:
    plain = text.strip().removeprefix("[1] ").strip('"')
    try:
        return json.loads(plain)
    except ValueError:
        return plain
