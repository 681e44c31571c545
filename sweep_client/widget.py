"""A sweep in a notebook: a picture of now, and a live view that updates itself; nothing here steers the sweep.

How others use it:

- ``Sweep._repr_html_`` returns ``render(results)``, so that a handle at the end of a cell shows itself;
- ``Sweep.wait`` shows what it yields while it steers: ``show(follow(client), title=name)``;
- ``watch(results)`` only looks on, from any notebook, until the sweep is over.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from html import escape
from typing import Any

from sweep_client.failure_groups import plain
from sweep_client.journal import Follower
from sweep_client.progress import Progress
from sweep_client.results import Results
from sweep_client.watch import duration, plain_line

MOST_GROUPS = 8
MOST_NOTES = 5
CORRECT_SECONDS = 10.0
COLOURS = {"done": "#2f8fc6", "failed": "#d9661f"}
MARKS = {"done": "●", "failed": "◆", "running": "◌", "pending": "○"}
FAINT = "var(--jp-ui-font-color2, color-mix(in srgb, currentColor 70%, transparent))"
LINE = "color-mix(in srgb, currentColor 18%, transparent)"
Groups = Counter[tuple[int | None, str, str]]


def in_notebook() -> bool:
    """Say whether this process is the kernel of a notebook; loads nothing to find out."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


def render(results: Results) -> str:
    """Give a sweep as it is now as HTML: counts, progress and failures by cell and exception."""
    counts = results.counts()
    return _page(results.sweep.name, counts, [], _groups(results) if counts["failed"] else Counter(), [])


def render_progress(progress: Progress, title: str) -> str:
    """Give one moment of a running sweep as HTML: also its rate and the time left."""
    left = progress.total - progress.ended
    counts = {"done": progress.done, "failed": progress.failed, "left": left}
    facts = [f"{progress.rate:.3g} / s"] if progress.rate > 0 else []
    if left and progress.seconds_left is not None:
        facts.append(f"{duration(progress.seconds_left)} left")
    return _page(title, counts, facts, progress.groups, progress.notes)


def show(progresses: Iterable[Progress], *, title: str, interval: float = 0.5) -> Progress | None:
    """Show every progress in one output of the notebook until there is none more; give the last."""
    output, last, shown = _Output(title), None, float("-inf")
    for last in progresses:
        if time.monotonic() - shown >= interval:
            output.update(last)
            shown = time.monotonic()
    if last is not None:
        output.update(last)
    return last


def watch(results: Results, *, interval: float = 1.0, block: bool = True) -> threading.Thread | None:
    """Look on until all variants have ended or the sweep is cancelled; Ctrl-C ends the looking, not the sweep.

    Args:
        block: False returns at once with the thread that goes on updating the output.
    """
    progresses, title = observe(results, interval), results.sweep.name
    if block:
        show(progresses, title=title, interval=0.0)
        return None
    output = _Output(title)
    output.update(next(progresses))
    thread = threading.Thread(target=_update_all, args=(output, progresses), name="sweep-watch", daemon=True)
    thread.start()
    return thread


def observe(results: Results, interval: float) -> Iterator[Progress]:
    """Give the progress every ``interval`` seconds from the files alone, until the sweep is over."""
    follower = Follower(results.directory)
    follower.skip()
    progress = Progress(results.counts(), results)
    progress.groups = _groups(results)
    corrected = time.monotonic()
    while True:
        progress.take(follower.lines())
        yield progress
        if progress.is_over() or results.directory.cancel.exists():
            return
        time.sleep(interval)
        if time.monotonic() - corrected >= CORRECT_SECONDS:
            progress.correct(results.counts())
            corrected = time.monotonic()


class _Output:
    """One output of a notebook's cell, replaced again and again."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._handle: Any = None

    def update(self, progress: Progress) -> None:
        """Show this progress."""
        from IPython import get_ipython
        from IPython.display import display

        text = f"{self._title}: {plain_line(progress)}"
        if get_ipython() is None:
            print(text)
            return
        bundle = {"text/html": render_progress(progress, self._title), "text/plain": text}
        if self._handle is None:
            self._handle = display(bundle, raw=True, display_id=True)
        else:
            self._handle.update(bundle, raw=True)


def _update_all(output: _Output, progresses: Iterator[Progress]) -> None:
    for progress in progresses:
        output.update(progress)


def _groups(results: Results) -> Groups:
    groups: Groups = Counter()
    for failure, count, _ in results.groups():
        groups[failure.cell, failure.exception, failure.message] += count
    return groups


def _page(title: str, counts: dict[str, int], facts: list[str], groups: Groups, notes: list[str]) -> str:
    total = sum(counts.values())
    ended = counts["done"] + counts["failed"]
    numbers = [_count(state, count) for state, count in counts.items() if count or state == "done"]
    line = "".join(
        f'<span style="margin-right:1.4em">{part}</span>' for part in [*numbers, *map(escape, facts)]
    )
    return (
        '<div style="max-width:52em;margin:.4em 0;line-height:1.5">'
        f"<div><b>{escape(title)}</b> "
        f'<span style="color:{FAINT}">{ended:,} of {total:,} variants finished</span></div>'
        f"{_bar(counts, ended, total)}"
        f'<div style="font-variant-numeric:tabular-nums">{line}</div>{_failures(groups)}{_notes(notes)}</div>'
    )


def _count(state: str, count: int) -> str:
    mark = f'<span aria-hidden="true" style="color:{COLOURS.get(state, "inherit")}">{MARKS.get(state, "○")}</span>'
    return f"{mark} {state} <b>{count:,}</b>"


def _bar(counts: dict[str, int], ended: int, total: int) -> str:
    parts = "".join(
        f'<div style="width:{100 * counts[state] / total:.3f}%;background:{colour}"></div>'
        for state, colour in COLOURS.items()
        if counts[state]
    )
    return (
        f'<div role="progressbar" aria-label="finished variants" aria-valuemin="0" aria-valuemax="{total}" '
        f'aria-valuenow="{ended}" style="display:flex;height:.65em;margin:.35em 0 .45em;border-radius:99px;'
        f'overflow:hidden;background:{LINE}">{parts}</div>'
    )


def _failures(groups: Groups) -> str:
    if not groups:
        return ""
    cell = f"text-align:left;padding:.15em 1.2em .15em 0;border-bottom:1px solid {LINE};vertical-align:top"
    heads = "".join(f'<th scope="col" style="{cell}">{name}</th>' for name in ("Variants", "Cell", "Failure"))
    rows = "".join(
        f'<tr><td style="{cell}">{count:,}</td><td style="{cell}">{"" if place is None else place}</td>'
        f'<td style="{cell};white-space:normal;overflow-wrap:anywhere"><b>{escape(exception)}</b> '
        f"{escape(plain(message, 200))}</td></tr>"
        for (place, exception, message), count in groups.most_common(MOST_GROUPS)
    )
    left = len(groups) - MOST_GROUPS
    more = f'<div style="color:{FAINT}">and {left} more kinds of failure</div>' if left > 0 else ""
    return f'<table style="margin:.6em 0 0;border-collapse:collapse;color:inherit;font:inherit"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>{more}'


def _notes(notes: list[str]) -> str:
    return "".join(f'<div style="color:{FAINT}">note: {escape(note)}</div>' for note in notes[-MOST_NOTES:])
