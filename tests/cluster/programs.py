"""Build the Go programs that the cluster and the tools consist of, once per version.

Versions stand in images/versions.json under "go". A program whose module cannot be installed by `go install` (it has
`replace` lines, or its version list is not served) is built with a go.mod of ours under modules/, written by `make go-modules`;
so are those that speak to Kubernetes, all with one go.mod, since its libraries are what takes long and are compiled once then.
The others are installed with the go.sum that their module publishes, checked by Go's sum database.

Two programs have a main package of ours beside that go.mod, and files under patches/ take the place of a module's own: what is
left out there brings the SDK of a cloud each, which a local cluster never asks.
"""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.cluster.errors import ClusterError
from tests.cluster.paths import HERE, ROOT, cache
from tests.cluster.steps import run, step

MODULES = HERE / "modules"
PATCHES = HERE / "patches"


@dataclass(frozen=True)
class Program:
    """One entry of images/versions.json's "go" table."""

    name: str
    module: str
    version: str
    packages: tuple[str, ...]
    ldflags: str = ""
    go_mod: str = ""
    replaced_by: str = ""
    patched: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """The folder with the go.mod and go.sum of ours that this program is built with."""
        return MODULES / self.go_mod

    @property
    def paths(self) -> list[str]:
        """Import paths of the main packages; a main package of ours is relative to `folder`."""
        return [
            package if package.startswith("./") else f"{self.module}/{package}".rstrip("/")
            for package in self.packages
        ]

    @cached_property
    def binaries(self) -> Path:
        """The cache folder of this exact build."""
        recipe = json.dumps([self.module, self.version, self.paths, self.ldflags])
        folders = [self.folder] if self.go_mod else []
        folders += [PATCHES / module for module in self.patched]
        for file in sorted(path for folder in folders for path in folder.rglob("*") if path.is_file()):
            recipe += file.read_text()
        digest = hashlib.sha256(recipe.encode()).hexdigest()[:12]
        return cache() / "bin" / f"{self.name}-{self.version}-{digest}"


def programs() -> dict[str, Program]:
    """All programs by name."""
    table = json.loads((ROOT / "images" / "versions.json").read_text())["go"]
    return {
        name: Program(
            name=name,
            **{**entry, "packages": tuple(entry["packages"]), "patched": tuple(entry.get("patched", ()))},
        )
        for name, entry in table.items()
    }


def build(names: Sequence[str]) -> dict[str, Path]:
    """Build what is missing of `names` and return each one's folder of binaries.

    Raises:
        ClusterError: Go is absent or too old, or a build failed.
    """
    table = programs()
    missing = [table[name] for name in names if not table[name].binaries.is_dir()]
    if missing:
        _require_go()
        for number, program in enumerate(missing, 1):
            with step(f"build {program.name} {program.version} ({number} of {len(missing)})"):
                _build(program)
    return {name: table[name].binaries for name in names}


def module_folder(name: str) -> Path:
    """The source tree of a program's module, as the module cache has it; kept apart since caches are dropped."""
    program = programs()[name]
    kept = cache() / "source" / f"{name}-{program.version}"
    if not kept.is_dir():
        _require_go()
        text = run(
            ["go", "mod", "download", "-json", f"{program.module}@{program.version}"],
            env=_go_environment(),
            cwd=HERE,
        )
        work = kept.with_name(kept.name + ".tmp")
        shutil.rmtree(work, ignore_errors=True)
        for folder in ("images", "build", "api/openapi-spec"):
            source = Path(json.loads(text)["Dir"]) / folder
            if source.is_dir():
                shutil.copytree(source, work / folder)
        work.rename(kept)
    return kept


def drop_build_caches() -> None:
    """Remove Go's module and build caches of ours (17 GB after a full build); the binaries stay."""
    subprocess.run(["go", "clean", "-modcache"], env=_go_environment(), check=False, capture_output=True)
    shutil.rmtree(cache() / "go-build", ignore_errors=True)


def _build(program: Program) -> None:
    work = program.binaries.with_name(program.binaries.name + ".tmp")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    flags = ["-trimpath", "-ldflags", f"-s -w {program.ldflags}".strip()]
    if program.go_mod:
        command = ["go", "build", "-mod=readonly", *flags, "-o", f"{work}/", *program.paths]
        with _sources(program) as folder:
            run(command, env=_go_environment(), cwd=folder)
    else:
        wanted = [f"{path}@{program.version}" for path in program.paths]
        run(["go", "install", *flags, *wanted], env={**_go_environment(), "GOBIN": str(work)}, cwd=HERE)
    work.rename(program.binaries)


@contextmanager
def _sources(program: Program) -> Iterator[Path]:
    """The folder to build in: where modules are patched, a copy whose go.mod names the patched ones."""
    if not program.patched:
        yield program.folder
        return
    with tempfile.TemporaryDirectory(prefix=f"{program.name}-", dir=cache()) as name:
        folder = Path(name)
        shutil.copytree(program.folder, folder, dirs_exist_ok=True)
        for module in program.patched:
            text = run(["go", "mod", "download", "-json", module], env=_go_environment(), cwd=program.folder)
            shutil.copytree(json.loads(text)["Dir"], folder / "patched" / module)
            shutil.copytree(PATCHES / module, folder / "patched" / module, dirs_exist_ok=True)
            run(["go", "mod", "edit", f"-replace={module}=./patched/{module}"], cwd=folder)
        yield folder


def _go_environment() -> dict[str, str]:
    return {
        **os.environ,
        "CGO_ENABLED": "0",
        "GOCACHE": str(cache() / "go-build"),
        "GOMODCACHE": str(cache() / "go-mod"),
        "GOFLAGS": "-buildvcs=false -modcacherw",
        "GOWORK": "off",
        # A compiler lives for seconds: with a collector that runs less often it takes a fifth less time, and some more memory.
        "GOGC": "400",
    }


def _require_go() -> None:
    if shutil.which("go") is None:
        raise ClusterError(
            "no `go` on the PATH; tools, and without a container registry the cluster, are built from Go modules",
            "install Go 1.26 or newer (https://go.dev/doc/install), then run the same command again",
        )
