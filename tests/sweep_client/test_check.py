from __future__ import annotations

from pathlib import Path

import pytest

from sweep_client import check
from sweep_client.check import compare_engines
from tests.sweep_client.builders import cell, write_notebook
from tests.sweep_client.corpus import CORPUS


@pytest.mark.parametrize("name", CORPUS)
def test_a_forked_notebook_has_the_outputs_that_a_kernel_writes(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTEST_CURRENT_TEST")  # under it kernels do not look at their descriptors
    cells = [cell(source, "X") for source in CORPUS[name]]
    path = write_notebook(tmp_path / "corpus.ipynb", cell("n = 1", "P"), *cells)
    differences = compare_engines(path, {"n": 5})
    assert not differences, "\n".join(map(str, differences))


def test_what_a_notebook_writes_to_descriptors_is_not_mixed_with_the_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    writing = cell("import os\nos.system('echo noise')")
    assert not compare_engines(write_notebook(tmp_path / "loud.ipynb", cell("n = 1", "P"), writing), {})
    assert capfd.readouterr().out == ""


def test_what_a_kernel_has_lost_once_is_no_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    # The second of the runs, the first in a kernel, says nothing.
    counting = cell(
        "with open('runs', 'a') as runs:\n    if runs.write('x') and runs.tell() != 2:\n        print('said')"
    )
    assert not compare_engines(write_notebook(tmp_path / "counting.ipynb", cell("n = 1", "P"), counting), {})
    assert (tmp_path / "runs").read_text() == "xxx"


def test_what_a_kernel_never_writes_is_a_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(check, "KERNEL_RUNS", 2)
    first = cell(
        "with open('runs', 'a') as runs:\n    if runs.write('x') and runs.tell() == 1:\n        print('said')"
    )
    (found,) = compare_engines(write_notebook(tmp_path / "first.ipynb", cell("n = 1", "P"), first), {})
    assert "said" in found.fork
    assert found.kernel == "nothing more"
    assert (tmp_path / "runs").read_text() == "xxx"
