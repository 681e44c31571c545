"""Tools are the pinned ones: the user's own where it says the right version, else ours."""

import shutil
from pathlib import Path

import pytest

from tests.cluster import programs, tools


@pytest.fixture
def own_kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kubectl of the user's, on his PATH; .tools/bin is an empty folder."""
    folder = tmp_path / "own"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr(tools, "BIN", tmp_path / "bin")
    return folder / "kubectl"


def say(program: Path, version: str) -> None:
    program.write_text(f"#!/bin/sh\necho 'Client Version: {version}'\n")
    program.chmod(0o755)


def test_the_user_s_own_tool_of_the_right_version_is_used(own_kubectl: Path) -> None:
    say(own_kubectl, programs.programs()["kubernetes"].version)
    assert (tools.ensure(["kubectl"]) / "kubectl").resolve() == own_kubectl


def test_the_user_s_own_tool_of_another_version_is_not_used(
    own_kubectl: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(own_kubectl, "v1.20.0")
    built: list[list[str]] = []

    def build(names: list[str]) -> None:
        built.append(names)

    ours = own_kubectl.parent / "ours"
    ours.mkdir()
    (ours / "kubectl").touch()
    monkeypatch.setattr(tools, "build", build)
    monkeypatch.setattr(programs.Program, "binaries", ours)
    assert (tools.ensure(["kubectl"]) / "kubectl").resolve() == ours / "kubectl"
    assert built == [["kubernetes"]]


def test_a_tool_that_became_another_version_is_replaced(own_kubectl: Path) -> None:
    say(own_kubectl, programs.programs()["kubernetes"].version)
    link = tools.ensure(["kubectl"]) / "kubectl"
    say(own_kubectl, "v1.20.0")
    assert tools._linked("kubectl") is False
    assert link.is_symlink()


@pytest.mark.parametrize("name", [name for name, program in programs.programs().items() if program.go_mod])
def test_a_go_mod_of_ours_asks_for_the_version_that_versions_json_names(name: str) -> None:
    program = programs.programs()[name]
    text = (program.folder / "go.mod").read_text()
    assert f"{program.module} {program.version}" in text
    assert program.version in (program.folder / "go.sum").read_text()


def test_a_changed_file_of_ours_is_another_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, folder in (("MODULES", programs.MODULES), ("PATCHES", programs.PATCHES)):
        shutil.copytree(folder, tmp_path / name)
        monkeypatch.setattr(programs, name, tmp_path / name)
    before = {name: program.binaries for name, program in programs.programs().items()}
    (tmp_path / "PATCHES/github.com/go-acme/lego/v4/more.go").write_text("package lego")
    (tmp_path / "MODULES/registry/registry/main.go").write_text("package main")
    after = {name: program.binaries for name, program in programs.programs().items()}
    assert {name for name in after if after[name] != before[name]} == {"traefik", "registry"}
