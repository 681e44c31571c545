"""What a release is made of, in dist/: charts that name their images by digest, client, bills of materials, checksums.

`make package` makes it from the images that `make images` built; `make publish` puts images and charts into a registry.
"""

import argparse
import hashlib
import json
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from docs import generate
from tests.cluster.errors import ClusterError
from tests.cluster.paths import ROOT, TOOLS
from tests.cluster.steps import run, step
from tests.cluster.tools import BIN

DIST = ROOT / "dist"
CHARTS = ROOT / "charts"
# Dependencies are packed anew; the suites stay out by each chart's .helmignore.
LEFT_OUT = shutil.ignore_patterns("charts", "__pycache__", "Chart.lock")


def package(registry: str, folder: Path = DIST) -> None:
    """Write a release into `folder`, whose charts take their images from `registry` by digest.

    Raises:
        ClusterError: images are not built, or a tool failed.
    """
    images = built_images()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with step("package the charts"):
        package_charts(registry, images["digests"], folder / "charts")
    with step("build the client's wheel and source archive"):
        run([sys.executable, "-m", "build", "--outdir", folder, ROOT])
    shutil.copytree(TOOLS / "sbom", folder / "sbom")
    (folder / "images.txt").write_text(
        "".join(f"{registry}/{name}@{digest}\n" for name, digest in sorted(images["digests"].items()))
    )
    (folder / "compatibility.md").write_text(generate.compatibility())
    write_checksums(folder)


def built_images() -> dict[str, Any]:
    """Registry, tags and digests of the images that this checkout built last.

    Raises:
        ClusterError: none are built.
    """
    path = TOOLS / "images.yaml"
    if not path.exists():
        raise ClusterError("no images are built: .tools/images.yaml is missing", "make images")
    return dict(yaml.safe_load(path.read_text())["global"]["image"])


def package_charts(registry: str, digests: dict[str, str], folder: Path) -> list[Path]:
    """Write one archive per chart, each with `registry` and `digests` in its Chart.yaml; give them in order of names."""
    with tempfile.TemporaryDirectory(prefix="hpc-package-") as name:
        copies = Path(name)
        sources = sorted(path.parent for path in CHARTS.glob("*/Chart.yaml"))
        for source in sources:
            shutil.copytree(source, copies / source.name, ignore=LEFT_OUT)
            with (copies / source.name / "Chart.yaml").open("a") as chart:
                annotations = {"hpc/registry": registry, "hpc/digests": json.dumps(digests, sort_keys=True)}
                chart.write(yaml.safe_dump({"annotations": annotations}))
        for source in sources:
            run(
                [
                    BIN / "helm",
                    "package",
                    "--dependency-update",
                    copies / source.name,
                    "--destination",
                    folder,
                ]
            )
    return sorted(folder.glob("*.tgz"))


def write_checksums(folder: Path) -> None:
    """Write SHA256SUMS over all files of a release, as `sha256sum --check` reads it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "SHA256SUMS")
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder)}" for path in files]
    (folder / "SHA256SUMS").write_text("\n".join(lines) + "\n")


def publish(folder: Path = DIST) -> None:
    """Copy a release's images and push its charts to the registry that its charts name.

    Raises:
        ClusterError: there is no release in `folder`, or the registry refused.
    """
    archives = sorted((folder / "charts").glob("*.tgz"))
    if not archives:
        raise ClusterError(f"no charts in {folder.relative_to(ROOT)}/charts", "make package")
    version = (ROOT / "VERSION").read_text().strip()
    built_in = built_images()["registry"]
    plain = []
    for line in (folder / "images.txt").read_text().splitlines():
        registry, name, digest = re.fullmatch(r"(.+)/([^/]+)@(.+)", line).groups()  # type: ignore[union-attr]
        plain = ["--plain-http"] if registry.startswith(("localhost", "127.0.0.1")) else []
        run([BIN / "crane", "copy", f"{built_in}/{name}@{digest}", f"{registry}/{name}:{version}"])
    for archive in archives:
        run([BIN / "helm", "push", *plain, archive, f"oci://{registry}/charts"])
        print(f"oci://{registry}/charts/{archive.stem.removesuffix(f'-{version}')} --version {version}")


def main() -> None:
    """Entry point of `make package` and `make publish`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("action", choices=["package", "publish"])
    parser.add_argument("--registry", default="", help="host/path that the release's charts take images from")
    arguments = parser.parse_args()
    try:
        if arguments.action == "package":
            package(arguments.registry or built_images()["registry"])
        else:
            publish()
    except ClusterError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
