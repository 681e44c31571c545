"""Which libraries a worker imports before it forks, because the notebook will import them in every variant."""

from __future__ import annotations

import ast
import contextlib
import importlib
import sys
from collections.abc import Iterator

from sweep_client.cells import source
from sweep_client.notebook import Template

# Large, widely used, and safe to fork after import.
HEAVY = (
    "numpy",
    "pandas",
    "scipy",
    "matplotlib",
    "sklearn",
    "statsmodels",
    "sympy",
    "xarray",
    "seaborn",
    "plotly",
    "pyarrow",
)
COMPANIONS = (
    "PIL",
    "matplotlib_inline",
    "mpl_toolkits",
    "kiwisolver",
    "contourpy",
    "cycler",
    "dateutil",
    "pytz",
    "IPython",
)
WITH_EFFECTS = ("antigravity", "this", "idlelib", "turtle", "tkinter", "readline", "__main__", "site")


def heavy_imports(template: Template) -> list[str]:
    """Give the modules to import: what cells after the parameters import, and what saving their results needs."""
    wanted: list[str] = []
    for cell in template.cells[template.position :]:
        if cell["cell_type"] == "code":
            wanted.extend(name for name in imports(source(cell)) if name.partition(".")[0] in HEAVY)
    roots = {name.partition(".")[0] for name in [*wanted, *sys.modules]}
    if template.results and roots & {"numpy", "pandas"}:
        wanted.extend(["pyarrow", "pyarrow.ipc"])
    return list(dict.fromkeys(wanted))


def preload_early(template: Template) -> None:
    """Import libraries once for all workers of a process, where no cell can have a say in how they are imported."""
    before = [source(cell) for cell in template.cells[: template.position] if cell["cell_type"] == "code"]
    if any(word in text for text in before for word in ("environ", "%env", "sys.path", "matplotlib.use")):
        return
    early = [name for text in before for name in imports(text) if name.partition(".")[0] in HEAVY]
    for name in [*early, *heavy_imports(template)]:
        with contextlib.suppress(Exception):
            importlib.import_module(name)


def may_preload(name: str) -> bool:
    """Say whether a module that a variant has imported may be imported before the fork.

    >>> may_preload("PIL.PngImagePlugin"), may_preload("mine"), may_preload("__main__")
    (True, False, False)
    """
    root = name.partition(".")[0]
    return (
        root in HEAVY or root in COMPANIONS or (root in sys.stdlib_module_names and root not in WITH_EFFECTS)
    )


def imports(text: str) -> Iterator[str]:
    """Give the modules that a cell imports at its top level."""
    try:
        body = ast.parse(text).body
    except SyntaxError:
        return
    for statement in body:
        if isinstance(statement, ast.Import):
            yield from (alias.name for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom) and statement.module and not statement.level:
            yield statement.module
