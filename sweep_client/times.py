"""Times as texts: UTC, ISO 8601, milliseconds. Never compared between machines."""

from __future__ import annotations

import datetime


def now() -> str:
    """Give the present time.

    >>> now()[-1]
    'Z'
    """
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
