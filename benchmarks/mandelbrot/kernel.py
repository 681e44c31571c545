"""The rows of a Mandelbrot picture: `work(item)` runs unchanged on engines, in MPI ranks and in tasks of an array.

Two fractals: `ascii` counts in plain Python and gives characters, as the thesis did; `numpy` counts whole rows at once.
It uses nothing but the standard library and NumPy, since it is copied to where the workers are.
"""

import base64
import zlib
from typing import Any

SHADES = " .,:;ox%#@"
REAL, IMAGINARY = (-2.2, 0.8), (-1.2, 1.2)


def warm() -> None:
    """Import what work needs."""
    import numpy  # noqa: F401


def work(item: dict[str, Any]) -> str:
    """Rows `first` to `last` of a picture, packed."""
    rows = {"ascii": ascii_rows, "numpy": numpy_rows}[item["fractal"]]
    return base64.b64encode(zlib.compress(rows(item))).decode()


def ascii_rows(item: dict[str, Any]) -> bytes:
    """Rows of characters: the more steps a point stays, the darker."""
    width, limit = item["width"], item["limit"]
    lines = []
    for row in range(item["first"], item["last"]):
        imaginary = _at(IMAGINARY, row, item["height"])
        line = ""
        for column in range(width):
            steps = _steps(complex(_at(REAL, column, width), imaginary), limit)
            line += SHADES[-1] if steps == limit else SHADES[steps % (len(SHADES) - 1)]
        lines.append(line)
    return "\n".join(lines).encode()


def numpy_rows(item: dict[str, Any]) -> bytes:
    """Rows of counts, two bytes each."""
    import numpy

    width, limit = item["width"], item["limit"]
    columns = REAL[0] + (REAL[1] - REAL[0]) * (numpy.arange(width) + 0.5) / width
    counts = numpy.zeros((item["last"] - item["first"], width), numpy.uint16)
    for place, row in enumerate(range(item["first"], item["last"])):
        point = columns + 1j * _at(IMAGINARY, row, item["height"])
        z, alive = numpy.zeros(width, complex), numpy.arange(width)
        for _ in range(limit):
            inside = z.real * z.real + z.imag * z.imag <= 4
            z, point, alive = z[inside], point[inside], alive[inside]
            if not alive.size:
                break
            counts[place, alive] += 1
            z = z * z + point
    return counts.tobytes()


def _steps(point: complex, limit: int) -> int:
    z = 0j
    for step in range(limit):
        if z.real * z.real + z.imag * z.imag > 4:
            return step
        z = z * z + point
    return limit


def _at(ends: tuple[float, float], index: int, count: int) -> float:
    return ends[0] + (ends[1] - ends[0]) * (index + 0.5) / count
