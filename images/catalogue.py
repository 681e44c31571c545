"""What images there are, in parent order, and the content hash that is each one's tag."""

import hashlib
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from images import debian
from tests.cluster.paths import ROOT

IMAGES = ROOT / "images"
# The sweep_client wheel is made of these; a change of anything else in pyproject.toml changes no image.
HASHED_SOURCES = ["sweep_client", "VERSION"]
OTHER_SOURCES = ["pyproject.toml", "README.md", "LICENSE"]


@dataclass(frozen=True)
class Image:
    """One entry of versions.json's "images" table."""

    name: str
    dir: str
    parent: str | None
    target: str = ""
    context: tuple[str, ...] = ()
    # Large, and not for everybody: built where it is asked for by name.
    optional: bool = False

    @property
    def folder(self) -> Path:
        """The build context."""
        return IMAGES / self.dir


def catalogue() -> dict[str, Image]:
    """All images by name, every parent before its children."""
    table = json.loads((IMAGES / "versions.json").read_text())["images"]
    entries = {
        name: Image(name=name, **{**entry, "context": tuple(entry.get("context", ()))})
        for name, entry in table.items()
    }
    ordered: dict[str, Image] = {}
    while len(ordered) < len(entries):
        ready = {
            n: i for n, i in entries.items() if n not in ordered and (i.parent is None or i.parent in ordered)
        }
        if not ready:
            raise ValueError(
                f"images/versions.json: {sorted(set(entries) - set(ordered))} have no parent that is built"
            )
        ordered.update(ready)
    return ordered


def usual() -> list[str]:
    """Names of the images that are built where none is asked for."""
    return [name for name, image in catalogue().items() if not image.optional]


def tags() -> dict[str, str]:
    """Each image's tag: the hash of its folder, its target, its parent's tag and what else goes into it."""
    found: dict[str, str] = {}
    for name, image in catalogue().items():
        digest = hashlib.sha256(
            f"{image.target}\n{found[image.parent] if image.parent else debian.image()}".encode()
        )
        for path in _tracked(image.folder):
            digest.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
        if image.context:
            for path in [path for source in HASHED_SOURCES for path in _tracked(ROOT / source)]:
                digest.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
            digest.update(_project_table().encode())
        found[name] = digest.hexdigest()[:12]
    return found


def wheel_sources() -> list[Path]:
    """Every file that sweep_client's wheel is built from."""
    return [
        *(path for source in HASHED_SOURCES for path in _tracked(ROOT / source)),
        *(ROOT / name for name in OTHER_SOURCES),
    ]


def _tracked(place: Path) -> list[Path]:
    """Files that git tracks or would track, so that caches and editors' files do not count."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", str(place)]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = [ROOT / name for name in listed.split("\0") if name]
    return sorted(path for path in paths if path.is_file() and path.name != "README.md")


def _project_table() -> str:
    """The part of pyproject.toml that the wheel depends on."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    kept = {key: value for key, value in project["project"].items() if key != "optional-dependencies"}
    return json.dumps([kept, project["tool"]["setuptools"]], sort_keys=True)
