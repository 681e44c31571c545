"""Steers a sweep in the foreground, or watches it where another client steers."""

from __future__ import annotations

import time
from collections.abc import Iterator

from sweep_client.client import acquire
from sweep_client.errors import DirectoryBusy
from sweep_client.journal import Follower
from sweep_client.progress import Progress
from sweep_client.sweep import TICK_SECONDS, Sweep
from sweep_client.watch import watch


def steer_or_watch(sweep: Sweep) -> dict[str, int]:
    """Show a sweep until it ends; give the counts."""
    title = sweep.directory.read_sweep().name
    try:
        client = acquire(sweep.directory)
    except DirectoryBusy:
        watch(look(sweep), title=title)
        return sweep.counts()
    try:
        watch(sweep.follow(client), title=title)
    finally:
        client.release()
    return sweep.counts()


def look(sweep: Sweep) -> Iterator[Progress]:
    """Give the progress of a sweep that someone else steers, or nobody, until it ends or nobody works on it."""
    follower = Follower(sweep.directory)
    progress = Progress(sweep.counts(), sweep.results)
    follower.skip()
    while True:
        progress.take(follower.lines())
        yield progress
        if progress.is_over() or not sweep.is_live():
            progress.correct(sweep.counts())
            yield progress
            return
        time.sleep(5 * TICK_SECONDS)
