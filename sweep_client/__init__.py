"""Fan one notebook out over many sets of parameters, here or on a cluster, with almost no overhead and nothing lost.

>>> import sweep_client
>>> sorted(sweep_client.__all__)[:3]
['Results', 'Sweep', 'SweepError']
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sweep_client.errors import SweepError
    from sweep_client.grids import grid
    from sweep_client.results import Results
    from sweep_client.sweep import Sweep, run

__all__ = ["Results", "Sweep", "SweepError", "grid", "run"]

_PLACES = {
    "Results": "results",
    "Sweep": "sweep",
    "SweepError": "errors",
    "grid": "grids",
    "run": "sweep",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)
