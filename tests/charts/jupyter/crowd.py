"""Many users who log in at the same moment."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.charts.jupyter.conftest import HASHES, PASSWORDS
from tests.charts.jupyter.site import Site

# Their passwords are grace's.
NAMES = [f"student{number:02}" for number in range(1, 31)]


def users(names: Sequence[str] = NAMES) -> dict[str, Any]:
    """The value `users` of all of them."""
    return {name: {"uid": 21000 + index, "passwordHash": HASHES["grace"]} for index, name in enumerate(names)}


def log_in_all(site: Site, names: Sequence[str] = NAMES) -> list[float]:
    """Log all in at once and start their servers; the seconds that each one waited for his."""
    with ThreadPoolExecutor(len(names)) as pool:
        return list(pool.map(lambda name: _log_in(site, name), names))


def _log_in(site: Site, name: str) -> float:
    start = time.monotonic()
    with site.user(name, PASSWORDS["grace"]) as user:
        user.start(timeout=500)
        return time.monotonic() - start
