"""The thesis's experiments run, and every format gives back the numbers it was given."""

from __future__ import annotations

from benchmarks.sweep import thesis


def test_every_format_gives_back_the_same_numbers() -> None:
    runs = thesis.saved(1000, 0)
    assert [run.parameters["format"] for run in runs if not run.valid] == []
    assert {run.parameters["format"] for run in runs} == {"Arrow", "Parquet", "NPY", "pickle", "JSON", "CSV"}


def test_sixteen_notebooks_run_here_and_are_joined() -> None:
    run = thesis.here(20, 0)
    assert run.valid
    lines = thesis.summary([run, *thesis.saved(10, 0)])
    assert lines[0].what == "16 notebooks of matrix products, here"
    assert len(lines) == 7
