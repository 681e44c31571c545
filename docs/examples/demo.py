"""`make demo`: install `hpc` on a cluster and run a notebook sweep on it as its user would, over SSH.

Every step can be repeated; what is there already is kept. Everything that belongs to the demo lies in .tools/demo.
"""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import yaml

from tests.cluster.errors import ClusterError
from tests.cluster.paths import ROOT, TOOLS
from tests.cluster.steps import run, step
from tests.cluster.tools import BIN
from tests.kube import context_arguments

NAMESPACE = os.environ.get("NAMESPACE", "hpc-demo")
RELEASE = "hpc"
USER = "demo"
FOLDER = TOOLS / "demo"
KEY = FOLDER / "id_ed25519"
EXAMPLES = ROOT / "docs" / "examples"
PORT_SECONDS = 60


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
    user = {"uid": 20000, "gid": 20000, "sshKeys": [KEY.with_suffix(".pub").read_text().strip()]}
    values = FOLDER / "values.yaml"
    values.write_text(yaml.safe_dump({"global": {"users": {USER: user}}}))
    files = [ROOT / "values" / "kind.yaml", TOOLS / "images.yaml", values]
    given = [f"--values={path}" for path in files if path.exists()]
    target = ["--namespace", NAMESPACE, "--create-namespace", "--wait", "--timeout=6m"]
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
    end = time.monotonic() + 180
    command = ["ssh", *ssh_options("-p", port), f"{USER}@localhost", "test -w . && sinfo --noheader"]
    while subprocess.run(command, capture_output=True, check=False).returncode:
        if time.monotonic() > end:
            raise ClusterError(
                f"{USER} cannot log in", f"kubectl -n {NAMESPACE} logs statefulset/{RELEASE}-frontend"
            )
        time.sleep(1)


@contextlib.contextmanager
def forwarded() -> Iterator[int]:
    """A local port that leads to the frontend's SSH."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    target = [f"--namespace={NAMESPACE}", f"svc/{RELEASE}-frontend", f"{port}:22"]
    process = subprocess.Popen(
        [str(BIN / "kubectl"), *context_arguments(), "port-forward", *target], stdout=subprocess.DEVNULL
    )
    try:
        _until_open(port)
        yield port
    finally:
        process.terminate()
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
    return f"\nreport: {report}\nlog in: {forward} &\n        {login}\nremove: make demo-down"


if __name__ == "__main__":
    try:
        main()
    except ClusterError as error:
        sys.exit(f"error: {error}")
