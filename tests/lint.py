"""Run every linter over the files it is for and say which failed: `make lint`, and pre-commit through it."""

import subprocess
import sys
from collections.abc import Callable

from tests.cluster.paths import ROOT

VENV = f"{sys.prefix}/bin"


def main() -> int:
    """Run all; the exit code is the number of linters that failed."""
    failed = [name for name, command in _linters().items() if not _passes(name, command())]
    print(
        f"lint: {len(_linters()) - len(failed)} passed" + (f", failed: {', '.join(failed)}" if failed else "")
    )
    return len(failed)


def _linters() -> dict[str, Callable[[], list[str]]]:
    charts = [str(path.parent.relative_to(ROOT)) for path in sorted(ROOT.glob("charts/*/Chart.yaml"))]
    return {
        "ruff check": lambda: [f"{VENV}/ruff", "check", "."],
        "ruff format": lambda: [f"{VENV}/ruff", "format", "--check", "."],
        "mypy": lambda: [f"{VENV}/mypy"],
        "yamllint": lambda: [f"{VENV}/yamllint", "--strict", *_files("*.yaml", "*.yml", not_in="templates/")],
        "shellcheck": lambda: [
            f"{VENV}/shellcheck",
            "--external-sources",
            "--source-path=SCRIPTDIR",
            *_shell_scripts(),
        ],
        "hadolint": lambda: [f"{VENV}/hadolint", *_files("*Dockerfile")],
        "codespell": lambda: [
            f"{VENV}/codespell",
            *_files("*.md", "*.py", "*.yaml", "*.sh", "*.tpl", "*Dockerfile"),
        ],
        **({"helm lint": lambda: [".tools/bin/helm", "lint", "--strict", *charts]} if charts else {}),
    }


def _passes(name: str, command: list[str]) -> bool:
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if result.returncode:
        print(f"==> {name} failed\n{result.stdout}{result.stderr}")
    return result.returncode == 0


def _files(*patterns: str, not_in: str = "\0") -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", *patterns], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    return [name for name in listed.split("\0") if name and not_in not in name and (ROOT / name).is_file()]


def _shell_scripts() -> list[str]:
    """Files whose first line names a shell, whatever they are called."""
    candidates = _files("*.sh", "images/*", ".ci/*", "charts/*/files/*")
    return [
        name
        for name in candidates
        if (ROOT / name)
        .read_bytes()[:40]
        .split(b"\n")[0]
        .startswith((b"#!/bin/sh", b"#!/bin/bash", b"#!/usr/bin/env bash"))
    ]


if __name__ == "__main__":
    sys.exit(main())
