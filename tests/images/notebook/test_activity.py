"""What computes is activity, a server proves to the hub that it is the one, and homes are made as their user."""

import asyncio
import hmac
import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from tornado.httpclient import AsyncHTTPClient
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application

import images.notebook.hpc_notebook as extension
from images.notebook.hpc_notebook import SECONDS, has_busy_kernel, has_working_process
from tests.cluster.paths import ROOT

MAKE_HOME = ROOT / "images" / "notebook" / "make-home"


def make_home(
    root: Path, create: str, *more: str, name: str = "ada", wait: str = "1"
) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "HOME_ROOT": str(root),
        "HOME_WAIT_SECONDS": wait,
        "TERMINATION_LOG": str(root.parent / "reason"),
    }
    command = [str(MAKE_HOME), name, create, *more]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("state", "busy"), [("busy", True), ("idle", False)])
def test_a_running_cell_is_activity(state: str, busy: bool) -> None:
    manager = SimpleNamespace(list_kernels=lambda: [{"execution_state": state}])
    assert has_busy_kernel(manager) is busy


@pytest.mark.parametrize(
    ("command", "works"),
    [
        (["/opt/env/bin/python", "-m", "ipyparallel.controller"], True),
        (["/opt/env/bin/python", "-m", "sweep_client", "run"], True),
        (["/opt/env/bin/python", "/opt/env/bin/sweep", "run"], True),
        (["/opt/env/bin/python", "-m", "ipykernel_launcher"], False),
        (["bash"], False),
    ],
)
def test_a_sweep_or_a_controller_of_engines_is_activity(
    tmp_path: Path, command: list[str], works: bool
) -> None:
    (tmp_path / "17").mkdir()
    (tmp_path / "17" / "cmdline").write_bytes("\0".join(command).encode() + b"\0")
    (tmp_path / "18").mkdir()
    assert has_working_process(tmp_path) is works


def test_jupyter_hears_of_a_cell_that_prints_nothing_as_often_as_the_hub_asks_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("JUPYTERHUB_ACTIVITY_INTERVAL", "0.05")
    heard: dict[str, datetime] = {}
    busy = SimpleNamespace(list_kernels=lambda: [{"execution_state": "busy"}])
    application = SimpleNamespace(settings={"last_activity_times": heard})

    async def serve() -> None:
        extension._load_jupyter_server_extension(
            SimpleNamespace(kernel_manager=busy, web_app=application, base_url="/")
        )
        while not heard:
            await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(serve(), timeout=SECONDS / 2))
    assert datetime.now(UTC) - heard["hpc_notebook"] < timedelta(seconds=SECONDS)


async def proof(nonce: str) -> str:
    """What a server that has just loaded the extension answers to the hub."""
    listener, port = bind_unused_port()
    application = Application(default_host="")
    extension._load_jupyter_server_extension(SimpleNamespace(web_app=application, base_url="/user/ada/"))
    server = HTTPServer(application)
    server.add_socket(listener)
    try:
        url = f"http://127.0.0.1:{port}/user/ada/hpc/proof?nonce={nonce}"
        reply = await AsyncHTTPClient().fetch(url, raise_error=False)
        return reply.body.decode() if reply.code == 200 else str(reply.code)
    finally:
        server.stop()


def test_a_server_that_is_a_job_proves_that_it_has_the_key_and_keeps_it_from_kernels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HPC_PROOF_KEY", "key")
    assert asyncio.run(proof("17")) == hmac.digest(b"key", b"17", "sha256").hex()
    assert "HPC_PROOF_KEY" not in os.environ


def test_a_server_that_is_a_pod_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HPC_PROOF_KEY", raising=False)
    assert asyncio.run(proof("17")) == "404"


def test_a_home_is_made_once_and_private(tmp_path: Path) -> None:
    root = tmp_path / "home"
    root.mkdir()
    made = make_home(root, "true", ".ipython/profile_fast")
    assert made.returncode == 0, made.stderr
    assert (root / "ada").stat().st_mode & 0o777 == 0o700
    assert (root / "ada" / ".ipython" / "profile_fast").is_dir()
    (root / "ada" / "mine").write_text("x")
    assert make_home(root, "true").returncode == 0
    assert (root / "ada" / "mine").read_text() == "x"
    assert [path.name for path in root.iterdir()] == ["ada"]


def test_a_home_that_nobody_makes_is_a_message_in_the_pod_s_status(tmp_path: Path) -> None:
    root = tmp_path / "home"
    root.mkdir()
    refused = make_home(root, "false")
    assert refused.returncode == 1
    assert "after 1 s: is the release that makes homes running" in (tmp_path / "reason").read_text()


@pytest.mark.skipif(os.getuid() != 0, reason="giving a folder away needs root")
def test_a_home_that_is_another_s_ends_the_start(tmp_path: Path) -> None:
    root = tmp_path / "home"
    (root / "ada").mkdir(parents=True)
    os.chown(root / "ada", 12345, 12345)
    refused = make_home(root, "true")
    assert refused.returncode == 1
    assert f"is of 12345:12345, mode 755, and must be of uid {os.getuid()}" in refused.stderr
