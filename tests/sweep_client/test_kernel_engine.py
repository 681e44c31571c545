from __future__ import annotations

import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sweep_client.grids import grid
from sweep_client.results import Results
from sweep_client.sweep import run
from tests.packages import ensure_package
from tests.sweep_client.builders import cell, read_notebook, write_notebook
from tests.sweep_client.conftest import Execute


@pytest.fixture(scope="module", autouse=True)
def bash_kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A specification of the bash kernel, as its installer writes it."""
    folder = tmp_path_factory.mktemp("jupyter") / "kernels" / "bash"
    folder.mkdir(parents=True)
    argv = f'["{sys.executable}", "-m", "bash_kernel", "-f", "{{connection_file}}"]'
    (folder / "kernel.json").write_text(f'{{"argv": {argv}, "display_name": "Bash", "language": "bash"}}')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(folder.parent.parent))
        yield


def test_a_python_notebook_gives_the_same_values_in_a_kernel(execute: Execute) -> None:
    cells = [
        cell("a = 1", "P"),
        "import pandas as pd",
        cell("pd.DataFrame({'x': [a]})", "C", "name:frame"),
        cell("total = a + 1", "R"),
        cell("print('nothing')", "R", "name:nothing"),
    ]
    (variant,) = execute(*cells, rows=[{"a": 4}], engine="kernel").variants()
    assert variant.state == "done", variant.failure
    assert variant.values["frame"].load()["x"].tolist() == [4]
    assert variant.values["total"].load() == 5
    assert variant.values["nothing"].kind == "none"


def test_an_error_in_a_kernel_names_its_cell(execute: Execute) -> None:
    (variant,) = execute(
        cell("a = 1", "P"), cell("1 / 0", "X"), "raise ValueError('no')", "print('after')", engine="kernel"
    ).variants()
    assert variant.failure is not None
    assert (variant.failure.cell, variant.failure.exception, variant.failure.message) == (
        3,
        "ValueError",
        "no",
    )


def test_a_kernel_that_dies_costs_one_variant(execute: Execute) -> None:
    source = "import os\nif a == 1:\n    os._exit(1)"
    results = execute(cell("a = 1", "P"), source, rows=[{"a": 1}, {"a": 2}], engine="kernel")
    first, second = results.variants()
    assert first.failure is not None
    assert (first.failure.reason, first.failure.cell) == ("kernel", 2)
    assert second.state == "done"


def test_kernels_of_workers_in_one_folder_have_sockets_of_their_own(tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    source = "import os, time\ntime.sleep(0.3)\n[a, os.listdir()]"
    template = write_notebook(tmp_path / "template.ipynb", cell("a = 1", "P"), cell(source, "R", "name:seen"))
    sweep = run(
        template,
        grid(a=range(4)),
        tmp_path / "out",
        executor_options={"workers": 2},
        directory=str(here),
        engine="kernel",
        retries=0,
    )
    sweep.wait()
    variants = Results(sweep.directory).variants()
    assert [variant.values["seen"].load() for variant in variants] == [[number, []] for number in range(4)]


def test_other_languages_run_in_their_kernels(execute: Execute) -> None:
    cells = [cell("word=none", "P"), "echo before $word", cell("echo $word", "R", "name:word")]
    (variant,) = execute(*cells, rows=[{"word": "given"}], language="bash").variants()
    assert variant.state == "done", variant.failure
    assert variant.record is not None
    assert variant.values["word"].load() == "given"
    assert read_notebook(variant.notebook)["cells"][2]["outputs"][0]["text"] == ["before given\n"]


@pytest.mark.full
def test_an_r_notebook_takes_typed_parameters_and_gives_its_values(execute: Execute) -> None:
    ensure_package("/usr/share/jupyter/kernels/ir/kernel.json", "r-cran-irkernel")
    cells = [
        cell("rate = 0.5\nname = 'x'\nflag = TRUE\nitems = list(1, 2)", "P"),
        cell("rate * 2", "R", "name:twice"),
        cell("paste(name, length(items), flag)", "R", "name:text"),
        "plot(1:3)",
    ]
    row = {"rate": 0.1, "name": "ü", "flag": False, "items": [1, 2, 3]}
    (variant,) = execute(*cells, rows=[row], language="R").variants()
    assert variant.state == "done", variant.failure
    assert {name: value.load() for name, value in variant.values.items()} == {
        "twice": 0.2,
        "text": "ü 3 FALSE",
    }
    assert "image/png" in read_notebook(variant.notebook)["cells"][-1]["outputs"][0]["data"]


def test_a_kernel_is_shown_no_files_of_others(execute: Execute, tmp_path: Path) -> None:
    (variant,) = execute(cell("a = 1", "P"), "open('own.txt', 'w').close()", engine="kernel").variants()
    assert variant.notebook is not None
    assert stat.S_ISREG((variant.notebook.parent / "own.txt").stat().st_mode)


def test_a_kernel_s_client_is_imported_once_and_not_in_each_variant() -> None:
    look = "import sys, sweep_client.kernel_engine; print('nbclient' in sys.modules, 'zmq' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", look], check=True, capture_output=True, text=True)
    assert answer.stdout.split() == ["True", "True"]
