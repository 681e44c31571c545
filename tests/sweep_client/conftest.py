from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from sweep_client.directory import Directory, Options
from sweep_client.parameter_files import read_rows
from sweep_client.preparation import Request, prepare
from sweep_client.report import write_report
from sweep_client.results import Results
from sweep_client.worker_process import run_worker
from tests.browser import new_page, open_browser
from tests.sweep_client.builders import Cell, write_notebook
from tests.sweep_client.sample_results import pricing_sweep

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

settings.register_profile(
    "shared machine", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("shared machine")

Rows = list[dict[str, Any]]
Execute = Callable[..., Results]
OpenPage = Callable[..., "Page"]


@pytest.fixture
def execute(tmp_path: Path) -> Execute:
    """Runs variants of some cells with one worker and gives the results."""

    def run(
        *cells: Cell | str, rows: Rows | None = None, language: str = "python", **options: Any
    ) -> Results:
        directory = planned(tmp_path, *cells, rows=rows or [{}], language=language, **options)
        run_worker(directory)
        return Results(directory)

    return run


def planned(
    folder: Path,
    *cells: Cell | str,
    rows: Rows,
    language: str = "python",
    dependencies: tuple[str, ...] = (),
    **options: Any,
) -> Directory:
    """Prepare a sweep that nobody runs yet."""
    kernel = {"python": "python3", "R": "ir"}.get(language, language)
    template = write_notebook(folder / "template.ipynb", *cells, language=language, kernel=kernel)
    chosen = Options(**({"retries": 0} | options))
    directory, sweep = prepare(
        Request(template, read_rows(rows), dependencies=dependencies, options=chosen), folder / "out"
    )
    directory.write_sweep(sweep)
    return directory


def as_json(value: Any) -> Any:
    """Give a dataclass as it looks in JSON."""
    return json.loads(json.dumps(asdict(value)))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A running browser for the pages of one file."""
    with open_browser() as running:
        yield running


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a sweep with failures, images and unfinished variants."""
    return write_report(pricing_sweep(tmp_path_factory.mktemp("pricing")))


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Open a report offline; at the end no page has logged an error or asked for anything but itself."""
    problems: list[str] = []
    contexts = []

    def open_(path: Path, width: int = 1280, **options: Any) -> Page:
        context = browser.new_context(offline=True, viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = new_page(context)
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda problem: problems.append(str(problem)))
        page.on(
            "request",
            lambda request: problems.append(request.url) if _is_foreign(request.url, path) else None,
        )
        page.goto(path.as_uri())
        return page

    yield open_
    for context in contexts:
        context.close()
    assert problems == []


def _is_foreign(url: str, path: Path) -> bool:
    return not url.startswith("data:") and url.partition("#")[0] != path.as_uri()
