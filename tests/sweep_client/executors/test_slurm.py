"""The executor `slurm` against fake programs of Slurm; the same cases run on a real one in test_slurm_e2e.py."""

import time
from pathlib import Path
from typing import Any

import pytest

from sweep_client.directory import open_directory
from sweep_client.errors import ExecutorError, InputRefused, ResourceError
from sweep_client.executors.base import JobState, Submission
from sweep_client.executors.slurm import SHORTEST_INTERVAL, SlurmExecutor
from sweep_client.executors.slurm_commands import CommandTransport
from sweep_client.executors.slurm_states import Task
from sweep_client.packing import pending_groups
from sweep_client.preparation import Request, prepare
from sweep_client.sweep import Sweep, run
from tests.sweep_client.builders import wait_until
from tests.sweep_client.executors.conftest import FakeSlurm, rows


def prepared(
    notebook: Path, count: int = 10, *, more: dict[str, Any] | None = None, **options: Any
) -> SlurmExecutor:
    """An executor over a sweep that has not begun."""
    from sweep_client.parameter_files import read_rows

    request = Request(notebook, read_rows(rows(count, **(more or {}))))
    directory, sweep = prepare(request, notebook.parent / "results")
    directory.write_sweep(sweep)
    return SlurmExecutor(directory, **options)


def state(executor: SlurmExecutor, submission: Submission) -> JobState:
    return executor.poll([submission])[submission.id]


def test_a_sweep_runs_as_one_array_of_workers_and_gives_its_table(notebook: Path, slurm: FakeSlurm) -> None:
    sweep = run(notebook, rows(40), notebook.parent / "results", on="slurm", executor_options={"workers": 2})
    counts = sweep.wait()
    assert counts["done"] == 40
    assert list(sweep.table()["square"]) == [number * number for number in range(40)]
    assert len(slurm.calls("sbatch")) == 1
    assert slurm.option("array") == "0-1"


def test_a_sweep_asks_the_scheduler_less_than_once_in_ten_variants(notebook: Path, slurm: FakeSlurm) -> None:
    begun = time.monotonic()
    sweep = run(notebook, rows(100), notebook.parent / "results", on="slurm", executor_options={"workers": 2})
    assert sweep.wait()["done"] == 100
    # A machine on which it takes longer than usual may ask on, and no quicker than it would.
    longer = max(0, time.monotonic() - begun - 10)
    assert len(slurm.calls()) < 10 + longer / SHORTEST_INTERVAL, [call[0] for call in slurm.calls()]


def test_many_polls_within_a_tick_cost_one_question_for_all_jobs(notebook: Path, slurm: FakeSlurm) -> None:
    slurm.tell("holds", "Resources")
    executor = prepared(notebook)
    submissions = [executor.submit(2), executor.submit(2)]
    for _ in range(50):
        states = executor.poll(submissions)
    assert len(slurm.calls("squeue")) == 1
    assert states == dict.fromkeys(["1", "2"], JobState("pending", "waits for free cores or memory"))


def test_questions_become_rarer_the_longer_a_sweep_runs(
    notebook: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    class Counting(CommandTransport):
        def tasks(self, ids: set[str]) -> list[Task]:
            asked.append(ids)
            return [Task("1", "PENDING", "Priority")]

    executor = prepared(notebook)
    monkeypatch.setattr(executor.reach, "transport", Counting())
    clock = time.monotonic()
    for second in range(3600):
        monkeypatch.setattr("sweep_client.executors.pace.time.monotonic", lambda now=clock + second: now)
        state(executor, Submission("slurm", "1", 1))
    assert 60 <= len(asked) <= 75


def test_generic_names_become_options_of_sbatch(notebook: Path, slurm: FakeSlurm) -> None:
    slurm.tell("holds", "None")
    wanted: dict[str, Any] = {
        "cpus": "2",
        "memory": "1.5G",
        "time": "90m",
        "partition": "long",
        "account": "physics",
        "gpus": 1,
    }
    prepared(notebook, **wanted).submit(3)
    found = {
        name: slurm.option(name) for name in ("cpus-per-task", "mem", "time", "partition", "account", "gpus")
    }
    assert found == {
        "cpus-per-task": "2",
        "mem": "1536M",
        "time": "90",
        "partition": "long",
        "account": "physics",
        "gpus": "1",
    }


def test_a_column_with_an_at_sign_raises_what_a_task_asks_for(notebook: Path, slurm: FakeSlurm) -> None:
    slurm.tell("holds", "None")
    prepared(
        notebook, more={"@memory": "2G", "@cpus": 3, "@time": "2h"}, memory="1G", time="30m", processes=2
    ).submit(2, pending_groups(open_directory(notebook.parent / "results"))[0])
    assert (slurm.option("mem"), slurm.option("cpus-per-task"), slurm.option("time")) == ("4608M", "6", "121")


def test_variants_that_want_different_resources_run_in_arrays_of_their_own(
    notebook: Path, slurm: FakeSlurm
) -> None:
    sizes = [{"@memory": "2G", "@partition": "large"}, {"@memory": "300M", "@partition": "small"}]
    table = [{"number": number, **sizes[number % 2]} for number in range(6)]
    sweep = run(notebook, table, notebook.parent / "results", on="slurm", executor_options={"workers": 1})
    assert sweep.wait()["done"] == 6
    asked = [
        {word.partition("=")[0]: word.partition("=")[2] for word in call} for call in slurm.calls("sbatch")
    ]
    assert [(call["--partition"], call["--mem"]) for call in asked] == [("large", "2304M"), ("small", "556M")]
    records = [variant.record for variant in sweep.results.variants()]
    workers = [record["worker"] for record in records if record is not None]
    assert len(set(workers[0::2])) == len(set(workers[1::2])) == 1
    assert workers[0] != workers[1]


def test_a_retry_submits_only_the_sizes_that_are_left(notebook: Path, slurm: FakeSlurm) -> None:
    table = [{"number": 1, "@cpus": 1}, {"number": 2, "@cpus": 2}]
    sweep = run(notebook, table, notebook.parent / "results", on="slurm", executor_options={"workers": 1})
    assert sweep.wait()["done"] == 2
    again = run(notebook, [*table, {"number": 3, "@cpus": 2}], notebook.parent / "results", on="slurm")
    assert again.wait()["done"] == 3
    assert len(slurm.calls("sbatch")) == 3
    assert slurm.option("cpus-per-task") == "2"


def test_too_many_sizes_are_refused_with_what_to_do(notebook: Path, slurm: FakeSlurm) -> None:
    table = [{"number": number, "@memory": f"{number + 1}G"} for number in range(17)]
    with pytest.raises(ResourceError, match=r"17 different sets of resources.*at most 16.*round the values"):
        run(notebook, table, notebook.parent / "results", on="slurm")
    assert slurm.calls("sbatch") == []


def test_a_worker_is_told_to_drain_before_its_time_limit(notebook: Path, slurm: FakeSlurm) -> None:
    slurm.tell("holds", "None")
    prepared(notebook, time="1h").submit(1)
    assert slurm.option("signal") == "B:USR1@60"
    assert "--until 3540" in slurm.script()
    assert "\nexec " in slurm.script(), "a shell in between would swallow the signal"


def test_the_array_is_no_longer_than_the_site_allows(notebook: Path, slurm: FakeSlurm) -> None:
    slurm.tell("holds", "None")
    slurm.tell("config", "MaxArraySize            = 4\n")
    submission = prepared(notebook).submit(50)
    assert slurm.option("array") == "0-3"
    assert submission.workers == 4


def test_fewer_jobs_are_submitted_where_the_user_may_have_no_more(notebook: Path, slurm: FakeSlurm) -> None:
    slurm.tell("holds", "None")
    slurm.tell("most-jobs", "3")
    submission = prepared(notebook).submit(8)
    assert submission.workers == 2
    assert [call for call in slurm.calls("sbatch")][-1].count("--array=0-1") == 1


@pytest.mark.parametrize(
    ("message", "advice"),
    [
        ("sbatch: error: invalid partition specified: nowhere", "there is no such partition"),
        ("sbatch: error: Unable to contact slurm controller (connect failure)", "slurmctld does not answer"),
        ("sbatch: error: Protocol authentication error", "the cluster does not know you"),
        ("sbatch: error: Write: Disk quota exceeded", "the disk of the results directory is full"),
        ("sbatch: error: Requested node configuration is not available", "no node has so many cpus"),
    ],
)
def test_a_refusal_says_what_to_do(notebook: Path, slurm: FakeSlurm, message: str, advice: str) -> None:
    slurm.tell("sbatch.refuses", message)
    with pytest.raises(ExecutorError) as error:
        prepared(notebook).submit(1)
    assert message in str(error.value)
    assert advice in str(error.value)


def test_a_scheduler_that_does_not_answer_ends_nothing(
    notebook: Path, slurm: FakeSlurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    slurm.tell("holds", "Resources")
    executor = prepared(notebook)
    submission = executor.submit(1)
    assert state(executor, submission).state == "pending"
    slurm.tell("squeue.refuses", "slurm_load_jobs error: Unable to contact slurm controller")
    monkeypatch.setattr("sweep_client.executors.pace.time.monotonic", lambda: 1e9)
    found = state(executor, submission)
    assert found.state == "pending"
    assert "does not answer" in found.reason


def test_a_job_that_slurm_has_forgotten_is_looked_up_in_accounting(notebook: Path, slurm: FakeSlurm) -> None:
    slurm.tell("holds", "Resources")
    executor = prepared(notebook)
    submission = executor.submit(1)
    (slurm.folder / "tasks-1.json").unlink()
    slurm.tell("history", "1_0|OUT_OF_MEMORY\n1_1|COMPLETED")
    assert state(executor, submission) == JobState("ended", "ran out of memory; ask for more memory")


def test_cancel_cancels_the_job_and_its_workers_stop(tmp_path: Path, slurm: FakeSlurm) -> None:
    from tests.sweep_client.executors.conftest import write_notebook

    notebook = write_notebook(tmp_path / "slow.ipynb", work="import time; time.sleep(600)")
    sweep = run(notebook, rows(4), tmp_path / "results", on="slurm", executor_options={"workers": 1})
    sweep.cancel()
    assert slurm.calls("scancel") == [["scancel", "1"]]
    wait_until("others see no job", lambda: not Sweep.attach(tmp_path / "results").is_live(), every=0.2)
    assert not sweep.is_live()


def test_anyone_can_attach_to_a_job_by_the_results_directory(notebook: Path, slurm: FakeSlurm) -> None:
    run(notebook, rows(5), notebook.parent / "results", on="slurm", executor_options={"workers": 1})
    sweep = Sweep.attach(notebook.parent / "results")
    assert sweep.wait()["done"] == 5
    assert len(slurm.calls("sbatch")) == 1


def test_nothing_of_the_environment_leaves_but_what_a_job_needs(
    notebook: Path, slurm: FakeSlurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_SECRET_TOKEN", "do-not-tell")
    slurm.tell("holds", "None")
    prepared(notebook).submit(1)
    assert "--export=NIL" in slurm.calls("sbatch")[-1]
    assert "do-not-tell" not in slurm.script()
    assert "export PATH=" in slurm.script()


def test_logs_are_those_of_the_tasks(notebook: Path, slurm: FakeSlurm) -> None:
    sweep = run(notebook, rows(4), notebook.parent / "results", on="slurm", executor_options={"workers": 2})
    sweep.wait()
    executor = SlurmExecutor(sweep.directory)
    assert [path.name for path in executor.logs(Submission("slurm", "1", 2))] == [
        "slurm-1_0.log",
        "slurm-1_1.log",
    ]


def test_an_unknown_transport_names_the_known_ones(notebook: Path) -> None:
    with pytest.raises(InputRefused, match="known are cli, ssh, rest"):
        prepared(notebook, transport="pigeon")


def test_the_check_says_that_the_commands_are_missing(
    notebook: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert "log in to the frontend" in prepared(notebook).check()[0]
