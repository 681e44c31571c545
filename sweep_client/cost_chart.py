"""The monthly cost of a worker at every place against how much it is used, as a picture (SVG, PNG or PDF) with its break-even points."""

from __future__ import annotations

from pathlib import Path

from sweep_client.cost import break_even, monthly
from sweep_client.errors import InputRefused
from sweep_client.prices import Owned, Place

STEPS = 101


def draw(places: list[Place], currency: str, path: Path) -> None:
    """Write the picture.

    Raises:
        InputRefused: matplotlib is missing, or does not know the ending of ``path``.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise InputRefused("--chart needs matplotlib: pip install matplotlib") from None
    shares = [step / (STEPS - 1) for step in range(STEPS)]
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for place in places:
        for label, offer in place.compute.items():
            axes.plot(shares, [monthly(offer, 1, share) for share in shares], label=f"{place.name}, {label}")
    for place in places:
        if (own := place.owned) is None:
            continue
        axes.plot(shares, [_each(own, share) for share in shares], label=f"{place.name}, owned", lw=2.5)
        for offer in (offer for other in places for offer in other.compute.values()):
            share = break_even(own, offer)
            if share:
                axes.plot([share], [_each(own, share)], "ko", ms=4)
                axes.annotate(f"{share:.0%}", (share, _each(own, share)), (4, 6), textcoords="offset points")
    axes.set(xlabel="share of the month in which workers are busy")
    axes.set(ylabel=f"{currency} for a worker's month".strip(), xlim=(0, 1), ylim=(0, None))
    axes.legend(frameon=False)
    try:
        figure.savefig(path)
    except ValueError as error:
        raise InputRefused(f"--chart {path}: {error}") from error


def _each(own: Owned, share: float) -> float:
    return monthly(own, own.workers, share) / own.workers
