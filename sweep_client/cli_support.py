"""Reads what options of the command line mean."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sweep_client.directory import Directory, Options
from sweep_client.errors import InputRefused
from sweep_client.resources import parse_memory, parse_time


def limits(retries: int, time: str, memory: str | None, isolate: str, engine: str) -> Options:
    """Give the options of a sweep."""
    _one_of("--isolate", isolate, ("auto", "full"))
    _one_of("--engine", engine, ("fork", "kernel"))
    if retries < 0:
        raise InputRefused("--retries cannot be negative")
    seconds = parse_time(time)
    return Options(
        retries=retries,
        time_seconds=seconds or None,
        memory_bytes=parse_memory(memory) if memory else None,
        isolate=isolate,
        engine=engine,
    )


def executor_options(texts: list[str] | None, workers: int | None) -> dict[str, Any]:
    """Give the options of an executor."""
    found: dict[str, Any] = {}
    for text in texts or []:
        name, equals, value = text.partition("=")
        if not equals:
            raise InputRefused(f"--option {text!r}: write NAME=VALUE")
        found[name] = value
    return found | ({"workers": workers} if workers is not None else {})


def change_limits(directory: Directory, memory: str | None, time: str | None) -> None:
    """Change the limits of a sweep that exists."""
    sweep = directory.read_sweep()
    options = sweep.options
    if memory:
        options = replace(options, memory_bytes=parse_memory(memory))
    if time:
        options = replace(options, time_seconds=parse_time(time) or None)
    if options != sweep.options:
        directory.write_sweep(replace(sweep, options=options))


def _one_of(option: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise InputRefused(f"{option} {value!r}: must be {' or '.join(known)}")
