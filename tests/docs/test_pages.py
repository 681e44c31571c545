"""Pages keep to their limits: links lead somewhere, README is short and opens with its two commands, no local path."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.cluster.paths import ROOT

LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")
MAKE = re.compile(r"^\s*(?:\$ )?make ([a-z0-9-]+)", re.MULTILINE)


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", *patterns], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


PAGES = tracked("*.md")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_file(page: Path) -> None:
    targets = [target for target in LINK.findall(page.read_text()) if "://" not in target]
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_make_target_that_a_page_names_exists(page: Path) -> None:
    known = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    blocks = re.findall(r"```(?:console|sh|bash)\n(.*?)```", page.read_text(), re.DOTALL)
    named = {target for block in blocks for target in MAKE.findall(block)}
    assert named <= known


def test_the_readme_is_short_and_opens_with_its_two_commands() -> None:
    lines = (ROOT / "README.md").read_text().splitlines()
    assert len(lines) <= 150
    commands = [line.split("#")[0].strip() for line in lines if line.startswith("make ")]
    assert commands[:2] == ["make demo", "make check"]


def test_a_dockerfile_that_a_page_shows_is_the_example_s() -> None:
    page = (ROOT / "docs" / "how-to" / "add-python-packages.md").read_text()
    (shown,) = re.findall(r"```dockerfile\n(.*?)```", page, re.DOTALL)
    assert shown == (ROOT / "docs" / "examples" / "pytorch" / "Dockerfile").read_text()


def test_no_file_names_a_path_of_one_machine() -> None:
    found = subprocess.run(
        [
            "git",
            "grep",
            "-nIE",
            r"(^|[^A-Za-z0-9_.-])/(work|root/\.cache|farm)/",
            "--",
            ".",
            ":!tests/docs/test_pages.py",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stdout == ""


def test_make_help_lists_every_public_target_with_one_line() -> None:
    said = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    public = re.findall(r"^([a-z0-9-]+):.*## \S", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {"demo", "check", "lint", "test", "e2e", "cluster", "cluster-down", "images"} <= set(public)
    assert [target for target in public if not re.search(rf"^  {target} +\S", said, re.MULTILINE)] == []
