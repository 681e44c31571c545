import re
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from sweep_client import widget
from sweep_client.journal import Journal
from sweep_client.progress import Progress
from sweep_client.results import Results
from tests.sweep_client.builders import cell, wait_until, write_notebook
from tests.sweep_client.sample_results import Sample, error, pricing_sweep

ATTACK = "<script>alert(1)</script>"


class FakeHandle:
    """Stands for IPython's display handle."""

    def __init__(self, shown: list[dict[str, str]]) -> None:
        self._shown = shown

    def update(self, bundle: dict[str, str], **options: Any) -> None:
        self._shown[-1] = bundle


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """The outputs of a notebook's cell."""
    outputs: list[dict[str, str]] = []

    def display(bundle: dict[str, str], **options: Any) -> FakeHandle:
        outputs.append(bundle)
        return FakeHandle(outputs)

    monkeypatch.setattr("IPython.get_ipython", lambda: object())
    monkeypatch.setattr("IPython.display.display", display)
    return outputs


def running_sweep(root: Path) -> tuple[Results, Callable[[], None]]:
    """A sweep of two variants, one done; the function lets the second end."""
    sample = Sample(root, name="demo")
    sample.add({"x": 1})
    entry = sample.add({"x": 2}, "running")
    results = Results(sample.write())

    def finish() -> None:
        journal = Journal(results.directory, "node-1")
        record = {"key": entry["key"], "number": 1, "error": error(2, "KeyError", message="'x'\nmore")}
        journal.write("failed", record=record)
        journal.close()

    return results, finish


def test_a_sweep_is_shown_with_counts_and_grouped_failures(tmp_path: Path) -> None:
    page = widget.render(Results(pricing_sweep(tmp_path, images=False)))
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page))
    assert "pricing 60 of 60 variants finished" in text
    assert "done 54" in text
    assert "failed 6" in text
    assert "5 3 ValueError volatility must be positive" in text
    assert 'role="progressbar"' in page
    assert 'aria-valuenow="60"' in page


def test_names_and_messages_that_look_like_markup_stay_text(tmp_path: Path) -> None:
    sample = Sample(tmp_path, name=ATTACK)
    sample.add({"x": 1}, "failed", error=error(1, ATTACK, message=ATTACK))
    assert "<script" not in widget.render(Results(sample.write()))


def test_a_sweep_without_variants_is_shown(tmp_path: Path) -> None:
    assert "0 of 0 variants finished" in widget.render(Results(Sample(tmp_path).write()))


def test_progress_is_shown_with_rate_time_left_and_notes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0])
    monkeypatch.setattr("sweep_client.progress.time.monotonic", lambda: next(clock, 50.0))
    sample = Sample(tmp_path)
    for number in range(20):
        sample.add({"x": number}, "pending")
    progress = Progress({"done": 0, "failed": 0, "running": 0, "pending": 20}, Results(sample.write()))
    progress.done = 10
    progress.notes.append("a note <b>")
    page = widget.render_progress(progress, "demo")
    assert "0.2 / s" in page
    assert "50 s left" in page
    assert "note: a note &lt;b&gt;" in page


def test_only_the_most_frequent_kinds_of_failure_are_listed(tmp_path: Path) -> None:
    sample = Sample(tmp_path)
    for number in range(11):
        sample.add({"x": number}, "failed", error=error(number))
    page = widget.render(Results(sample.write()))
    assert page.count("<tr>") == 9
    assert "and 3 more kinds of failure" in page


def test_watching_updates_one_output_until_the_sweep_is_over(
    tmp_path: Path, shown: list[dict[str, str]]
) -> None:
    results, finish = running_sweep(tmp_path)

    def finish_later() -> None:
        # What was written before anybody looked would be seen only at the next count of the files.
        wait_until("the first is shown", lambda: shown, every=0.01)
        finish()

    other = threading.Thread(target=finish_later)
    other.start()
    assert widget.watch(results, interval=0.02) is None
    other.join()
    assert len(shown) == 1
    assert "2 of 2 variants finished" in shown[0]["text/html"]
    assert "<b>KeyError</b> &#x27;x&#x27;" in shown[0]["text/html"]
    assert shown[0]["text/plain"].startswith("demo: 2/2, 1 done, 1 failed")


def test_watching_in_the_background_returns_at_once(tmp_path: Path, shown: list[dict[str, str]]) -> None:
    results, finish = running_sweep(tmp_path)
    thread = widget.watch(results, interval=0.02, block=False)
    assert thread is not None
    assert "1 of 2 variants finished" in shown[0]["text/html"]
    finish()
    thread.join(60)
    assert "2 of 2 variants finished" in shown[0]["text/html"]


def test_watching_ends_when_the_sweep_is_cancelled(tmp_path: Path, shown: list[dict[str, str]]) -> None:
    results, _ = running_sweep(tmp_path)
    results.directory.cancel.touch()
    widget.watch(results)
    assert "1 of 2 variants finished" in shown[0]["text/html"]


def test_watching_counts_the_files_from_time_to_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(widget, "CORRECT_SECONDS", 0.0)
    results, _ = running_sweep(tmp_path)
    progresses = widget.observe(results, 0.0)
    assert next(progresses).done == 1
    for path in list((tmp_path / "done").glob("*/*.json")):
        path.unlink()
    assert next(progresses).done == 0


def test_what_a_client_yields_is_shown_without_repeating_it_too_often(
    tmp_path: Path, shown: list[dict[str, str]]
) -> None:
    results, _ = running_sweep(tmp_path)
    progress = Progress(results.counts(), results)
    assert widget.show([progress] * 50, title="demo", interval=60) is progress
    assert widget.show([], title="demo") is None
    assert len(shown) == 1


def test_outside_a_notebook_a_plain_line_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results, _ = running_sweep(tmp_path)
    results.directory.cancel.touch()
    widget.watch(results)
    assert capsys.readouterr().out.startswith("demo: 1/2, 1 done, 0 failed")


def test_in_a_real_kernel_the_output_is_replaced_in_place(tmp_path: Path) -> None:
    pricing_sweep(tmp_path, images=False)
    code = f"from sweep_client import Results, widget\nwidget.watch(Results({str(tmp_path)!r}))"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    NotebookClient(notebook, timeout=300, startup_timeout=300, kernel_name="python3").execute()
    outputs = notebook.cells[0].outputs
    assert len(outputs) == 1
    assert "60 of 60 variants finished" in outputs[0]["data"]["text/html"]


def test_a_sweep_run_in_a_real_kernel_is_seen_while_it_waits_and_where_its_handle_stands(
    tmp_path: Path,
) -> None:
    template = write_notebook(tmp_path / "t.ipynb", cell("a = 1", "P"), cell("a + 1", "R"))
    code = f"import sweep_client as s\nh = s.run({str(template)!r}, s.grid(a=[1, 2]), {str(tmp_path / 'out')!r})\nh.wait()\nh"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    NotebookClient(notebook, timeout=300, startup_timeout=300, kernel_name="python3").execute()
    live, handle = notebook.cells[0].outputs
    assert live["output_type"] == "display_data"
    assert handle["output_type"] == "execute_result"
    for output in (live, handle):
        assert "2 of 2 variants finished" in output["data"]["text/html"]


def test_importing_the_widget_loads_no_notebook_library() -> None:
    import subprocess

    code = "import sys, sweep_client.widget, sweep_client.report; print({'IPython', 'jinja2', 'PIL'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"
