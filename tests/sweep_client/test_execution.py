from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sweep_client.errors import ValueNotOpened
from tests.sweep_client.builders import cell, read_notebook
from tests.sweep_client.conftest import Execute


def texts(notebook: dict[str, Any], index: int) -> str:
    return "".join("".join(o.get("text", [])) for o in notebook["cells"][index]["outputs"])


def test_a_variant_gets_its_parameters_and_keeps_the_other_defaults(execute: Execute) -> None:
    results = execute(cell("a = 1\nb = 'kept'", "P"), cell("a, b", "R"), rows=[{"a": 2}, {"a": 3}])
    values = [variant.values["result_1"].load() for variant in results.variants()]
    assert values == [(2, "kept"), (3, "kept")]


def test_the_executed_notebook_is_as_papermill_writes_it(execute: Execute) -> None:
    import nbformat

    (variant,) = execute(cell("a = 1", "P"), "print(a)", rows=[{"a": 5}]).variants()
    content = read_notebook(variant.notebook)
    injected = content["cells"][1]
    assert injected["metadata"]["tags"] == ["injected-parameters"]
    assert "".join(injected["source"]) == "# Parameters\na = 5"
    assert texts(content, 2) == "5\n"
    assert [item["execution_count"] for item in content["cells"]] == [1, 2, 3]
    nbformat.validate(content)


def test_cells_before_the_parameters_run_once_for_all_variants(execute: Execute) -> None:
    results = execute(
        "import os\npid = os.getpid()\nprint('set up')",
        cell("a = 1", "P"),
        cell("pid", "R"),
        rows=[{"a": n} for n in range(4)],
    )
    variants = list(results.variants())
    assert len({variant.values["pid"].load() for variant in variants}) == 1
    assert all(texts(read_notebook(variant.notebook), 0) == "set up\n" for variant in variants)


def test_full_isolation_runs_all_cells_in_every_variant(execute: Execute) -> None:
    results = execute(
        "import os\npid = os.getpid()",
        cell("a = 1", "P"),
        cell("pid", "R"),
        rows=[{"a": 1}, {"a": 2}],
        isolate="full",
    )
    assert len({variant.values["pid"].load() for variant in results.variants()}) == 2


@pytest.mark.parametrize(
    ("setup", "reason"),
    [
        (
            "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
            "running threads",
        ),
        ("import socket\nconnection = socket.socket()", "open sockets"),
        ("raise OSError('no network')", "the cells before the parameters failed"),
        ("import os\nif not os.path.exists('/proc/self/once'):\n    os._exit(3)", "ended the process"),
    ],
)
def test_what_cannot_be_shared_runs_in_every_variant_and_is_said(
    execute: Execute, setup: str, reason: str
) -> None:
    (variant,) = execute(setup, cell("a = 1", "P"), cell("a", "R")).variants()
    assert variant.record is not None
    assert any(reason in note for note in variant.record["notes"])


def test_numeric_libraries_can_be_shared(execute: Execute) -> None:
    (variant,) = execute(
        "import numpy as np\nx = np.ones((300, 300)) @ np.ones((300, 300))",
        cell("a = 1", "P"),
        cell("x[0, 0]", "R"),
    ).variants()
    assert variant.record is not None
    assert variant.record["notes"] == []


def test_random_numbers_differ_between_variants_and_repeat_for_the_same(execute: Execute) -> None:
    cells = [
        "import random\nimport numpy as np\nrng = np.random.default_rng()",
        cell("a = 1", "P"),
        cell("[random.random(), float(np.random.rand()), float(rng.random())]", "R"),
    ]
    first = [v.values["result_1"].load() for v in execute(*cells, rows=[{"a": 1}, {"a": 2}]).variants()]
    assert all(one != two for one, two in zip(*first, strict=True))


def test_a_notebook_that_seeds_itself_is_left_alone(execute: Execute) -> None:
    results = execute(
        "import random\nrandom.seed(1)",
        cell("a = 1", "P"),
        cell("random.random()", "R"),
        rows=[{"a": 1}, {"a": 2}],
    )
    first, second = (variant.values["result_1"].load() for variant in results.variants())
    assert first == second == 0.13436424411240122


def test_an_error_names_the_cell_and_keeps_what_came_before(execute: Execute) -> None:
    (variant,) = execute(cell("a = 1", "P"), "print('before')", "1 / 0", "print('after')").variants()
    assert variant.state == "failed"
    assert variant.failure is not None
    assert (variant.failure.cell, variant.failure.exception, variant.failure.reason) == (
        3,
        "ZeroDivisionError",
        "error",
    )
    content = read_notebook(variant.notebook)
    assert texts(content, 2) == "before\n"
    assert content["cells"][3]["outputs"][0]["ename"] == "ZeroDivisionError"
    assert content["cells"][4]["outputs"] == []


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
        ("import os\nos._exit(7)", "exit code 7"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "out of memory"),
        ("import ctypes\nctypes.string_at(0)", "SIGSEGV"),
    ],
)
def test_a_crash_costs_one_variant(execute: Execute, source: str, message: str) -> None:
    crash = "\n".join(["if a == 1:", *("    " + line for line in source.splitlines())])
    results = execute(cell("a = 1", "P"), crash, cell("a", "R"), rows=[{"a": 0}, {"a": 1}, {"a": 2}])
    states = {variant.parameters["a"]: variant for variant in results.variants()}
    assert [states[a].state for a in range(3)] == ["done", "failed", "done"]
    failure = states[1].failure
    assert failure is not None
    assert (failure.reason, failure.cell) == ("crash", 2)
    assert message in failure.message


def test_files_written_by_a_variant_stay_in_its_folder(execute: Execute) -> None:
    results = execute(
        cell("a = 1", "P"), "file = open('own.txt', 'w')\n_ = file.write(str(a))", rows=[{"a": 1}, {"a": 2}]
    )
    for variant in results.variants():
        assert variant.notebook is not None
        assert (variant.notebook.parent / "own.txt").read_text() == str(variant.parameters["a"])


def test_files_written_before_the_parameters_are_seen_by_all_variants(execute: Execute) -> None:
    results = execute(
        "open('shared.txt', 'w').write('x')", cell("a = 1", "P"), cell("open('shared.txt').read()", "R")
    )
    (variant,) = results.variants()
    assert variant.values["result_1"].load() == "x"
    assert variant.notebook is not None
    assert not (variant.notebook.parent / "shared.txt").exists()


def test_dependencies_are_seen_by_their_name(execute: Execute, tmp_path: Any) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "numbers.txt").write_text("42")
    (tmp_path / "own_module.py").write_text("answer = 43")
    paths = (str(tmp_path / "data"), str(tmp_path / "own_module.py"))
    cells = [
        "import own_module",
        cell("a = 1", "P"),
        cell("open('data/numbers.txt').read(), own_module.answer", "R"),
    ]
    (variant,) = execute(*cells, dependencies=paths).variants()
    assert variant.values["result_1"].load() == ("42", 43)


def test_exit_functions_run_and_skipped_cells_do_not(execute: Execute) -> None:
    cells = [
        cell("a = 1", "P"),
        "import atexit\n_ = atexit.register(lambda: open('left.txt', 'w').close())",
        cell("1 / 0", "skip-execution"),
        "",
    ]
    (variant,) = execute(*cells).variants()
    assert variant.state == "done"
    assert variant.notebook is not None
    assert (variant.notebook.parent / "left.txt").exists()


def test_values_are_saved_in_safe_formats_and_read_back(execute: Execute) -> None:
    cells = [
        cell("a = 1", "P"),
        "import numpy as np, pandas as pd\nclass Own:\n    pass",
        cell("number = a + 1", "R"),
        cell("frame = pd.DataFrame({'x': [1, 2], 'y': ['a', None]})\nframe", "R"),
        cell("array = np.arange(6.0).reshape(2, 3)", "R"),
        cell("own = Own()", "R"),
        cell("print('no value')", "R", "name:nothing"),
        cell("pd.Series([1.5], name='s');", "R", "name:series"),
        cell("stamps = np.array(['2026-01-01'], dtype='datetime64[D]')", "R"),
        cell("big = list(range(300_000))", "R"),
    ]
    (variant,) = execute(*cells).variants()
    values = variant.values
    assert {name: value.kind for name, value in values.items()} == {
        "number": "json", "frame": "table", "array": "tensor", "own": "opaque", "nothing": "none", "series": "table",
        "stamps": "tensor", "big": "json",
    }  # fmt: skip
    assert values["number"].load() == 2
    assert values["frame"].load()["x"].tolist() == [1, 2]
    assert np.array_equal(values["array"].load(), np.arange(6.0).reshape(2, 3))
    assert values["series"].load().tolist() == [1.5]
    assert str(values["stamps"].load()[0]) == "2026-01-01"
    assert values["big"].load()[-1] == 299_999
    with pytest.raises(ValueNotOpened, match="allow_pickle=True"):
        values["own"].load()


def test_figures_are_saved_as_pictures(execute: Execute) -> None:
    cells = [
        cell("a = 1", "P"),
        "import matplotlib.pyplot as plt",
        cell("plt.plot([1, a])\nplt.show()", "R", "name:shown"),
        cell("figure, axes = plt.subplots()\naxes.plot([a])\nfigure", "R"),
    ]
    (variant,) = execute(*cells).variants()
    for name in ("shown", "figure"):
        assert variant.values[name].kind == "image"
        assert variant.values[name].load().startswith(b"\x89PNG")


def test_a_value_that_cannot_be_saved_does_not_fail_its_variant(execute: Execute) -> None:
    (variant,) = execute(cell("a = 1", "P"), cell("f = lambda: 1", "R")).variants()
    assert variant.state == "done"
    assert variant.values["f"].kind == "unreadable"


def test_the_first_variant_teaches_the_others_what_to_import(execute: Execute) -> None:
    cells = [
        "x = 1",
        cell("a = 1", "P"),
        "def late():\n    import colorsys, sys\n",
        "import sys\nknown = 'colorsys' in sys.modules\nlate()",
        cell("known", "R"),
    ]
    known = [
        variant.values["known"].load()
        for variant in execute(*cells, rows=[{"a": n} for n in range(3)]).variants()
    ]
    assert known == [False, True, True]
