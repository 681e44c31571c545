"""Build the product's images, parents first and some at once, and push them to a registry: `make images`.

An image whose tag (a content hash) the registry has is neither built nor pushed again. What is used is written to
.tools/images.yaml, a Helm values file. Mirrors and the CA bundle of a machine come in as build secrets and stay out.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import yaml

from images import debian
from images.catalogue import Image, catalogue, tags, usual, wheel_sources
from images.registry import digest
from tests.cluster import engine, tools
from tests.cluster.errors import ClusterError
from tests.cluster.paths import ROOT, TOOLS
from tests.cluster.steps import run, step

CA_BUNDLE = Path(os.environ.get("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt"))
SOURCE = "https://example.org/hpc-charts"
AT_ONCE = 3


def build_all(registry: str, wanted: list[str]) -> dict[str, str]:
    """Build and push what `registry` lacks of `wanted` and its parents; return each image's digest by name."""
    chosen, known, digests = _with_parents(wanted or usual()), tags(), {}
    order = TopologicalSorter({name: _parents(name) for name in chosen})
    order.prepare()
    # Half of a build is waiting for packages.
    with ThreadPoolExecutor(AT_ONCE) as pool:
        running: dict[Future[str], str] = {}
        while order.is_active():
            running |= {pool.submit(_have, registry, name, known): name for name in order.get_ready()}
            for build in wait(running, return_when=FIRST_COMPLETED).done:
                name = running.pop(build)
                digests[name] = build.result()
                order.done(name)
    _write_values(registry, {name: known[name] for name in chosen}, digests)
    return {name: digests[name] for name in chosen}


def _have(registry: str, name: str, known: dict[str, str]) -> str:
    """The digest of an image in the registry, built and pushed if need be."""
    reference = f"{registry}/{name}:{known[name]}"
    held = digest(reference)
    if held is None:
        with step(f"build {reference}"):
            _build(catalogue()[name], reference, registry, known)
            run(
                [engine.docker(), "push", "--quiet", reference],
                next_step="is the registry up (make cluster-status), and are you logged in to it (docker login)?",
            )
        held = digest(reference)
    if held is None:
        raise ClusterError(
            f"{reference} was pushed, and the registry does not show it",
            "log in with a right to read, too (docker login), then run the same command again",
        )
    return held


def _build(image: Image, reference: str, registry: str, known: dict[str, str]) -> None:
    parent = f"{registry}/{image.parent}:{known[image.parent]}" if image.parent else debian.ensure()
    with _context(image) as context, build_secrets() as secrets:
        options = [
            "--tag",
            reference,
            *secrets,
            *_labels(image),
            f"--build-arg={_parent_argument(image)}={parent}",
        ]
        if image.target:
            options += ["--target", image.target]
        run([engine.docker(), "build", "--quiet", *options, context], env=engine.BUILDKIT)


def _parent_argument(image: Image) -> str:
    return "PARENT" if image.parent else "BASE_IMAGE"


@contextmanager
def _context(image: Image) -> Iterator[Path]:
    """The image's folder, with the wheel of sweep_client beside where the image asks for it."""
    with tempfile.TemporaryDirectory(prefix="hpc-image-") as name:
        context = Path(name) / "context"
        shutil.copytree(image.folder, context)
        if image.context:
            _wheel(context / "wheels", Path(name) / "source")
        yield context


def _wheel(folder: Path, source: Path) -> None:
    """Build sweep_client's wheel from a copy, so that a stale build/ of the checkout cannot get in."""
    for path in wheel_sources():
        copy = source / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy)
    run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, source])


@contextmanager
def build_secrets() -> Iterator[list[str]]:
    """Build secrets `ca`, `apt` and `pip`; a machine without such a file gives an empty one."""
    given = {
        "ca": CA_BUNDLE,
        "apt": Path(os.environ.get("HPC_APT_SOURCES", "/nonexistent")),
        "pip": Path(os.environ.get("PIP_CONFIG_FILE", "/nonexistent")),
    }
    with tempfile.NamedTemporaryFile() as empty:
        yield [
            f"--secret=id={name},src={path if path.is_file() else empty.name}" for name, path in given.items()
        ]


def _labels(image: Image) -> list[str]:
    """OCI annotations as labels, https://github.com/opencontainers/image-spec/blob/main/annotations.md."""
    revision = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()
    values = {
        "title": image.name,
        "version": (ROOT / "VERSION").read_text().strip(),
        "revision": revision,
        "source": SOURCE,
        "licenses": "Apache-2.0",
    }
    return [f"--label=org.opencontainers.image.{key}={value}" for key, value in values.items()]


def _with_parents(wanted: list[str]) -> list[str]:
    table = catalogue()
    unknown = sorted(set(wanted) - set(table))
    if unknown:
        raise ClusterError(f"no such image: {', '.join(unknown)}", f"known are: {', '.join(table)}")
    needed = set(wanted)
    for name in reversed(table):
        if name in needed:
            needed.update(_parents(name))
    return [name for name in table if name in needed]


def _parents(name: str) -> list[str]:
    parent = catalogue()[name].parent
    return [parent] if parent else []


def _write_values(registry: str, used: dict[str, str], digests: dict[str, str]) -> None:
    """Write the values file; images built before and not named this time stay in it while they are current."""
    path = TOOLS / "images.yaml"
    before: dict[str, Any] = yaml.safe_load(path.read_text())["global"]["image"] if path.exists() else {}
    if before.get("registry") == registry:
        kept = [name for name, tag in tags().items() if before["tags"].get(name) == tag]
        used = {**{name: before["tags"][name] for name in kept}, **used}
        digests = {**{name: before["digests"][name] for name in kept}, **digests}
    TOOLS.mkdir(exist_ok=True)
    values = {"global": {"image": {"registry": registry, "tags": used, "digests": digests}}}
    # At once, since tests that run beside this read it.
    part = path.with_suffix(".part")
    part.write_text("# Written by `make images`.\n" + yaml.safe_dump(values, sort_keys=True))
    part.replace(path)


def main() -> None:
    """Entry point of `make images`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--registry", default="localhost:5001/hpc", help="host[:port]/path to push to")
    parser.add_argument("images", nargs="*", help="names of images; all but the optional ones by default")
    arguments = parser.parse_args()
    try:
        engine.ensure()
        tools.ensure(["crane"])
        build_all(arguments.registry, arguments.images)
    except ClusterError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
