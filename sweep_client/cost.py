"""What a sweep will cost, from the variants that ran already and a price file; and what it did take."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from sweep_client.errors import InputRefused
from sweep_client.executors.base import read_submissions
from sweep_client.journal import spans
from sweep_client.prices import HOURS_PER_MONTH, Offer, Owned, Place
from sweep_client.results import Results, Variant

GIB = 2.0**30
# Two-sided 95 % of the normal distribution.
Z = 1.96


@dataclass(frozen=True, slots=True)
class Measured:
    """What finished variants took: seconds of one (mean, and half the width of its 95 % interval) and bytes of one."""

    finished: int
    mean_seconds: float
    margin_seconds: float
    bytes_each: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """One way to run the sweep: wall-clock seconds and money, a line per service; ``low`` and ``high`` are the 95 % interval."""

    place: str
    offer: str
    executor: str
    workers: int
    wall_seconds: float
    compute: float
    storage: float
    transfer: float
    control: float
    low: float
    high: float

    @property
    def total(self) -> float:
        """All services together."""
        return self.compute + self.storage + self.transfer + self.control


def measure(results: Results) -> Measured:
    """Look at the finished variants of a sweep.

    Raises:
        InputRefused: none has finished.
    """
    seconds, size = [], 0
    for variant in results.variants():
        if variant.state == "done" and variant.record is not None:
            seconds.append(float(variant.record["seconds"]))
            size += _bytes(variant)
    if not seconds:
        raise InputRefused(
            f"{results.directory.root}: no variant has finished; run a few first: sweep run … --first 3"
        )
    spread = statistics.stdev(seconds) if len(seconds) > 1 else 0.0
    margin = Z * spread / math.sqrt(len(seconds))
    return Measured(len(seconds), statistics.fmean(seconds), margin, size / len(seconds))


def predict(measured: Measured, places: list[Place], variants: int, workers: int) -> list[Prediction]:
    """Say what ``variants`` variants on ``workers`` workers take and cost at every place, the cheapest first."""
    found = []
    for place in places:
        for label, offer in place.compute.items():
            found.append(_predict(measured, place, label, offer, variants, workers))
        if place.owned is not None:
            found.append(_predict(measured, place, "owned", place.owned, variants, workers))
    return sorted(found, key=lambda prediction: prediction.total)


def monthly(price: Offer | Owned, workers: int, utilisation: float) -> float:
    """Cost of a month in which ``workers`` workers are busy for a share of the time."""
    if isinstance(price, Owned):
        return price.fixed_per_month + utilisation * HOURS_PER_MONTH * price.per_busy_hour
    paid = 1.0 if price.reserved else utilisation * (1 + price.lost_share)
    return workers * HOURS_PER_MONTH * paid * price.per_hour


def break_even(owned: Owned, offer: Offer) -> float | None:
    """The utilisation (0 to 1) above which owning costs less than an offer by the hour, or None if it never does."""
    hourly = owned.workers * offer.per_hour * (1 + offer.lost_share) - owned.per_busy_hour
    if offer.reserved or hourly <= 0:
        return 0.0 if monthly(owned, owned.workers, 1.0) < monthly(offer, owned.workers, 1.0) else None
    share = owned.fixed_per_month / (HOURS_PER_MONTH * hourly)
    return share if share <= 1 else None


def took(results: Results) -> dict[str, float]:
    """What a sweep took so far: ``wall_seconds`` of all submissions, each to its last event, and ``worker_seconds``."""
    lives = [(_seconds(first), _seconds(last)) for first, last in spans(results.directory).values()]
    submitted = sorted(_seconds(entry.submitted) for entry in read_submissions(results.directory))
    wall = 0.0
    for begin, following in pairwise([*submitted, math.inf]):
        ends = [end for start, end in lives if begin <= start < following]
        wall += max(ends) - begin if ends else 0.0
    return {"wall_seconds": wall, "worker_seconds": sum(end - start for start, end in lives)}


def _predict(
    measured: Measured, place: Place, label: str, price: Offer | Owned, variants: int, workers: int
) -> Prediction:
    used = min(workers, variants)
    if isinstance(price, Owned):
        used = min(used, price.workers)
    wall = _wall(place, measured.mean_seconds, variants, used)
    gibibytes = variants * measured.bytes_each / GIB
    storage = gibibytes * place.storage_per_gib_month * place.storage_months
    transfer = gibibytes * place.transfer_per_gib
    control = wall / 3600 * place.control_per_hour
    low, middle, high = (
        _compute(
            place, price, max(measured.mean_seconds + sign * measured.margin_seconds, 0.0), variants, used
        )
        for sign in (-1, 0, 1)
    )
    others = storage + transfer + control
    return Prediction(
        place.name,
        label,
        place.executor,
        used,
        wall,
        middle,
        storage,
        transfer,
        control,
        low + others,
        high + others,
    )


def _wall(place: Place, each: float, variants: int, workers: int) -> float:
    """Start, rounds of variants, half a look at the queue, stop."""
    seconds = place.seconds
    return seconds.start + math.ceil(variants / workers) * each + seconds.poll / 2 + seconds.stop


def _compute(place: Place, price: Offer | Owned, each: float, variants: int, workers: int) -> float:
    idle = place.seconds.start + place.seconds.stop
    billed = max(variants * each / workers + idle, place.seconds.smallest_bill)
    hours = workers * billed / 3600
    if isinstance(price, Offer):
        return hours * (1 + price.lost_share) * price.per_hour
    share = hours / (price.workers * HOURS_PER_MONTH * price.utilisation)
    return share * price.fixed_per_month + hours / price.workers * price.per_busy_hour


def _bytes(variant: Variant) -> int:
    folder = variant.notebook.parent if variant.notebook is not None else None
    if folder is None or not folder.is_dir():
        return 0
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
