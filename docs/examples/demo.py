"""`make demo`: install `hpc` on a cluster, run a notebook sweep on it as its user would, over SSH, and say where JupyterHub is.

Every step can be repeated; what is there already is kept. Everything that belongs to the demo lies in .tools/demo.
"""

import contextlib
import os
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import yaml

from tests.cluster.cluster import current_options
from tests.cluster.errors import ClusterError
from tests.cluster.paths import ROOT, TOOLS
from tests.cluster.steps import run, step
from tests.cluster.tools import BIN
from tests.kube import context_arguments, is_local
from tests.packages import ensure_package

NAMESPACE = os.environ.get("NAMESPACE", "hpc-demo")
RELEASE = "hpc"
USER = "demo"
FOLDER = TOOLS / "demo"
KEY = FOLDER / "id_ed25519"
EXAMPLES = ROOT / "docs" / "examples"
PROGRAMS = {
    "ssh-keygen": "openssh-client",
    "ssh": "openssh-client",
    "scp": "openssh-client",
    "openssl": "openssl",
}
PORT_SECONDS = 180
LOGIN_SECONDS = 300


def ready() -> None:
    """Have the programs that the demo's user types, before anything long begins."""
    try:
        for program, package in PROGRAMS.items():
            ensure_package(shutil.which(program) or f"/usr/bin/{program}", package)
    except ClusterError as error:
        sys.exit(f"error: {error}")


def main() -> None:
    """Install, sweep, fetch the report, and say how to go on."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with step("install chart hpc"):
        install()
    with forwarded() as port, step("run the sweep as Slurm jobs"):
        sweep(port)
    print(next_steps())


def install() -> None:
    """Install or upgrade the release with one user whose key is made here."""
    if not KEY.exists():
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", USER, "-f", KEY])
    values = FOLDER / "values.yaml"
    values.write_text(yaml.safe_dump(demo_values()))
    files = [ROOT / "values" / "kind.yaml", TOOLS / "images.yaml", values]
    given = [f"--values={path}" for path in files if path.exists()]
    target = ["--namespace", NAMESPACE, "--create-namespace", "--wait", "--timeout=10m"]
    run(
        [
            BIN / "helm",
            *context_arguments("--kube-context"),
            "upgrade",
            "--install",
            RELEASE,
            ROOT / "charts" / "hpc",
            *target,
            *given,
        ]
    )


def demo_values() -> dict[str, Any]:
    """One user for SSH, Slurm, notebooks and two engines; the password is made here and kept in .tools/demo."""
    user = {
        "uid": 20000,
        "gid": 20000,
        "sshKeys": [KEY.with_suffix(".pub").read_text().strip()],
        "passwordHash": run(["openssl", "passwd", "-6", "-stdin"], stdin=password()).strip(),
    }
    size = {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "1Gi"}}
    jupyter = {
        "ingress": {"enabled": is_local(), "host": host()},
        "singleuser": {"cpuRequest": 0.05},
        "engines": {"pools": {USER: {"owner": USER, "replicas": 2, "resources": size}}},
    }
    return {
        "components": {"jupyter": True},
        "global": {"users": {USER: user}},
        "slurm": {"tokens": {"enabled": True}},
        "jupyter": jupyter,
    }


def password() -> str:
    """The user's password: made once, readable by this machine's user alone."""
    path = FOLDER / "password"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(12))
    return path.read_text()


def host() -> str:
    """Name of JupyterHub at the local cluster's Ingress; names below `localhost` lead to this machine by themselves."""
    return f"{NAMESPACE}.localhost"


def sweep(port: int) -> None:
    """Copy notebook and parameters into the user's home, run the sweep on Slurm, and bring back what it made."""
    remote = f"{USER}@localhost"
    files = [str(EXAMPLES / "pricing.ipynb"), str(EXAMPLES / "tickers.csv")]
    until_login(port)
    run(["scp", *ssh_options("-P", port), *files, f"{remote}:"])
    command = "sweep run pricing.ipynb --params tickers.csv --out results --on slurm && sweep report results"
    print(run(["ssh", *ssh_options("-p", port), remote, command]))
    run(["scp", "-r", *ssh_options("-P", port), f"{remote}:results", str(FOLDER)])


def ssh_options(port_flag: str, port: int) -> list[str]:
    """Options of ssh and scp: the demo's key, and a known-hosts file of its own."""
    known = f"UserKnownHostsFile={FOLDER / 'known_hosts'}"
    # The host key is a new one in every installation; the port-forward has authenticated the way to it.
    trust = ["-o", "StrictHostKeyChecking=accept-new", "-o", "HostKeyAlias=hpc-demo", "-o", known]
    return [port_flag, str(port), "-i", str(KEY), "-o", "BatchMode=yes", *trust]


def until_login(port: int) -> None:
    """Wait until the user can log in: his account and home appear in running pods by themselves."""
    (FOLDER / "known_hosts").unlink(missing_ok=True)
    end = time.monotonic() + LOGIN_SECONDS
    command = ["ssh", *ssh_options("-p", port), f"{USER}@localhost", "test -w . && sinfo --noheader"]
    while subprocess.run(command, capture_output=True, check=False).returncode:
        if time.monotonic() > end:
            raise ClusterError(
                f"{USER} cannot log in", f"kubectl -n {NAMESPACE} logs statefulset/{RELEASE}-frontend"
            )
        time.sleep(1)


@contextlib.contextmanager
def forwarded() -> Iterator[int]:
    """A local port that leads to the frontend's SSH, for as long as the block runs."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    target = [f"--namespace={NAMESPACE}", f"svc/{RELEASE}-frontend", f"{port}:22"]
    words = shlex.join([str(BIN / "kubectl"), *context_arguments(), "port-forward", *target])
    # kubectl leaves when a pod goes, also one that was never ready; then it is started again.
    process = subprocess.Popen(
        ["bash", "-c", f"while true; do {words}; sleep 1; done"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _until_open(port)
        yield port
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def _until_open(port: int) -> None:
    end = time.monotonic() + PORT_SECONDS
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    raise ClusterError(f"port {port} does not lead to the frontend", f"kubectl -n {NAMESPACE} get pods")


def next_steps() -> str:
    """What the user does now."""
    context = " ".join(context_arguments()).replace(f"{ROOT}/", "")
    report = (FOLDER / "results" / "report.html").relative_to(ROOT)
    forward = f"kubectl {context} -n {NAMESPACE} port-forward svc/{RELEASE}-frontend 2222:22"
    login = f"ssh -p 2222 -i {KEY.relative_to(ROOT)} {USER}@localhost"
    lines = [
        f"report:     {report}",
        f"JupyterHub: {_hub()}",
        f"            user {USER}, password {password()}; engines: ipyparallel.Client(profile={USER!r})",
        f"SSH:        {forward} &",
        f"            {login}",
        "remove:     make demo-down",
    ]
    return "\n" + "\n".join(lines)


def _hub() -> str:
    if is_local():
        return f"http://{host()}:{current_options().ingress_port}"
    context = " ".join(context_arguments())
    return f"http://localhost:8000 after kubectl {context} -n {NAMESPACE} port-forward svc/{RELEASE}-proxy 8000:80"


if __name__ == "__main__":
    try:
        main()
    except ClusterError as error:
        sys.exit(f"error: {error}")
