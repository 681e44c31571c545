"""What a user reads when something is missing or in the way: what, where, and the next step."""

import os
import shutil
import socket
import subprocess
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from docs.examples import demo
from tests.cluster import cluster, engine, kind_config, nfs_node, nodes, programs, tools
from tests.cluster.errors import ClusterError
from tests.cluster.paths import ROOT

ENGINE_TARGETS = ["cluster", "images", "node-image", "base-image", "e2e", "demo", "sbom", "bench-slurm"]
NEEDED = ["bash", "make", "awk", "sed", "python3", "git", "env", "timeout", "test", "touch", "cat"]
Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def bare_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A PATH with a shell and nothing of Docker or apt: the machine of somebody who has installed nothing."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for command in NEEDED:
        found = shutil.which(command)
        assert found, command
        (folder / command).symlink_to(found)
    monkeypatch.setenv("PATH", str(folder))
    engine.docker.cache_clear()
    yield folder
    # Whoever comes next must not be given a client of this test's.
    engine.docker.cache_clear()


def fake_docker(folder: Path, version: str, *, buildx: int = 0, info: int = 0) -> None:
    script = folder / "docker"
    script.write_text(
        f'#!/bin/bash\ncase "$1" in --version) echo "Docker version {version}";; buildx) exit {buildx};; *) exit {info};; esac\n'
    )
    script.chmod(0o755)


def make(target: str, path: Path, *more: str) -> str:
    """Run `make target` with that PATH and more variables, expect failure, and return what it wrote to standard error."""
    command = [
        str(path / "make"),
        "--old-file=.venv/ready",
        target,
        f"SHELL={path / 'bash'}",
        "BIN=/nonexistent",
        *more,
    ]
    environment = {"PATH": str(path), "HOME": os.environ["HOME"]}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode != 0
    return done.stderr


@pytest.mark.parametrize("target", ENGINE_TARGETS)
def test_a_target_that_needs_an_engine_names_what_to_install(target: str, bare_path: Path) -> None:
    said = make(target, bare_path)
    assert "no container engine: `docker` is not on the PATH" in said
    assert "next: apt-get install docker.io" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("target", ENGINE_TARGETS)
def test_a_target_whose_engine_does_not_run_says_how_to_start_it(target: str, bare_path: Path) -> None:
    fake_docker(bare_path, "20.10.24", info=1)
    said = make(target, bare_path)
    assert "the container engine does not answer" in said
    assert "sudo systemctl start docker" in said


@pytest.mark.parametrize("target", ["cluster", "images"])
def test_a_client_without_buildkit_is_named_with_its_path(target: str, bare_path: Path) -> None:
    fake_docker(bare_path, "28.2.2", buildx=1)
    said = make(target, bare_path)
    assert f"{bare_path}/docker: a client without BuildKit" in said
    assert "buildx plugin" in said


def test_a_client_that_neither_builds_nor_reaches_an_engine_is_no_engine(
    bare_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_docker(bare_path, "28.2.2", buildx=1, info=1)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    asked = bare_path / "asked"
    apt = bare_path / "apt-get"
    apt.write_text(f'#!/bin/bash\necho "$@" >>{asked}\n')
    apt.chmod(0o755)
    with pytest.raises(ClusterError):
        engine.ensure()
    assert "install -y -qq docker.io" in asked.read_text()


def test_an_engine_of_somebody_s_own_is_never_joined_by_a_second_one(
    bare_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_docker(bare_path, "28.2.2", buildx=1)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    apt = bare_path / "apt-get"
    apt.write_text(f"#!/bin/bash\ntouch {bare_path}/asked\n")
    apt.chmod(0o755)
    with pytest.raises(ClusterError, match="a client without BuildKit"):
        engine.ensure()
    assert not (bare_path / "asked").exists()


def test_cluster_status_without_a_cluster_says_how_to_make_one(bare_path: Path) -> None:
    said = make("cluster-status", bare_path)
    assert "there is no local cluster" in said
    assert "next: make cluster" in said


@pytest.mark.parametrize("target", ["install", "uninstall", "demo-down"])
def test_a_target_that_needs_a_cluster_says_how_to_make_or_name_one(target: str, bare_path: Path) -> None:
    said = make(target, bare_path, "LOCAL_KUBECONFIG=/nonexistent")
    assert "error: there is no local cluster\n  next: make cluster, or KUBE_CONTEXT=<name>" in said


def test_the_demo_asks_for_the_programs_of_its_user_before_it_builds_anything(
    bare_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "PROGRAMS", {"not-there": "its-package"})
    with pytest.raises(SystemExit, match=r"error: /usr/bin/not-there is missing\n  next: .*its-package"):
        demo.ready()


def test_cluster_down_without_an_engine_has_nothing_to_do(
    bare_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "SHARED", bare_path / "shared")
    monkeypatch.setattr(engine, "DAEMON_PID", bare_path / "dockerd.pid")
    cluster.down()
    assert not (bare_path / "shared").exists()


def test_a_later_client_that_builds_is_preferred_to_an_earlier_one_that_does_not(
    bare_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = tmp_path / "second"
    second.mkdir()
    fake_docker(bare_path, "28.2.2", buildx=1)
    fake_docker(second, "20.10.24")
    monkeypatch.setenv("PATH", f"{bare_path}{os.pathsep}{second}")
    assert engine.docker() == str(second / "docker")


def test_a_taken_port_is_named_with_the_variable_that_chooses_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            ClusterError,
            match=rf"port {port} on 127.0.0.1 is taken\n  next: make cluster INGRESS_PORT={port + 10}",
        ):
            cluster.require_ports(cluster.Options(ingress_port=port))


def test_a_nearly_full_disk_says_how_much_is_there_and_how_much_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(100e9, 97e9, 3e9))
    with pytest.raises(
        ClusterError, match=r"nearly full: 3\.0 GB free, 30 GB needed\n  next: free some space"
    ):
        cluster.require_disk(tmp_path, 30)


def test_a_cluster_made_with_other_options_is_not_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "MARKER", tmp_path / "cluster.json")
    monkeypatch.setattr(nodes, "names", lambda: ["hpc-control-plane"])
    (tmp_path / "cluster.json").write_text(
        '{"options": {"workers": 2, "registry_port": 5001, "ingress_port": 8080}}'
    )
    with pytest.raises(ClusterError, match=r"workers=2.*not with.*workers=5.*\n  next: make cluster-down"):
        cluster.require_same(cluster.Options(workers=5))


def test_a_node_that_cannot_be_ended_while_a_container_of_it_is_frozen_is_thawed_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "3f2a" / "kubelet.slice" / "pod.slice" / "freezer.state"
    state.parent.mkdir(parents=True)
    state.write_text("FROZEN\n")
    monkeypatch.setattr(nodes, "FREEZER", tmp_path)
    monkeypatch.setattr(nodes, "ids", lambda _cluster: ["3f2a", "of-a-host-without-this-freezer"])
    monkeypatch.setattr(tools, "ensure", lambda _names: None)
    monkeypatch.setattr(nfs_node, "down", lambda: None)
    monkeypatch.setattr(tools, "BIN", tmp_path)
    monkeypatch.setattr(cluster, "MARKER", tmp_path / "cluster.json")
    (tmp_path / "kind").write_text(f"#!/bin/sh\ngrep -q THAWED {state}\n")
    (tmp_path / "kind").chmod(0o755)
    cluster.remove_nodes()
    assert state.read_text() == "THAWED"


def test_without_go_the_message_says_why_it_is_needed(
    bare_path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(ClusterError, match=r"no `go` on the PATH.*\n  next: install Go 1\.26"):
        programs.build(["kind"])


def test_a_failed_build_quotes_the_end_of_its_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    broken = programs.Program(
        name="kind", module="sigs.k8s.io/kind", version="v0.33.0", packages=("nothing-here",)
    )
    monkeypatch.setattr(programs, "programs", lambda: {"kind": broken})
    monkeypatch.setenv("GOFLAGS", "-mod=vendor")
    with pytest.raises(ClusterError, match=r"`go install .*nothing-here@v0\.33\.0` failed"):
        programs.build(["kind"])
    assert not broken.binaries.exists()


def test_the_kind_configuration_has_the_asked_workers_and_the_shared_folder_in_each_node(
    tmp_path: Path,
) -> None:
    text = kind_config.render(workers=4, shared=tmp_path, ingress_port=8123)
    assert text.count("role: worker") == 4
    assert text.count(f"hostPath: {tmp_path}") == 5
    assert "hostPort: 8123" in text


@pytest.mark.parametrize("version", [1, 2])
def test_where_runc_would_freeze_containers_that_it_makes_systemd_does_not_hold_their_groups(
    version: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "2").touch()
    monkeypatch.setattr(kind_config, "CGROUP_V2", tmp_path / str(version))
    made = yaml.safe_load(kind_config.render(workers=1, shared=tmp_path, ingress_port=8123))
    patches = "".join(made["kubeadmConfigPatches"]), "".join(made["containerdConfigPatches"])
    ours = "cgroupDriver: cgroupfs" in patches[0], "SystemdCgroup = false" in patches[1]
    assert ours == (version == 1, version == 1)


@pytest.mark.parametrize(("ids", "ours"), [(["a", "b", "c"], True), (["x", "y", "z"], False)])
def test_a_cluster_of_another_checkout_is_not_taken_for_ours(
    ids: list[str], ours: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "MARKER", tmp_path / "cluster.json")
    cluster.MARKER.write_text('{"options": {"workers": 2}, "nodes": ["a", "b", "c"]}')
    monkeypatch.setattr(nodes, "states", lambda: dict.fromkeys(["hpc-control-plane", "w1", "w2"], "running"))
    monkeypatch.setattr(nodes, "ids", lambda: ids)
    assert cluster.is_running(cluster.Options()) is ours
