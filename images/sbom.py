"""A bill of materials (CycloneDX 1.6) per image: `make sbom` writes .tools/sbom/<image>.cdx.json.

Asked of the image itself: Debian's packages from dpkg, Python's from the environment's own metadata, npm's from node_modules.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import yaml
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from tests.cluster import engine
from tests.cluster.errors import ClusterError
from tests.cluster.paths import TOOLS
from tests.cluster.steps import run, step

# One line per package: type, name, version. POSIX shell, since not every image has Python.
INVENTORY = r"""
dpkg-query --show --showformat='deb ${Package} ${Version}\n'
for metadata in /opt/*/lib/python3*/site-packages/*.dist-info/METADATA; do
  [ -f "$metadata" ] && sed -n -e '/^Name: /{s///;h}' -e '/^Version: /{s///;H;x;s/\n/ /;s/^/pypi /;p;q}' "$metadata"
done
find / -xdev -path '*/node_modules/*' -name package.json -prune 2>/dev/null | while read -r package; do
  sed -n -e 's/^  "name": "\(.*\)",*$/\1/p' -e 's/^  "version": "\(.*\)",*$/\1/p' "$package" | head -n 2 | tr '\n' ' ' | sed 's/^/npm /;s/ $/\n/'
done
true
"""


def inventory(reference: str) -> list[tuple[str, str, str]]:
    """(type, name, version) of every package in an image, sorted; types are those of package URLs."""
    command = [
        engine.docker(),
        "run",
        "--rm",
        "--network=none",
        "--user=0",
        "--entrypoint=sh",
        reference,
        "-c",
        INVENTORY,
    ]
    lines = run(command).splitlines()
    return sorted(
        {
            (kind, name, version)
            for kind, name, version in (line.split() for line in lines if line.count(" ") == 2)
        }
    )


def bill(name: str, version: str, packages: list[tuple[str, str, str]]) -> str:
    """The CycloneDX document of one image as JSON."""
    image = Component(name=name, version=version, type=ComponentType.CONTAINER)
    bom = Bom()
    bom.metadata.component = image
    for kind, package, package_version in packages:
        namespace = "debian" if kind == "deb" else None
        url = PackageURL(kind, namespace, package, package_version)
        bom.components.add(Component(name=package, version=package_version, purl=url, bom_ref=str(url)))
    bom.register_dependency(image, bom.components)
    text: str = JsonV1Dot6(bom).output_as_string(indent=1)
    return text


def write_all(folder: Path) -> list[Path]:
    """Write one document per image of .tools/images.yaml; a document of the same tag is kept."""
    used = yaml.safe_load((TOOLS / "images.yaml").read_text())["global"]["image"]
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, tag in used["tags"].items():
        path = folder / f"{name}.cdx.json"
        if not path.exists() or json.loads(path.read_text())["metadata"]["component"]["version"] != tag:
            with step(f"bill of materials of {name}"):
                reference = f"{used['registry']}/{name}:{tag}"
                subprocess.run(
                    [engine.docker(), "pull", "--quiet", reference], check=False, capture_output=True
                )
                path.write_text(bill(name, tag, inventory(reference)))
        written.append(path)
    return written


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="write a bill of materials per image")
    parser.add_argument("--out", type=Path, default=TOOLS / "sbom")
    try:
        engine.ensure()
        write_all(parser.parse_args().out)
    except ClusterError as error:
        sys.exit(f"error: {error}")
