"""Who guesses passwords waits: after a few tries for one name from one address, longer before each further one."""

import time
from collections.abc import Callable

# Enough for a user who mistypes; afterwards about two guesses a minute.
FREE_TRIES = 5
FIRST_WAIT_SECONDS = 5.0
LONGEST_WAIT_SECONDS = 30.0
FORGOTTEN_AFTER_SECONDS = 3600.0
# Names that somebody makes up must not fill the hub's memory.
KEPT = 10_000

Who = tuple[str, str]


class Throttle:
    """Counts tries by name and address, in memory alone: a hub that restarts forgets them."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tries: dict[Who, tuple[int, float]] = {}

    def wait(self, who: Who) -> float:
        """Seconds before the next try is looked at; 0 takes this one, as a failed one until `succeeded` is called.

        So many tries sent at once are no more than as many in a row.
        """
        now = self._clock()
        tries, last = self._tries.get(who, (0, now))
        if now - last > FORGOTTEN_AFTER_SECONDS:
            tries = 0
        left = last + _pause(tries) - now
        if left > 0:
            return left
        # Taken out first: the dictionary is in the order of the last tries.
        self._tries.pop(who, None)
        if len(self._tries) >= KEPT:
            del self._tries[next(iter(self._tries))]
        self._tries[who] = (tries + 1, now)
        return 0

    def succeeded(self, who: Who) -> None:
        """Forget the tries of whoever knew the password."""
        self._tries.pop(who, None)


def _pause(tries: int) -> float:
    if tries < FREE_TRIES:
        return 0
    return float(min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2.0 ** min(tries - FREE_TRIES, 10)))
