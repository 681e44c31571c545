"""Build the Go programs that the cluster and the tools consist of, once per version.

Versions stand in images/versions.json under "go". A program whose module cannot be installed by `go install`
(it has `replace` lines, or its version list is not served) has a go.mod of its own under modules/, written by
`make go-modules`; the others are installed with the go.sum that their module publishes, checked by Go's sum database.
"""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.cluster.errors import ClusterError
from tests.cluster.paths import HERE, ROOT, cache
from tests.cluster.steps import run, step


@dataclass(frozen=True)
class Program:
    """One entry of images/versions.json's "go" table."""

    name: str
    module: str
    version: str
    packages: tuple[str, ...]
    ldflags: str = ""
    own_module: bool = False
    replaced_by: str = ""

    @property
    def folder(self) -> Path:
        """The folder with this program's own go.mod and go.sum."""
        return HERE / "modules" / self.name

    @property
    def paths(self) -> list[str]:
        """Import paths of the main packages."""
        return [f"{self.module}/{package}".rstrip("/") for package in self.packages]

    @cached_property
    def binaries(self) -> Path:
        """The cache folder of this exact build."""
        recipe = json.dumps([self.module, self.version, self.paths, self.ldflags])
        if self.own_module:
            recipe += (self.folder / "go.mod").read_text() + (self.folder / "go.sum").read_text()
        digest = hashlib.sha256(recipe.encode()).hexdigest()[:12]
        return cache() / "bin" / f"{self.name}-{self.version}-{digest}"


def programs() -> dict[str, Program]:
    """All programs by name."""
    table = json.loads((ROOT / "images" / "versions.json").read_text())["go"]
    return {
        name: Program(name=name, **{**entry, "packages": tuple(entry["packages"])})
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
    if program.own_module:
        command = ["go", "build", "-mod=readonly", *flags, "-o", f"{work}/", *program.paths]
        run(command, env=_go_environment(), cwd=program.folder)
    else:
        wanted = [f"{path}@{program.version}" for path in program.paths]
        run(["go", "install", *flags, *wanted], env={**_go_environment(), "GOBIN": str(work)}, cwd=HERE)
    work.rename(program.binaries)


def _go_environment() -> dict[str, str]:
    return {
        **os.environ,
        "CGO_ENABLED": "0",
        "GOCACHE": str(cache() / "go-build"),
        "GOMODCACHE": str(cache() / "go-mod"),
        "GOFLAGS": "-buildvcs=false -modcacherw",
        "GOWORK": "off",
    }


def _require_go() -> None:
    if shutil.which("go") is None:
        raise ClusterError(
            "no `go` on the PATH; without a container registry the cluster is built from Go modules",
            "install Go 1.26 or newer (https://go.dev/doc/install), then run the same command again",
        )
