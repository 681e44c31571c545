"""Programs that tests need, from Debian's packages."""

import fcntl
import os
import shutil
import subprocess

from tests.cluster.errors import ClusterError
from tests.cluster.paths import TOOLS


def ensure_package(path: str, package: str) -> str:
    """Give the path of a file, installing the Debian package that brings it first if it is missing.

    Raises:
        ClusterError: it cannot be installed here.
    """
    TOOLS.mkdir(exist_ok=True)
    # Two suites may miss it at once, and what dpkg has only unpacked does not run yet.
    with (TOOLS / "packages.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.access(path, os.R_OK):
            _install(path, package)
    return path


def _install(path: str, package: str) -> None:
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise ClusterError(f"{path} is missing", f"sudo apt-get install {package}")
    install = ["apt-get", "install", "--yes", "--no-install-recommends", package]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update"], install):
        result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if result.returncode:
            raise ClusterError(f"{' '.join(command)} failed: {result.stderr.strip()[-500:]}", "see above")
    if not os.access(path, os.R_OK):
        raise ClusterError(f"the package {package} brought no {path}", f"look where: dpkg -L {package}")
