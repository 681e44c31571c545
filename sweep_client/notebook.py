"""A template notebook: read and validated once, then spliced into as many variants as wanted.

Executing a variant is the business of ``execution``; this module only makes and writes notebooks.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from sweep_client.cells import Cell, source, tags
from sweep_client.encoding import canonical
from sweep_client.errors import TemplateError
from sweep_client.languages import injected_source
from sweep_client.parameter_types import Parameter, read_parameters
from sweep_client.result_cells import ResultCell, find_results

INJECTED = "injected-parameters"
MEANINGFUL_TAGS = ("parameters", "results", "concatenate", "raises-exception", "skip-execution")
NOT_EXECUTED = (None, "[]")
NO_SOURCE = '"source": []'


@dataclass(frozen=True)
class Template:
    """A valid notebook with one ``parameters`` cell."""

    path: str
    notebook: dict[str, Any] = field(repr=False)
    position: int
    parameters: tuple[Parameter, ...]
    results: tuple[ResultCell, ...]

    @property
    def cells(self) -> list[Cell]:
        """The cells as they will be executed, the injected one included."""
        return list(self.notebook["cells"])

    @property
    def injected(self) -> int:
        """Where the injected cell stands."""
        return self.position + 1

    @property
    def language(self) -> str:
        """The notebook's language, in lower case."""
        metadata = self.notebook.get("metadata", {})
        spec = metadata.get("kernelspec", {})
        return str(spec.get("language") or metadata.get("language_info", {}).get("name") or "python").lower()

    @property
    def known_parameters(self) -> tuple[Parameter, ...] | None:
        """The parameters, or None for a language whose cells are not read."""
        return self.parameters if self.language == "python" else None

    @property
    def kernel(self) -> str:
        """The name of the notebook's kernel."""
        return str(self.notebook.get("metadata", {}).get("kernelspec", {}).get("name") or "python3")

    @cached_property
    def hash(self) -> str:
        """Changes exactly when the code or the meaning of a cell changes, not with text or outputs."""
        code = [
            [source(cell), sorted(set(tags(cell)) & set(MEANINGFUL_TAGS))]
            for cell in self.cells
            if cell["cell_type"] == "code" and INJECTED not in tags(cell)
        ]
        return hashlib.sha256(canonical([self.language, code]).encode()).hexdigest()

    @cached_property
    def _pieces(self) -> list[tuple[str, str, str]]:
        """Each cell's text before its execution count, and after its outputs, and its type."""
        return [_split_cell(cell) for cell in self.cells]

    def _tail(self, metadata: dict[str, Any]) -> str:
        rest = {name: value for name, value in self.notebook.items() if name != "cells"}
        rest["metadata"] = {**rest.get("metadata", {}), **metadata}
        return "\n ],\n" + json.dumps(rest, indent=1, ensure_ascii=False, sort_keys=True)[2:] + "\n"

    def variant(
        self,
        parameters: dict[str, Any],
        executed: dict[int, tuple[Any, str]] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> str:
        """Give a variant's notebook as text; ``executed`` has each cell's count and outputs, as JSON text.

        Nothing is parsed or validated again: the text of the template is spliced.
        """
        before, after = self._untouched if not executed else self._joined(executed)
        count, outputs = (executed or {}).get(self.injected, NOT_EXECUTED)
        head, middle, tail = self._pieces[self.injected]
        lines = injected_source(self.language, parameters).splitlines(True)
        text = json.dumps(lines, indent=1, ensure_ascii=False).replace("\n", "\n   ")
        cell = _join_cell(head, middle, tail.replace(NO_SOURCE, f'"source": {text}'), count, outputs)
        end = self._tail(metadata) if metadata else self._plain_tail
        return f"{before}{cell}{after}{end}"

    @cached_property
    def _untouched(self) -> tuple[str, str]:
        return self._joined({})

    @cached_property
    def _plain_tail(self) -> str:
        return self._tail({})

    def _joined(self, executed: dict[int, tuple[Any, str]]) -> tuple[str, str]:
        """Give the text before and after the injected cell."""
        parts = [
            _join_cell(*piece, *executed.get(index, NOT_EXECUTED)) for index, piece in enumerate(self._pieces)
        ]
        before = "".join(f"{part},\n" for part in parts[: self.injected])
        after = "".join(f",\n{part}" for part in parts[self.injected + 1 :])
        return '{\n "cells": [\n' + before, after

    def injected_cell(self, parameters: dict[str, Any]) -> Cell:
        """Give the cell that sets ``parameters``, as papermill would write it."""
        cell = dict(self.cells[self.injected])
        cell["source"] = injected_source(self.language, parameters)
        return cell


def read_template(path: str | Path) -> Template:
    """Read and validate a template.

    Raises:
        TemplateError: it cannot be one; the message names the cell.
    """
    notebook = _load(Path(path))
    _validate(Path(path), notebook)
    return make_template(str(path), notebook)


def make_template(path: str, notebook: dict[str, Any]) -> Template:
    """Make a template of a valid notebook (nbformat 4)."""
    cells = [_without_outputs(cell) for cell in notebook["cells"] if INJECTED not in tags(cell)]
    position = _find_parameters(path, cells)
    language = Template(path, {**notebook, "cells": cells}, position, (), ()).language
    parameters = _read_parameters(path, cells, position) if language == "python" else []
    results = find_results(path, cells, language)
    cells.insert(position + 1, _empty_injected(notebook, position))
    shifted = [ResultCell(r.name, r.cell + (r.cell > position), r.concatenate) for r in results]
    return Template(path, {**notebook, "cells": cells}, position, tuple(parameters), tuple(shifted))


def _load(path: Path) -> dict[str, Any]:
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TemplateError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise TemplateError(f"{path}: not UTF-8, so no notebook") from None
    except ValueError as error:
        raise TemplateError(f"{path}: invalid JSON, so no notebook: {error}") from None
    if not isinstance(notebook, dict) or "nbformat" not in notebook:
        raise TemplateError(f"{path}: not a notebook: it has no member nbformat")
    if notebook["nbformat"] != 4:
        hint = "convert it: jupyter nbconvert --to notebook --nbformat 4"
        raise TemplateError(f"{path}: nbformat {notebook['nbformat']} is not supported, only 4; {hint}")
    return notebook


def _validate(path: Path, notebook: dict[str, Any]) -> None:
    if _is_plainly_valid(notebook):
        return
    import nbformat

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # cells without an id are no reason to refuse
            nbformat.validate(notebook)
    except nbformat.ValidationError as error:
        place = [str(part) for part in getattr(error, "absolute_path", [])]
        where = f"cell {place[1]}" if place[:1] == ["cells"] and len(place) > 1 else "the notebook"
        raise TemplateError(f"{path}: invalid notebook: {where}: {str(error).splitlines()[0]}") from None


def _is_plainly_valid(notebook: dict[str, Any]) -> bool:
    """Say yes where nothing can be wrong; importing nbformat takes longer than executing ten notebooks.

    Outputs are not looked at: a template's outputs are dropped.
    """
    return isinstance(notebook.get("metadata"), dict) and all(
        map(_is_plain_cell, notebook.get("cells", [None]))
    )


def _is_plain_cell(cell: Any) -> bool:
    if not isinstance(cell, dict) or cell.get("cell_type") not in ("code", "markdown", "raw"):
        return False
    text, metadata = cell.get("source"), cell.get("metadata")
    lines = text if isinstance(text, list) else [text]
    named = isinstance(metadata, dict) and isinstance(metadata.get("tags", []), list)
    code = cell["cell_type"] != "code" or ("outputs" in cell and "execution_count" in cell)
    return named and code and all(isinstance(line, str) for line in lines)


def _without_outputs(cell: Cell) -> Cell:
    if cell["cell_type"] != "code":
        return cell
    metadata = {k: v for k, v in cell["metadata"].items() if k not in ("execution", "papermill")}
    return {**cell, "metadata": metadata, "outputs": [], "execution_count": None}


def _find_parameters(path: str, cells: list[Cell]) -> int:
    found = [i for i, cell in enumerate(cells) if "parameters" in tags(cell)]
    if not found:
        raise TemplateError(
            f"{path}: no cell has the tag 'parameters'; tag the cell that sets the defaults "
            "(JupyterLab: Property Inspector, Cell Tags)"
        )
    if len(found) > 1:
        names = " and ".join(f"cell {i}" for i in found)
        raise TemplateError(f"{path}: {names} have the tag 'parameters'; leave it on one")
    if cells[found[0]]["cell_type"] != "code":
        raise TemplateError(f"{path}: cell {found[0]} has the tag 'parameters' but is no code cell")
    return found[0]


def _read_parameters(path: str, cells: list[Cell], position: int) -> list[Parameter]:
    try:
        return read_parameters(source(cells[position]))
    except SyntaxError as error:
        raise TemplateError(
            f"{path}: cell {position} (parameters), line {error.lineno}: {error.msg}"
        ) from None


def _empty_injected(notebook: dict[str, Any], position: int) -> Cell:
    cell: Cell = {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {"tags": [INJECTED]},
        "outputs": [],
    }
    if notebook.get("nbformat_minor", 0) >= 5:
        cell["id"] = hashlib.sha256(f"{INJECTED}-{position}".encode()).hexdigest()[:8]
    return {**cell, "source": ""}


def _split_cell(cell: Cell) -> tuple[str, str, str]:
    if cell["cell_type"] != "code":
        return _indented(cell), "", ""
    marked = {**cell, "execution_count": 0, "outputs": []}
    marked["source"] = source(cell).splitlines(True)
    head, middle, tail = _indented(marked).partition('\n   "execution_count": 0,')
    body, outputs, rest = tail.partition('\n   "outputs": [],')
    return head, body, rest if outputs else middle


def _join_cell(head: str, middle: str, tail: str, count: Any, outputs: str) -> str:
    if not tail:
        return head
    number = "null" if count is None else str(count)
    shifted = outputs.replace("\n", "\n   ")
    return f'{head}\n   "execution_count": {number},{middle}\n   "outputs": {shifted},{tail}'


def _indented(cell: Cell) -> str:
    text = json.dumps(cell, indent=1, ensure_ascii=False, sort_keys=True)
    return "  " + text.replace("\n", "\n  ")
