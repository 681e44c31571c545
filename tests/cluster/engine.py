"""Find the container engine and a client that builds with BuildKit; on a bare Debian machine with root, bring it.

The only engine this module starts is its own child; `stop` ends only that one.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from functools import cache as cached
from pathlib import Path

from tests.cluster.errors import ClusterError
from tests.cluster.paths import HERE, TOOLS, cache
from tests.cluster.steps import run, step, succeeds

BUILDKIT = {"DOCKER_BUILDKIT": "1"}
CAP_SYS_RESOURCE = 24
DAEMON_PID = TOOLS / "dockerd.pid"
DAEMON_LOG = TOOLS / "dockerd.log"
START_SECONDS = 180


@cached
def docker() -> str:
    """Path of a docker client that can build with BuildKit.

    Raises:
        ClusterError: there is no client, or none of those on the PATH knows BuildKit.
    """
    clients = _clients()
    if not clients:
        raise ClusterError("no container engine: `docker` is not on the PATH", "apt-get install docker.io")
    for client in clients:
        if _builds(client):
            return client
    raise ClusterError(
        f"{', '.join(clients)}: a client without BuildKit (no buildx plugin), so images cannot be built",
        "apt-get install docker.io, or install docker's buildx plugin",
    )


def ensure() -> None:
    """Make an engine answer: install it and start it where this user may, else say what to do."""
    if not _is_installed() and _may_install():
        with step("install the container engine (docker.io)"):
            run(["apt-get", "update", "-qq"])
            run(["apt-get", "install", "-y", "-qq", "docker.io"], env={"DEBIAN_FRONTEND": "noninteractive"})
    if answers():
        return
    client = docker()
    if os.geteuid() != 0 or shutil.which("dockerd") is None:
        raise ClusterError(
            f"the container engine does not answer ({client} info)",
            "start it: `sudo systemctl start docker`; or join its group: `sudo usermod -aG docker $USER`",
        )
    _start()


def _is_installed() -> bool:
    """Whether a client is of use: a machine may have one alone, without an engine and without BuildKit."""
    return any(_builds(client) or succeeds([client, "info"]) for client in _clients())


def answers() -> bool:
    """Whether an engine answers this user."""
    return _is_installed() and succeeds([docker(), "info"])


def stop() -> None:
    """End the engine that `ensure` started, and take its bridge away; an engine of someone else stays."""
    if not DAEMON_PID.exists():
        return
    pid = int(DAEMON_PID.read_text())
    if _is_our_daemon(pid):
        with step("stop the container engine that `make cluster` had started"):
            os.kill(pid, 15)
            _until(lambda: not Path(f"/proc/{pid}").exists())
        succeeds(["ip", "link", "delete", "docker0"])
    DAEMON_PID.unlink()


def _is_our_daemon(pid: int) -> bool:
    try:
        return b"dockerd" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return False


def lacks_sys_resource() -> bool:
    """Whether this process may not give CAP_SYS_RESOURCE to a container (see capabilities(7))."""
    status = Path("/proc/self/status").read_text()
    bounding = int(status.split("CapBnd:")[1].split()[0], 16)
    return not bounding >> CAP_SYS_RESOURCE & 1


def _start() -> None:
    if Path("/run/systemd/system").is_dir() and not lacks_sys_resource():
        run(["systemctl", "start", "docker"])
        return
    command = ["dockerd"]
    if lacks_sys_resource():
        command += ["--add-runtime", f"hpc={_runtime()}", "--default-runtime", "hpc"]
    TOOLS.mkdir(exist_ok=True)
    with step("start the container engine"):
        with DAEMON_LOG.open("w") as log:
            daemon = subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )
        DAEMON_PID.write_text(str(daemon.pid))
        if not _until(answers):
            tail = "\n".join(DAEMON_LOG.read_text().splitlines()[-5:])
            raise ClusterError(f"dockerd did not come up in {START_SECONDS} s:\n{tail}", f"read {DAEMON_LOG}")


def _runtime() -> Path:
    """The wrapper round runc, kept where it outlives this checkout as the engine does."""
    cache().mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy2(HERE / "runc-without-sys-resource", cache()))


def _until(condition: object) -> bool:
    assert callable(condition)
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.5)
    return False


def _clients() -> list[str]:
    folders = os.environ.get("PATH", "").split(os.pathsep)
    found = [
        str(Path(folder) / "docker") for folder in folders if os.access(Path(folder) / "docker", os.X_OK)
    ]
    return list(dict.fromkeys(found))


def _builds(client: str) -> bool:
    """BuildKit is a plugin since client 23; before, DOCKER_BUILDKIT=1 was enough."""
    version = subprocess.run([client, "--version"], capture_output=True, text=True, check=False).stdout
    major = re.search(r"version (\d+)", version)
    return bool(major and int(major[1]) < 23) or succeeds([client, "buildx", "version"])


def _may_install() -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


if __name__ == "__main__":
    try:
        {"start": ensure, "stop": stop}[sys.argv[1]]()
    except ClusterError as error:
        sys.exit(f"error: {error}")
