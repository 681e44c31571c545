"""The environment of a requirements file: built once where the workers run, part of each variant's key."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweep_client.errors import ExecutorError, InputRefused
from sweep_client.files import write_json
from sweep_client.grids import grid
from sweep_client.leases import take
from sweep_client.parameter_files import read_rows
from sweep_client.preparation import Request, prepare
from sweep_client.sweep import Sweep, run
from tests.sweep_client.builders import cell, write_notebook, write_wheel


@pytest.fixture
def template(tmp_path: Path) -> Path:
    for version in ("1.0", "2.0"):
        write_wheel(tmp_path, version)
    seen = cell("import greeting, numpy, sys\n[greeting.version, sys.prefix]", "R", "name:seen")
    return write_notebook(tmp_path / "template.ipynb", cell("a = 1", "P"), seen)


def requirements(folder: Path, version: str) -> Path:
    """Write a requirements file that is served by the folder alone."""
    path = folder / f"requirements-{version}.txt"
    path.write_text(f"--no-index\n--find-links {folder}\ngreeting=={version}\n")
    return path


def seen(sweep: Sweep) -> list[list[str]]:
    """What every variant saw."""
    variants = list(sweep.results.variants())
    assert [variant.state for variant in variants] == ["done"] * len(variants), sweep.failures()
    return [variant.values["seen"].load() for variant in variants]


def test_variants_run_in_the_environment_of_their_requirements(template: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    required = requirements(tmp_path, "1.0")
    sweep = run(template, grid(a=range(3)), out, requirements=required)
    sweep.wait()
    (environment,) = [path for path in (out / "environments").iterdir() if path.is_dir()]
    assert seen(sweep) == [["1.0", str(environment)]] * 3
    assert not list((out / "environments").glob("*.lease"))


def test_other_requirements_are_another_result(template: Path, tmp_path: Path) -> None:
    for version in ("1.0", "2.0", "1.0"):
        required = requirements(tmp_path, version)
        sweep = run(template, grid(a=range(2)), tmp_path / "out", requirements=required)
        sweep.wait()
        assert [first for first, _ in seen(sweep)] == [version] * 2
    assert len(list((tmp_path / "out" / "done").rglob("*.json"))) == 4


def test_an_environment_whose_builder_died_is_built_by_another(template: Path, tmp_path: Path) -> None:
    required = requirements(tmp_path, "1.0")
    directory, planned = prepare(
        Request(template, read_rows(grid(a=[0])), requirements=required), tmp_path / "out"
    )
    file = directory.root / planned.requirements
    partial = file.with_suffix("")
    partial.mkdir()
    (partial / "rest").touch()
    write_json(directory.workers / "dead-1.json", {"worker": "dead-1", "beat": 3, "state": "ended"})
    assert take(file.with_suffix(".lease"), "dead-1")
    sweep = run(template, grid(a=range(1)), directory.root, requirements=required)
    sweep.wait()
    assert seen(sweep) == [["1.0", str(partial)]]
    assert not (partial / "rest").exists()


def test_what_pip_cannot_install_ends_the_sweep_with_its_words(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sweep_client.sweep.MOST_FRUITLESS_SUBMISSIONS", 2)
    required = requirements(tmp_path, "3.0")
    sweep = run(template, grid(a=range(2)), tmp_path / "out", requirements=required)
    with pytest.raises(ExecutorError, match="pip cannot install it") as caught:
        sweep.wait()
    log = Path(str(caught.value).split("the last log is ")[1].split(",")[0])
    assert "greeting==3.0" in log.read_text()


@pytest.mark.parametrize("line", ["-r other.txt", "--constraint=c.txt", "-e .", "./here", "file:./x.whl"])
def test_requirements_that_need_other_files_are_refused(line: str, template: Path, tmp_path: Path) -> None:
    required = tmp_path / "requirements.txt"
    required.write_text(f"numpy\n{line}\n")
    with pytest.raises(InputRefused, match=r"line 2: .* needs other files"):
        run(template, grid(a=range(1)), tmp_path / "out", requirements=required)


def test_a_token_in_an_address_is_refused_and_not_shown(template: Path, tmp_path: Path) -> None:
    required = tmp_path / "requirements.txt"
    required.write_text("--index-url https://ada:hidden@index.example/simple\nnumpy\n")
    with pytest.raises(InputRefused, match=r"line 1: an address with a name or token") as caught:
        run(template, grid(a=range(1)), tmp_path / "out", requirements=required)
    assert "hidden" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_requirements_that_are_not_there_are_refused(template: Path, tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="cannot be read: No such file"):
        run(template, grid(a=range(1)), tmp_path / "out", requirements=tmp_path / "none.txt")
