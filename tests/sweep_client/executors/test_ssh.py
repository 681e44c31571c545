"""SSH: who is let in, which hosts are believed, and a whole sweep through a frontend."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sweep_client.errors import ExecutorError
from sweep_client.executors.ssh import Connection, host_settings
from sweep_client.sweep import run
from tests.sweep_client.executors.conftest import FakeSlurm, rows
from tests.sweep_client.executors.ssh_server import Frontend


@pytest.fixture
def frontend(tmp_path: Path) -> Iterator[Frontend]:
    server = Frontend(tmp_path)
    yield server
    server.stop()


@pytest.fixture
def connection(frontend: Frontend) -> Iterator[Connection]:
    opened = Connection(**frontend.options())
    yield opened
    opened.close()


def test_a_command_gets_its_input_and_gives_code_output_and_errors(connection: Connection) -> None:
    assert connection.run(["bash", "-c", "cat; echo oops >&2; exit 3"], "hello") == (3, "hello", "oops\n")


def test_a_megabyte_goes_and_comes(connection: Connection) -> None:
    data = bytes(range(256)) * 4096
    assert connection.run_bytes("cat", data) == (0, data, "")


def test_a_connection_that_broke_is_opened_again(connection: Connection, frontend: Frontend) -> None:
    assert connection.run(["echo", "one"], "")[1] == "one\n"
    frontend.cut()
    with pytest.raises(ExecutorError, match="the connection broke"):
        connection.run(["echo", "two"], "")
    assert connection.run(["echo", "three"], "")[1] == "three\n"


def test_an_unknown_host_is_refused(frontend: Frontend, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    with pytest.raises(ExecutorError, match="the host is not known; compare its key"):
        Connection(**{**frontend.options(), "known_hosts": str(empty)}).run(["true"], "")


def test_a_host_with_another_key_is_refused(frontend: Frontend) -> None:
    import paramiko

    other = paramiko.ECDSAKey.generate()
    frontend.known_hosts.write_text(f"[127.0.0.1]:{frontend.port} {other.get_name()} {other.get_base64()}\n")
    with pytest.raises(ExecutorError, match="not the one that is known"):
        Connection(**frontend.options()).run(["true"], "")


def test_a_key_that_is_not_accepted_says_what_to_do(frontend: Frontend, tmp_path: Path) -> None:
    (tmp_path / "others").mkdir()
    other = Frontend(tmp_path / "others")
    try:
        with pytest.raises(ExecutorError, match="ssh-add"):
            Connection(**{**frontend.options(), "key": str(other.key)}).run(["true"], "")
    finally:
        other.stop()


def test_the_users_configuration_is_read(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("Host cluster\n  HostName login.example.org\n  User ada\n  Port 2222\n")
    found = host_settings("cluster", config)
    assert (found["hostname"], found["username"], found["port"]) == ("login.example.org", "ada", 2222)


def test_a_sweep_runs_over_ssh_and_leaves_nothing_behind(
    notebook: Path, tmp_path: Path, slurm: FakeSlurm, frontend: Frontend
) -> None:
    options = {**frontend.options(), "workers": 2, "python": sys.executable, "stage": str(tmp_path / "far")}
    sweep = run(notebook, rows(20), tmp_path / "results", on="slurm", executor_options=options)
    assert sweep.wait()["done"] == 20
    assert list(sweep.table()["square"]) == [number * number for number in range(20)]
    assert list((tmp_path / "far" / "runs").iterdir()) == []
    assert {path.name for path in sweep.directory.logs.glob("slurm-*")} <= {"slurm-1_0.log", "slurm-1_1.log"}


def test_a_frontend_without_sweep_client_says_how_to_install_it(
    notebook: Path, tmp_path: Path, frontend: Frontend, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "bin"
    fake.mkdir()
    (fake / "bash").write_text(
        "#!/bin/sh\necho \"ModuleNotFoundError: No module named 'sweep_client'\" >&2\nexit 1\n"
    )
    (fake / "bash").chmod(0o755)
    monkeypatch.setenv("PATH", str(fake), prepend=":")
    with pytest.raises(ExecutorError, match="pip install sweep-client"):
        run(notebook, rows(2), tmp_path / "results", on="slurm", executor_options=frontend.options())
