"""A notebook to sweep, and a Slurm made of fake programs."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

NAMES = ("sbatch", "squeue", "sacct", "scancel", "scontrol")


def write_notebook(path: Path, *, work: str = "") -> Path:
    """Write a notebook that squares `number`; `work` is a line run before."""
    sources = {"parameters": "number: int = 1", "results": f"{work}\nsquare = number * number\nsquare"}
    cells: list[dict[str, Any]] = [
        {"cell_type": "code", "id": tag, "metadata": {"tags": tags}, "execution_count": None, "outputs": [], "source": sources[tag]}
        for tag, tags in (("parameters", ["parameters"]), ("results", ["results", "concatenate"]))
    ]  # fmt: skip
    notebook = {"nbformat": 4, "nbformat_minor": 5, "cells": cells, "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}}  # fmt: skip
    path.write_text(json.dumps(notebook))
    return path


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    return write_notebook(tmp_path / "square.ipynb")


@dataclass
class FakeSlurm:
    """The folder that fake programs of Slurm share."""

    folder: Path

    def tell(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def forget(self, name: str) -> None:
        (self.folder / name).unlink()

    def calls(self, name: str = "") -> list[list[str]]:
        path = self.folder / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        found: list[list[str]] = [json.loads(line) for line in lines]
        return [call for call in found if name in ("", call[0])]

    def script(self, identity: str = "1") -> str:
        return (self.folder / f"job-{identity}").read_text()

    def option(self, name: str) -> str | None:
        words = [word for word in self.calls("sbatch")[-1] if word.startswith(f"--{name}=")]
        return words[0].partition("=")[2] if words else None


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSlurm:
    programs, state = tmp_path / "programs", tmp_path / "state"
    programs.mkdir()
    state.mkdir()
    source = Path(__file__).with_name("fake_slurm.py").read_text()
    for name in NAMES:
        (programs / name).write_text(f"#!{sys.executable}\n{source}")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    monkeypatch.setenv("FAKE_SLURM", str(state))
    return FakeSlurm(state)


def rows(count: int, **more: Any) -> list[dict[str, Any]]:
    """Parameters of so many variants."""
    return [{"number": number, **more} for number in range(count)]
