from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from sweep_client.directory import open_directory
from sweep_client.index import Index, KnownRecords, rebuild
from sweep_client.journal import Follower, Journal
from sweep_client.progress import Progress
from sweep_client.results import Results
from sweep_client.watch import duration, group_lines, plain_line, render, watch
from tests.sweep_client.builders import cell
from tests.sweep_client.conftest import planned


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def progress(tmp_path: Path) -> Progress:
    directory = planned(tmp_path, cell("a = 1", "P"), rows=[{"a": n} for n in range(4)])
    made = Progress(Results(directory).counts(), Results(directory))
    error = {"cell": 3, "exception": "ValueError", "message": "bad\nmore"}
    made.take([
        {"event": "done", "record": {"notes": ["careful"]}},
        {"event": "failed", "record": {"number": 1, "error": error, "notes": []}},
        {"event": "lost"}, {"event": "note", "text": "x"},
    ])  # fmt: skip
    return made


def test_plain_lines_are_written_where_there_is_no_terminal(progress: Progress) -> None:
    stream = io.StringIO()
    assert watch(iter([progress]), title="pricing", stream=stream) is progress
    lines = stream.getvalue().splitlines()
    assert lines[0] == "pricing: note: careful"
    assert lines[1].startswith("pricing: 2/4, 1 done, 1 failed")
    assert lines[-1] == "pricing: 1 x ValueError in cell 3: bad"


def test_a_live_view_is_shown_in_a_terminal(progress: Progress, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    watch(iter([progress]), title="pricing", stream=stream)
    shown = stream.getvalue()
    assert "pricing" in shown
    assert "ValueError" in shown
    assert render(progress, "x")


def test_the_truth_replaces_what_was_counted(progress: Progress) -> None:
    progress.correct({"done": 4, "failed": 0, "running": 0, "pending": 0})
    assert progress.is_over()
    assert "left" not in plain_line(progress)
    assert group_lines(progress) == ["1 x ValueError in cell 3: bad"]


def test_seconds_are_said_as_a_person_says_them() -> None:
    assert [duration(s) for s in (5, 65, 3700)] == ["5 s", "1 min 5 s", "1 h 1 min"]


def test_a_follower_gives_each_whole_line_once(tmp_path: Path) -> None:
    directory = open_directory(tmp_path, create=True)
    follower, journal = Follower(directory), Journal(directory, "one")
    journal.write("start")
    assert [line["event"] for line in follower.lines()] == ["start"]
    with (directory.journals / "two.jsonl").open("w") as file:
        file.write('{"event": "done"}\nspoilt\n{"event": "ha')
    assert [line["event"] for line in follower.lines()] == ["done"]
    follower.skip()
    journal.write("end")
    journal.close()
    assert [line["event"] for line in follower.lines()] == ["end"]


def test_the_cache_is_only_a_cache(tmp_path: Path) -> None:
    directory = open_directory(tmp_path, create=True)
    key = "ab" * 16
    directory.done(key).parent.mkdir(parents=True)
    directory.done(key).write_text(json.dumps({"key": key, "index": 0}))
    assert rebuild(directory) == 1
    known = KnownRecords(directory)
    assert (known.get(key), known.get("none")) == ({"key": key, "index": 0}, None)
    known.close()
    directory.index.write_text("spoilt")
    assert KnownRecords(directory).get(key) is None
    directory.index.unlink()
    index = Index(directory)
    index.add([])
    assert index.keys() == set()
    index.close()
