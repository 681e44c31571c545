"""Shows a sweep while it runs: a live view in a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from typing import Any, TextIO

from sweep_client.progress import Progress

PLAIN_SECONDS = 10.0
MOST_GROUPS = 8


def watch(progresses: Iterable[Progress], *, title: str, stream: TextIO | None = None) -> Progress | None:
    """Show every progress until there is none more; give the last."""
    stream = stream or sys.stderr
    return (
        _watch_live(progresses, title, stream)
        if stream.isatty()
        else _watch_plainly(progresses, title, stream)
    )


def plain_line(progress: Progress) -> str:
    """Say in one line how far a sweep is."""
    parts = [f"{progress.ended}/{progress.total}", f"{progress.done} done", f"{progress.failed} failed"]
    if progress.rate > 0:
        parts.append(f"{progress.rate:.1f}/s")
    if progress.seconds_left is not None and not progress.is_over():
        parts.append(f"{duration(progress.seconds_left)} left")
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """Give seconds as a person says them.

    >>> duration(42), duration(754), duration(9000)
    ('42 s', '12 min 34 s', '2 h 30 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def group_lines(progress: Progress) -> list[str]:
    """Say which failures there are, most frequent first."""
    return [
        f"{count} x {exception} in {'no cell' if cell is None else f'cell {cell}'}: {message[:100]}"
        for (cell, exception, message), count in progress.groups.most_common(MOST_GROUPS)
    ]


def _watch_plainly(progresses: Iterable[Progress], title: str, stream: TextIO) -> Progress | None:
    last, shown, when, notes = None, "", time.monotonic() - PLAIN_SECONDS, 0
    for last in progresses:
        for note in last.notes[notes:]:
            print(f"{title}: note: {note}", file=stream, flush=True)
        notes = len(last.notes)
        line = plain_line(last)
        if time.monotonic() - when >= PLAIN_SECONDS and line != shown:
            print(f"{title}: {line}", file=stream, flush=True)
            shown, when = line, time.monotonic()
    if last is not None:
        if plain_line(last) != shown:
            print(f"{title}: {plain_line(last)}", file=stream, flush=True)
        for line in group_lines(last):
            print(f"{title}: {line}", file=stream, flush=True)
    return last


def _watch_live(progresses: Iterable[Progress], title: str, stream: TextIO) -> Progress | None:
    from rich.console import Console
    from rich.live import Live

    last = None
    with Live(console=Console(file=stream), refresh_per_second=5, transient=False) as live:
        for last in progresses:
            live.update(render(last, title))
    return last


def render(progress: Progress, title: str) -> Any:
    """Make the live view of one moment."""
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    head = Table.grid(padding=(0, 1), expand=True)
    head.add_column(no_wrap=True)
    head.add_column(ratio=1)
    head.add_column(no_wrap=True)
    bar = ProgressBar(total=max(1, progress.total), completed=progress.ended)
    head.add_row(Text(title, style="bold"), bar, Text(plain_line(progress)))
    parts: list[Any] = [head]
    if progress.groups:
        parts.append(_group_table(progress))
    parts.extend(Text(f"note: {note}", style="yellow") for note in progress.notes)
    return Group(*parts)


def _group_table(progress: Progress) -> Any:
    from rich.table import Table

    table = Table(title="failures", title_justify="left", expand=False)
    for column in ("cell", "exception", "message", "variants"):
        table.add_column(column, justify="right" if column == "variants" else "left")
    for (cell, exception, message), count in progress.groups.most_common(MOST_GROUPS):
        table.add_row("" if cell is None else str(cell), exception, message[:80], str(count), style="red")
    return table
