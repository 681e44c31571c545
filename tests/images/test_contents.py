"""What every image is: labelled, non-root, free of keys and of anything of the machine that built it."""

import json
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from pip._vendor import certifi

from images import build
from images.catalogue import catalogue, usual
from tests.cluster import engine
from tests.cluster.paths import ROOT, TOOLS
from tests.kube import image

pytestmark = pytest.mark.e2e

# A leaf's layers hold all its parents', so looking through the leaves looks through all.
PARENTS = {entry.parent for entry in catalogue().values()}
LEAVES = [name for name in usual() if name not in PARENTS]
CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----\n(.*?)\n-----END", re.DOTALL)
PRIVATE_KEY = "PRIVATE KEY-----"
# Test vectors and examples that Debian's packages ship.
KEYS_OF_PACKAGES = (
    "/usr/share/doc/",
    "/usr/lib/python3/dist-packages/",
    "/site-packages/",
    "/usr/share/perl",
)


def inspect(name: str) -> dict[str, Any]:
    have(name)
    found: list[dict[str, Any]] = json.loads(docker("image", "inspect", image(name)))
    return found[0]


def have(name: str) -> None:
    """The image may be in the registry alone, when another checkout built it."""
    if subprocess.run(
        [engine.docker(), "image", "inspect", image(name)], capture_output=True, check=False
    ).returncode:
        docker("pull", "--quiet", image(name))


def docker(*words: str) -> str:
    done = subprocess.run([engine.docker(), *words], capture_output=True, text=True, check=True)
    return done.stdout


def inside(name: str, script: str) -> str:
    """Output of a shell script run as root in the image, without network."""
    have(name)
    return docker("run", "--rm", "--network=none", "--user=0", "--entrypoint=sh", image(name), "-c", script)


@pytest.mark.parametrize("name", usual())
def test_an_image_says_what_it_is(name: str) -> None:
    labels = inspect(name)["Config"]["Labels"]
    prefix = "org.opencontainers.image."
    assert labels[f"{prefix}title"] == name
    assert labels[f"{prefix}version"] == (ROOT / "VERSION").read_text().strip()
    assert labels[f"{prefix}licenses"] == "Apache-2.0"
    assert labels[f"{prefix}source"]
    assert labels[f"{prefix}revision"]


@pytest.mark.parametrize("name", usual())
def test_an_image_has_an_init_process(name: str) -> None:
    assert inspect(name)["Config"]["Entrypoint"][0].endswith("tini")


@pytest.mark.parametrize("name", ["hub", "notebook"])
def test_a_server_compiles_no_grammar_when_it_starts(name: str) -> None:
    look = "import sys, jupyter_events; print('jsonschema' in sys.modules, 'lark' in sys.modules)"
    assert inside(name, f'python3 -c "{look}"').split() == ["True", "False"]


@pytest.mark.parametrize("name", LEAVES)
def test_an_image_holds_no_private_key(name: str) -> None:
    script = f"grep -rlaI --exclude-dir=proc --exclude-dir=sys -e 'BEGIN.*{PRIVATE_KEY}' /etc /opt /home /root /srv /usr/share /var 2>/dev/null; true"
    found = [
        path for path in inside(name, script).split() if not any(part in path for part in KEYS_OF_PACKAGES)
    ]
    assert found == []
    assert (
        inside(name, "ls /etc/ssh/ssh_host_*_key /etc/slurm/*.key /etc/munge/munge.key 2>/dev/null; true")
        == ""
    )


@pytest.mark.parametrize("name", LEAVES)
def test_nothing_of_the_building_machine_is_in_an_image(name: str, tmp_path: Path) -> None:
    foreign = _foreign_lines()
    patterns = tmp_path / "patterns"
    patterns.write_text(
        "\n".join([*foreign, "/run/secrets/pip", "no-such-line-so-that-the-file-is-never-empty"]) + "\n"
    )
    have(name)
    container = docker("create", image(name)).strip()
    try:
        with subprocess.Popen([engine.docker(), "export", container], stdout=subprocess.PIPE) as export:
            search = ["grep", "-a", "-c", "-F", "-f", str(patterns)]
            found = subprocess.run(search, stdin=export.stdout, capture_output=True, text=True, check=False)
        assert export.returncode == 0
    finally:
        docker("rm", container)
    assert found.stdout.strip() == "0"


def test_the_bill_of_materials_names_debian_and_python_packages_with_versions(tmp_path: Path) -> None:
    from images import sbom

    text = sbom.bill("compute", "tag", sbom.inventory(image("compute")))
    document = json.loads(text)
    components = {component["name"]: component for component in document["components"]}
    assert document["bomFormat"] == "CycloneDX"
    assert components["numpy"]["purl"].startswith("pkg:pypi/numpy@")
    assert components["tini"]["purl"].startswith("pkg:deb/debian/tini@")


def test_a_second_build_builds_and_pushes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []

    def note(command: Sequence[str | Path], **_: Any) -> str:
        ran.append(str(command[1]))
        return ""

    # Not by what the engine lists: suites that run beside this one make and pull images, too.
    monkeypatch.setattr(build, "run", note)
    registry = yaml.safe_load((TOOLS / "images.yaml").read_text())["global"]["image"]["registry"]
    assert set(build.build_all(registry, [])) == set(usual())
    assert ran == []


def _foreign_lines() -> list[str]:
    """A line of each certificate that this machine trusts and the public does not: those of a re-signing local CA.

    Public are those of Debian, now and at this machine's release, and of pip, which brings a list of its own into an image.
    """
    if not build.CA_BUNDLE.is_file():
        return []
    public = [inside("base", "cat /etc/ssl/certs/ca-certificates.crt"), Path(certifi.where()).read_text()]
    public += [path.read_text() for path in Path("/usr/share/ca-certificates").rglob("*.crt")]
    own = _certificates(build.CA_BUNDLE.read_text()) - _certificates(*public)
    return [body.split("\n")[3] for body in own if len(body.split("\n")) > 3]


def _certificates(*bundles: str) -> set[str]:
    return {body for bundle in bundles for body in CERTIFICATE.findall(bundle)}
