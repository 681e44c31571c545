"""The page on exit codes and environment variables says what the code has: no more, no less."""

import re

from sweep_client import errors, worker
from sweep_client.executors.slurm_job import CARRIED
from sweep_client.files import FAULT_VARIABLE
from tests.cluster.paths import ROOT

PAGE = (ROOT / "docs" / "reference" / "exit-codes.md").read_text()
# How the code asks for a variable: by its name, or by a constant.
ASKED = re.compile(r"os\.environ(?:\.\w+\(|\[)([^,\])]+)|getenv\(([^,)]+)")
CONSTANTS = {"FAULT_VARIABLE": FAULT_VARIABLE}


def first_cells(number: int) -> list[str]:
    """The first column of a table of the page."""
    table = re.findall(r"^\|.*\|\n\| ---.*\n((?:\|.*\n)+)", PAGE, re.MULTILINE)[number]
    return [line.split("|")[1].strip() for line in table.splitlines()]


def test_every_exit_code_is_on_the_page() -> None:
    codes = {
        value
        for module in (errors, worker)
        for name, value in vars(module).items()
        if name.startswith("EXIT_")
    }
    assert {int(cell) for cell in first_cells(0)} == codes


def test_every_variable_that_is_read_is_on_the_page() -> None:
    texts = [path.read_text() for path in (ROOT / "sweep_client").rglob("*.py")]
    asked = {name or other for text in texts for name, other in ASKED.findall(text)}
    # `name` goes through those that a job is given.
    names = {CONSTANTS.get(found, found.strip("\"'")) for found in asked - {"name"}}
    assert {cell.strip("`") for cell in first_cells(1)} == names


def test_every_variable_that_a_job_is_given_is_on_the_page() -> None:
    shown = [name for cell in first_cells(2) for name in re.findall(r"`(\w+)`", cell)]
    assert sorted(shown) == sorted(CARRIED)
