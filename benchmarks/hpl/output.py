"""HPL's input and output files. Copied to where HPL runs, so it needs the standard library alone."""

import re
from typing import Any

LINE = re.compile(
    r"^W[RC]\S+\s+(?P<N>\d+)\s+(?P<NB>\d+)\s+(?P<P>\d+)\s+(?P<Q>\d+)\s+(?P<seconds>[\d.]+)\s+(?P<gflops>\S+)",
    re.MULTILINE,
)
RESIDUAL = re.compile(r"\|\|Ax-b\|\|_oo/.*=\s*(\S+)\s+\.+\s+(PASSED|FAILED)")


def input_text(n: int, block: int, p: int, q: int) -> str:
    """One problem: right-looking recursion, Crout panels, a ring that skips one, lookahead of one, mixed swapping."""
    values = [
        ("HPLinpack input", ""), ("one problem", ""), ("HPL.out", "file name"), ("8", "device: file"), ("1", "Ns"), (n, "N"),
        ("1", "NBs"), (block, "NB"), ("0", "row-major"), ("1", "grids"), (p, "P"), (q, "Q"), ("16.0", "threshold"),
        ("1", "panel factorisations"), ("1", "Crout"), ("1", "recursive stops"), ("4", "NBMIN"), ("1", "panels in recursion"), ("2", "NDIV"),
        ("1", "recursive factorisations"), ("2", "right"), ("1", "broadcasts"), ("1", "1ringM"), ("1", "lookaheads"), ("1", "depth"),
        ("2", "swap: mix"), ("64", "threshold"), ("0", "L1 transposed"), ("0", "U transposed"), ("1", "equilibration"), ("8", "alignment"),
    ]  # fmt: skip
    return "\n".join(f"{value} {name}".rstrip() for value, name in values) + "\n"


def parse(text: str) -> dict[str, Any]:
    """Speed, time and residual of the one problem.

    Raises:
        ValueError: HPL did not end as it should.
    """
    line, residual = LINE.search(text), RESIDUAL.search(text)
    if line is None or residual is None:
        raise ValueError(f"HPL ended without a result: {text[-600:]}")
    return {
        "gflops": float(line["gflops"]),
        "seconds": float(line["seconds"]),
        "residual": float(residual[1]),
        "passed": residual[2] == "PASSED",
    }
