"""The Debian image that everything starts from: pulled where a registry answers, else made equal with mmdebstrap."""

import json
import os
import shutil
import subprocess

from tests.cluster import engine
from tests.cluster.errors import ClusterError
from tests.cluster.paths import ROOT
from tests.cluster.steps import run, step, succeeds

PULL_SECONDS = 120
MIRROR = "http://deb.debian.org/debian"
# What the -slim images leave out, see https://hub.docker.com/_/debian ("slim variants").
EXCLUDED = [
    "/usr/share/doc/*",
    "/usr/share/man/*",
    "/usr/share/info/*",
    "/usr/share/locale/*",
    "/usr/share/lintian/*",
]


def image() -> str:
    """Name of the Debian image that all images start from."""
    return str(json.loads((ROOT / "images" / "versions.json").read_text())["debian"]["image"])


def ensure(mirror: str | None = None) -> str:
    """Have the base image in the local engine and return its name.

    Raises:
        ClusterError: no registry answers and mmdebstrap cannot run.
    """
    name = image()
    if succeeds([engine.docker(), "image", "inspect", name]):
        return name
    with step(f"pull {name}"):
        pulled = subprocess.run(
            ["timeout", str(PULL_SECONDS), engine.docker(), "pull", "-q", name],
            capture_output=True,
            check=False,
        )
    if pulled.returncode:
        with step(f"no registry answers: make {name} with mmdebstrap"):
            _make(name, mirror or os.environ.get("DEBIAN_MIRROR", MIRROR))
    return name


def _make(name: str, mirror: str) -> None:
    require_mmdebstrap()
    suite = name.split(":")[1].removesuffix("-slim")
    exclude = [f"--dpkgopt=path-exclude={pattern}" for pattern in EXCLUDED]
    bootstrap = ["mmdebstrap", "--quiet", "--variant=minbase", *exclude, suite, "-", mirror]
    client = engine.docker()
    with subprocess.Popen(bootstrap, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as producer:
        importing = [client, "import", "--change", 'CMD ["bash"]', "-"]
        imported = subprocess.run(
            importing, stdin=producer.stdout, capture_output=True, text=True, check=False
        )
        _, said = producer.communicate()
    if producer.returncode or imported.returncode:
        tail = (said.decode() + imported.stderr)[-2000:]
        raise ClusterError(
            f"mmdebstrap failed:\n{tail}", f"check that {mirror} can be reached (or set DEBIAN_MIRROR)"
        )
    run([client, "tag", imported.stdout.strip(), name])


def require_mmdebstrap() -> None:
    """Have mmdebstrap and Debian's keys, installing them where this user may."""
    if shutil.which("mmdebstrap"):
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise ClusterError(
            "no container registry answers and mmdebstrap is missing", "sudo apt-get install mmdebstrap"
        )
    run(["apt-get", "update", "-qq"])
    run(
        ["apt-get", "install", "-y", "-qq", "mmdebstrap", "debian-archive-keyring"],
        env={"DEBIAN_FRONTEND": "noninteractive"},
    )


if __name__ == "__main__":
    print(ensure())
