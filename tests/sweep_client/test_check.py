from __future__ import annotations

from pathlib import Path

import pytest

from sweep_client import check
from sweep_client.check import compare_engines
from sweep_client.directory import Options
from tests.sweep_client.builders import cell, write_notebook
from tests.sweep_client.corpus import CORPUS


@pytest.mark.parametrize("name", CORPUS)
def test_a_forked_notebook_has_the_outputs_that_a_kernel_writes(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTEST_CURRENT_TEST")  # under it kernels do not look at their descriptors
    # Where a cell captures what it shows, nbclient and a kernel now and then both wait for the other: the time limit ends it.
    monkeypatch.setattr(check, "Options", lambda retries: Options(retries=retries + 2, time_seconds=90))
    cells = [cell(source, "X") for source in CORPUS[name]]
    path = write_notebook(tmp_path / "corpus.ipynb", cell("n = 1", "P"), *cells)
    differences = compare_engines(path, {"n": 5})
    assert not differences, "\n".join(map(str, differences))
