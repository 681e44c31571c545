"""Cells tagged ``results``: which they are, and the name their value is saved under."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from sweep_client.cells import Cell, source, tags
from sweep_client.errors import TemplateError


@dataclass(frozen=True, slots=True)
class ResultCell:
    """A cell whose value is saved, and the name it is saved under."""

    name: str
    cell: int
    concatenate: bool


def find_results(path: str, cells: list[Cell], language: str) -> list[ResultCell]:
    """Give the cells tagged ``results``.

    Raises:
        TemplateError: one of them cannot have a value.
    """
    found: list[ResultCell] = []
    for index, cell in enumerate(cells):
        if "results" in tags(cell):
            _check_result_cell(path, cell, index)
            name = _result_name(cell, language) or f"result_{len(found) + 1}"
            taken = [result.name for result in found]
            unique = name if name not in taken else f"{name}_{index}"
            found.append(ResultCell(unique, index, "concatenate" in tags(cell)))
        elif "concatenate" in tags(cell):
            raise TemplateError(f"{path}: cell {index} has the tag 'concatenate' without the tag 'results'")
    return found


def last_name(text: str) -> str | None:
    """Give the name that the last statement of ``text`` shows or assigns, if it is one."""
    try:
        body = ast.parse(text).body
    except SyntaxError:
        return None
    last = body[-1] if body else None
    if isinstance(last, ast.Expr) and isinstance(last.value, ast.Name):
        return last.value.id
    if isinstance(last, ast.Assign) and isinstance(last.targets[-1], ast.Name):
        return last.targets[-1].id
    if isinstance(last, ast.AnnAssign | ast.AugAssign) and isinstance(last.target, ast.Name):
        return last.target.id
    return None


def _check_result_cell(path: str, cell: Cell, index: int) -> None:
    if cell["cell_type"] != "code":
        raise TemplateError(f"{path}: cell {index} has the tag 'results' but is no code cell")
    lines = [line for line in source(cell).splitlines() if line.strip() and not line.strip().startswith("#")]
    if not lines:
        raise TemplateError(f"{path}: cell {index} has the tag 'results' but is empty: end it with a value")


def _result_name(cell: Cell, language: str) -> str | None:
    named = [tag.partition(":")[2] for tag in tags(cell) if tag.startswith("name:")]
    return named[0] if named else last_name(source(cell)) if language == "python" else None
