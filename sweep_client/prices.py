"""The price file: what places to run a sweep at cost, in money and in seconds of waiting. Not a source of prices."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from sweep_client.errors import InputRefused

HOURS_PER_MONTH = 730.0
MONTHS_PER_YEAR = 12.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Offer:
    """What a worker costs that somebody else owns."""

    per_hour: float
    # Share of the work that is done twice, since workers are taken away.
    lost_share: float = 0.0
    # Paid for all hours of the month, used or not.
    reserved: bool = False


@dataclass(frozen=True, slots=True)
class Owned:
    """A cluster of one's own; watts are those of all machines together."""

    workers: int
    purchase: float
    life_years: float
    watts_idle: float
    watts_busy: float
    per_kwh: float
    room_per_month: float = 0.0
    # Share of its hours that it is used; what a run costs depends on it.
    utilisation: float = 0.5

    @property
    def fixed_per_month(self) -> float:
        """Purchase over its life, room, and the energy of idle machines."""
        energy = self.watts_idle / 1000 * HOURS_PER_MONTH * self.per_kwh
        return self.purchase / (self.life_years * MONTHS_PER_YEAR) + self.room_per_month + energy

    @property
    def per_busy_hour(self) -> float:
        """What an hour costs more when all workers are busy."""
        return (self.watts_busy - self.watts_idle) / 1000 * self.per_kwh


@dataclass(frozen=True, slots=True)
class Seconds:
    """Time that is no work: until a worker starts and after it ends, between two looks at it, the least that is billed."""

    start: float = 0.0
    stop: float = 0.0
    poll: float = 1.0
    smallest_bill: float = 0.0


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere a sweep can run: one executor with prices."""

    name: str
    executor: str
    compute: dict[str, Offer] = field(default_factory=dict)
    owned: Owned | None = None
    # Per GiB kept for a month, and how many months.
    storage_per_gib_month: float = 0.0
    storage_months: float = 1.0
    transfer_per_gib: float = 0.0
    control_per_hour: float = 0.0
    seconds: Seconds = field(default_factory=Seconds)


def read_prices(path: Path) -> tuple[str, list[Place]]:
    """Read a price file; give its currency and its places.

    Raises:
        InputRefused: it is no such file; the message names the place and the key.
    """
    import yaml

    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise InputRefused(f"{path}: cannot be read as YAML: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("places"), dict) or not content["places"]:
        raise InputRefused(f"{path}: no `places`; docs/how-to/know-what-a-sweep-costs.md has an example")
    places = [_place(f"{path}: places.{name}", name, entry) for name, entry in content["places"].items()]
    return str(content.get("currency", "")), places


def _place(where: str, name: str, entry: Any) -> Place:
    given = dict(_mapping(where, entry))
    for key, kind in (("owned", Owned), ("seconds", Seconds)):
        if key in given:
            given[key] = _made(f"{where}.{key}", kind, given[key])
    offers = _mapping(f"{where}.compute", given.get("compute", {}))
    given["compute"] = {
        label: _made(
            f"{where}.compute.{label}", Offer, offer if isinstance(offer, dict) else {"per_hour": offer}
        )
        for label, offer in offers.items()
    }
    if not given["compute"] and "owned" not in given:
        raise InputRefused(f"{where}: neither `compute` nor `owned`, so nothing says what a worker costs")
    return _made(where, Place, {"name": name, **given})


def _mapping(where: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputRefused(f"{where}: {value!r} is no mapping")
    return value


def _made(where: str, kind: type[T], value: Any) -> T:
    given = _mapping(where, value)
    known = {entry.name: entry for entry in fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise InputRefused(f"{where}: unknown key {unknown[0]!r}; known keys: {', '.join(known)}")
    missing = [
        name
        for name, entry in known.items()
        if name not in given and entry.default is MISSING and entry.default_factory is MISSING
    ]
    if missing:
        raise InputRefused(f"{where}: {missing[0]!r} is missing")
    for name, number in given.items():
        numeric = known[name].type in ("float", "int")
        if numeric and (isinstance(number, bool) or not isinstance(number, int | float) or number < 0):
            raise InputRefused(f"{where}.{name}: {number!r} is no number from 0")
    return kind(**given)
