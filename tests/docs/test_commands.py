"""Commands of how-to pages are run by a test, or the page says that they are not."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.cluster.paths import ROOT
from tests.docs.documented import BLOCK, PAGES, commands, sections

MARK = "Not run by our tests:"
# Pages whose commands tests run in words of their own, or that CI itself runs.
ELSEWHERE = {
    "back-up-and-restore-homes": "tests/charts/nfs/test_server.py",
    "know-what-a-sweep-costs": "tests/sweep_client/test_cost.py",
    "make-a-release": "tests/charts/test_package.py",
    "run-a-shared-home": "tests/charts/nfs/test_restart.py",
    "run-a-sweep-on-a-cluster": "tests/sweep_client/executors/test_clusters_e2e.py",
    "run-benchmarks": "tests/benchmarks/test_on_a_cluster.py",
    "run-jupyterhub": "tests/charts/jupyter/conftest.py",
    "run-slurm": "tests/charts/slurm/conftest.py",
    "run-the-tests": ".ci/run",
}
Block = tuple[str, str, int]


def followed() -> set[Block]:
    """(page, heading, number) of every block that a test runs by `follow`."""
    return {
        block
        for path in ROOT.glob("tests/**/test_*.py")
        if "follow(" in (text := path.read_text())
        for block in _calls(ast.parse(text))
    }


def _calls(module: ast.Module) -> Iterator[Block]:
    names = {
        target.id: node.value.value
        for node in module.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "follow" and len(node.args) > 1:
            page, heading = (
                names.get(word.id) if isinstance(word, ast.Name) else ast.literal_eval(word)
                for word in node.args[:2]
            )
            number = next((word.value for word in node.keywords if word.arg == "block"), ast.Constant(0))
            yield str(page), str(heading), int(ast.literal_eval(number))


def marked(text: str) -> list[bool]:
    """For each block of commands whether the line before it says that no test runs it."""
    above = [text[: found.start()] for found in BLOCK.finditer(text)]
    return [part.rstrip().rpartition("\n")[2].strip() == MARK for part in above]


PAGE_NAMES = sorted(path.stem for path in PAGES.glob("*.md"))


@pytest.mark.parametrize("page", PAGE_NAMES)
def test_every_command_is_run_or_said_not_to_be(page: str) -> None:
    run = followed()
    bare = [
        f"{heading or 'top'}, block {number}"
        for heading, text in sections(page).items()
        for number, said in enumerate(marked(text))
        if not said and (page, heading, number) not in run
    ]
    assert page in ELSEWHERE or bare == []


def test_every_block_that_a_test_follows_is_there() -> None:
    for page, heading, number in followed():
        assert len(commands(page, heading)) > number, f"{page}: {heading}"


def test_the_tests_that_run_pages_in_words_of_their_own_exist() -> None:
    assert set(ELSEWHERE) <= set(PAGE_NAMES)
    assert [path for path in ELSEWHERE.values() if not (ROOT / path).is_file()] == []


@pytest.mark.parametrize("page", PAGE_NAMES)
def test_a_how_to_page_says_how_to_see_that_it_worked(page: str) -> None:
    text = (PAGES / f"{page}.md").read_text()
    assert re.search(r"\*\*Check:\*\*|[Ii]t worked", text), page
