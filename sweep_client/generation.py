"""Writes the notebooks of a sweep without running them, as fast as the disk takes them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sweep_client.encoding import decode
from sweep_client.notebook import read_template
from sweep_client.parameter_files import Row
from sweep_client.parameters import check_rows


def generate_notebooks(
    template: str | Path, rows: Iterable[Row], out: str | Path, fixed: dict[str, Any] | None = None
) -> int:
    """Write ``<out>/<template's name>-<number>.ipynb`` for every row; give how many.

    Raises:
        InputRefused: something is wrong with the notebook or the parameters; nothing is written then.
    """
    source = read_template(template)
    checked = list(check_rows(rows, source.known_parameters, fixed))
    width = len(str(len(checked) - 1))
    stem = Path(template).stem
    Path(out).mkdir(parents=True, exist_ok=True)
    for number, row in enumerate(checked):
        text = source.variant(decode(row.parameters))
        with open(os.path.join(out, f"{stem}-{number:0{width}}.ipynb"), "wb") as file:
            file.write(text.encode("utf-8", "surrogatepass"))
    return len(checked)
