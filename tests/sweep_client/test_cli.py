from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sweep_client.cli import join_pairs
from tests.sweep_client.builders import cell, read_notebook, sweep_command, wait_until, write_notebook

SQUARES = (cell("a = 1  # a number\nb: str = 'x'", "P"), cell("square = a * a\nsquare", "C"))


@pytest.fixture
def template(tmp_path: Path) -> Path:
    return write_notebook(tmp_path / "squares.ipynb", *SQUARES)


@pytest.fixture
def failing(tmp_path: Path) -> Path:
    source = f"import os\nassert a != 2 or os.path.exists('{tmp_path}/mended'), 'a is two'"
    return write_notebook(
        tmp_path / "failing.ipynb", cell("a = 1", "P"), source, cell("a * 10", "R", "name:ten")
    )


def content(ended: subprocess.CompletedProcess[str]) -> Any:
    assert ended.stdout, ended.stderr
    return json.loads(ended.stdout)


def test_a_sweep_runs_and_its_table_and_status_are_shown(template: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (tmp_path / "p.csv").write_text("a,b\n1,007\n2,y\n3,z\n")
    ended = sweep_command("run", template, "--params", tmp_path / "p.csv", "--out", out)
    assert ended.returncode == 0, ended.stderr
    assert "3/3, 3 done, 0 failed" in ended.stderr
    assert sweep_command("table", out).stdout == "a,b,square\n1,007,1\n2,y,4\n3,z,9\n"
    assert content(sweep_command("table", out, "--json"))[1] == {"a": 2, "b": "y", "square": 4}
    assert content(sweep_command("status", out, "--json")) == {
        "name": "squares", "done": 3, "failed": 0, "running": 0, "pending": 0, "failures": [],
    }  # fmt: skip
    lines = sweep_command("status", out, "--variants", "--json").stdout.splitlines()
    assert [json.loads(line)["state"] for line in lines] == ["done"] * 3
    assert (
        f'sweep_variants{{sweep="squares",directory="{out}",state="done"}} 3\n'
        in sweep_command("metrics", out).stdout
    )
    assert sweep_command("table", out, "--out", tmp_path / "t.parquet").returncode == 0
    import pyarrow.parquet

    assert pyarrow.parquet.read_table(tmp_path / "t.parquet").to_pydict() == {
        "a": [1, 2, 3],
        "b": ["007", "y", "z"],
        "square": [1, 4, 9],
    }


def test_a_second_run_does_only_what_is_missing(template: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    sweep_command("run", template, "--grid", "a=1:3", "--out", out)
    notebook = json.loads(template.read_text())
    notebook["cells"].insert(0, {"cell_type": "markdown", "id": "m", "metadata": {}, "source": "only text"})
    template.write_text(json.dumps(notebook))
    before = sorted(out.glob("variants/*/*/*"))
    rehearsed = content(
        sweep_command("run", template, "--grid", "a=1:4", "--out", out, "--dry-run", "--json")
    )
    assert (rehearsed["variants"], rehearsed["already_done"]) == (4, 3)
    assert sweep_command("run", template, "--grid", "a=1:4", "--out", out).returncode == 0
    after = sorted(out.glob("variants/*/*/*"))
    assert len(after) == 4
    assert set(before) < set(after)


def test_failures_are_grouped_reported_and_tried_again(failing: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ended = sweep_command("run", failing, "--grid", "a=1:3", "--out", out, "--retries", "0", "--json")
    assert ended.returncode == 1
    assert content(ended) == {"done": 2, "failed": 1, "running": 0, "pending": 0}
    shown = sweep_command("status", out).stdout
    assert "1 x AssertionError in cell 2: a is two" in shown
    assert content(sweep_command("status", out, "--json"))["failures"][0]["reason"] == "error"
    assert sweep_command("retry", out, "--only", "time").returncode == 1
    (tmp_path / "mended").touch()
    assert sweep_command("retry", out).returncode == 0
    assert sweep_command("table", out).stdout == "a,ten\n1,10\n2,20\n3,30\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--grid", "c=1:3"], "the parameters cell has no such name"),
        (["--grid", "a=x,y"], "is not int"),
        (["--grid", "a=1:3", "--time", "soon"], "is no time"),
        (["--grid", "a=1:3", "--memory", "lots"], "is no amount of memory"),
        (["--grid", "a=1:3", "--on", "moon"], "there is no executor 'moon'; known are"),
        (["--grid", "a=1:3", "--isolate", "some"], "--isolate 'some': must be auto or full"),
        (["--grid", "a=1:3", "-O", "speed=1"], "has no option 'speed'"),
        (["--grid", "a=1:3", "-O", "speed"], "write NAME=VALUE"),
        (["--grid", "a=1:3", "--retries", "-1"], "cannot be negative"),
        (["--grid", "a=1:3", "--depends", "nothing.csv"], "there is no such dependency"),
        (["-y", "[1]"], "must hold names with values"),
    ],
)
def test_input_that_cannot_be_used_is_refused(
    template: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    ended = sweep_command("run", template, "--out", tmp_path / "out", *arguments)
    assert ended.returncode == 2
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr


def test_what_is_no_sweep_is_refused(tmp_path: Path) -> None:
    for command in ("status", "metrics", "table", "retry", "cancel"):
        ended = sweep_command(command, tmp_path)
        assert (ended.returncode, "no sweep here" in ended.stderr) == (2, True)
    assert sweep_command("status", tmp_path / "none").returncode == 2


def test_parameters_are_listed(template: Path) -> None:
    assert (
        sweep_command("params", template).stdout
        == "a: int = 1  # a number\nb: str = 'x'\nresult square from cell 2, joined\n"
    )
    assert content(sweep_command("params", template, "--json"))["parameters"][1]["type"] == "str"


def test_papermill_users_change_one_command(template: Path, tmp_path: Path) -> None:
    (tmp_path / "more.yaml").write_text("a: 5")
    target = tmp_path / "new" / "out.ipynb"
    ended = sweep_command("execute", template, target, "-f", tmp_path / "more.yaml", "-r", "b", "007")
    assert ended.returncode == 0, ended.stderr
    cells = read_notebook(target)["cells"]
    assert "".join(cells[1]["source"]) == "# Parameters\na = 5\nb = '007'"
    assert cells[2]["outputs"][0]["data"]["text/plain"] == ["25"]


def test_a_single_notebook_that_fails_says_where(failing: Path, tmp_path: Path) -> None:
    ended = sweep_command("execute", failing, tmp_path / "o.ipynb", "-p", "a", "2")
    assert ended.returncode == 1
    assert "AssertionError in cell 2: a is two" in ended.stderr
    assert (tmp_path / "o.ipynb").exists()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["-p", "a", "-1"], ["-p", "a=-1"]),
        (["-p", "a=1"], ["-p", "a=1"]),
        (["-r", "a", "x y", "-j", "2"], ["-r", "a=x y", "-j", "2"]),
        (["-p"], ["-p", "="]),
    ],
)
def test_pairs_are_read_as_papermill_writes_them(given: list[str], expected: list[str]) -> None:
    assert join_pairs(given) == expected


def test_notebooks_can_be_generated_only(template: Path, tmp_path: Path) -> None:
    ended = sweep_command("generate", template, "--grid", "a=1:12", "--out", tmp_path / "g")
    assert "12 notebooks" in ended.stdout
    names = [f"squares-{number:02}.ipynb" for number in range(12)]
    assert sorted(path.name for path in (tmp_path / "g").iterdir()) == names
    assert "".join(read_notebook(tmp_path / "g" / names[11])["cells"][1]["source"]) == "# Parameters\na = 12"


def test_the_doctor_looks_at_this_machine() -> None:
    ended = sweep_command("doctor", "--json")
    found = {finding["what"]: finding for finding in content(ended)}
    assert ended.returncode == 0
    assert found["Python"]["good"]
    assert found["executor local"]["text"] == "can be used"
    assert "ok      Python" in sweep_command("doctor").stdout


def test_a_second_client_watches_the_first_and_a_different_one_is_refused(tmp_path: Path) -> None:
    wait = f"import os, time\nwhile not os.path.exists('{tmp_path}/go'):\n    time.sleep(0.05)"
    template = write_notebook(tmp_path / "slow.ipynb", cell("a = 1", "P"), wait, cell("a", "R"))
    out = tmp_path / "out"
    command = [sys.executable, "-m", "sweep_client.cli", "run", str(template), "--out", str(out), "--grid"]
    with subprocess.Popen([*command, "a=1:6"], stderr=subprocess.DEVNULL) as first:
        wait_until("a worker has a variant", lambda: list(out.glob("leases/*/*")))
        other = sweep_command("run", template, "--grid", "a=1:7", "--out", out)
        with subprocess.Popen([*command, "a=1:6"], stderr=subprocess.PIPE, text=True) as second:
            assert second.stderr is not None
            assert "watching it" in second.stderr.readline()
            (tmp_path / "go").touch()
            assert (first.wait(180), second.wait(180)) == (0, 0)
    assert (other.returncode, "steers this sweep" in other.stderr) == (2, True)
    assert sweep_command("table", out).stdout.count("\n") == 7


def test_an_interrupted_sweep_goes_on(tmp_path: Path) -> None:
    # Two variants end, the others wait until the sweep was interrupted, however long that takes.
    wait = f"import os, time\nwhile a > 2 and not os.path.exists('{tmp_path}/go'):\n    time.sleep(0.05)"
    template = write_notebook(tmp_path / "slow.ipynb", cell("a = 1", "P"), wait, cell("a", "R"))
    out = tmp_path / "out"
    arguments = [
        sys.executable,
        "-m",
        "sweep_client.cli",
        "run",
        str(template),
        "--out",
        str(out),
        "--grid",
        "a=1:8",
    ]
    with subprocess.Popen(arguments, stderr=subprocess.DEVNULL) as process:
        wait_until("a variant is done", lambda: list(out.glob("done/*/*.json")))
        process.send_signal(signal.SIGINT)
        assert process.wait(180) == 130
    (tmp_path / "go").touch()
    ended = sweep_command("retry", out, "--json")
    assert ended.returncode == 0, ended.stderr
    assert content(ended)["done"] == 8


def test_a_detached_sweep_is_followed_and_cancelled(tmp_path: Path) -> None:
    template = write_notebook(
        tmp_path / "slow.ipynb",
        cell("a = 1", "P"),
        "import time\ntime.sleep(1 if a < 3 else 600)",
        cell("a", "R"),
    )
    out = tmp_path / "out"
    assert sweep_command("run", template, "--grid", "a=1:4", "--out", out, "--detach").returncode == 0
    wait_until("two variants are done", lambda: len(list(out.glob("done/*/*.json"))) == 2)
    assert "cancelled" in sweep_command("cancel", out).stdout
    assert sweep_command("status", out, "--follow").returncode == 0
    found = content(sweep_command("status", out, "--json"))
    assert (found["done"], found["pending"]) == (2, 2)


def test_repair_rebuilds_the_cache_from_the_files(template: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    sweep_command("run", template, "--grid", "a=1:3", "--out", out)
    (out / "index.sqlite").write_bytes(b"spoilt" * 100)
    assert sweep_command("table", out).stdout.count("\n") == 4
    first, *_ = sorted(out.glob("done/*/*.json"))
    first.write_text("{")
    (out / "variants" / "00" / ("0" * 32) / "left-1").mkdir(parents=True)
    assert content(sweep_command("repair", out, "--json")) == {
        "records": 2,
        "unreadable": 1,
        "leases": 0,
        "folders": 2,
    }
    assert content(sweep_command("status", out, "--json"))["pending"] == 1
    assert sweep_command("run", template, "--grid", "a=1:3", "--out", out).returncode == 0


def test_a_directory_that_cannot_be_written_is_refused(template: Path) -> None:
    ended = sweep_command("run", template, "--grid", "a=1:3", "--out", "/proc/nowhere")
    assert (ended.returncode, "choose another --out" in ended.stderr) == (2, True)


def test_completion_is_offered_and_help_and_version_are_short() -> None:
    assert "--install-completion" in sweep_command("--help").stdout
    assert sweep_command("--version").stdout.strip()[0].isdigit()


def test_importing_the_package_loads_nothing_heavy() -> None:
    script = "import sys, sweep_client; sweep_client.run; print([n for n in ('numpy', 'pandas', 'pyarrow', 'IPython', 'rich', 'typer', 'nbformat') if n in sys.modules])"
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=os.environ
    )
    assert ended.stdout.strip() == "[]"
