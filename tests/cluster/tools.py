"""Pinned command line tools in .tools/bin: the user's own where its version is right, else built."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from tests.cluster.paths import TOOLS
from tests.cluster.programs import build, programs

BIN = TOOLS / "bin"
# command in .tools/bin -> (program, binary in its folder, arguments that print the version)
COMMANDS = {
    "kind": ("kind", "kind", ["version"]),
    "kubectl": ("kubernetes", "kubectl", ["version", "--client"]),
    "helm": ("helm", "helm", ["version", "--short"]),
    "helm3": ("helm3", "helm", ["version", "--short"]),
    "helm-unittest": ("helm-unittest", "helm-unittest", ["--version"]),
    "kubeconform": ("kubeconform", "kubeconform", ["-v"]),
    "helm-docs": ("helm-docs", "helm-docs", ["--version"]),
    "crane": ("crane", "crane", ["version"]),
}


def ensure(commands: list[str] | None = None) -> Path:
    """Have `commands` (all by default) in .tools/bin and return that folder."""
    BIN.mkdir(parents=True, exist_ok=True)
    missing = [command for command in commands or COMMANDS if not _linked(command)]
    build([COMMANDS[command][0] for command in missing if not _link_own(command)])
    for command in missing:
        if not (BIN / command).exists():
            program, binary, _ = COMMANDS[command]
            _link(command, _binary(programs()[program].binaries, binary))
    return BIN


def _linked(command: str) -> bool:
    """Whether the link is there and leads to this version's build, or to the user's own program."""
    link = BIN / command
    if not link.exists():
        return False
    target = link.resolve()
    expected = programs()[COMMANDS[command][0]].binaries.resolve()
    return target.parent == expected or _own(command) == target


def _link_own(command: str) -> bool:
    own = _own(command)
    if own is not None:
        _link(command, own)
    return own is not None


def _own(command: str) -> Path | None:
    """The user's program of that name, where it says that it is of the pinned version."""
    program, _, arguments = COMMANDS[command]
    search = os.pathsep.join(part for part in os.environ["PATH"].split(os.pathsep) if Path(part) != BIN)
    found = shutil.which(command, path=search)
    if found is None or not arguments:
        return None
    said = subprocess.run([found, *arguments], capture_output=True, text=True, check=False).stdout
    wanted = programs()[program].version.lstrip("v")
    return Path(found).resolve() if re.search(rf"\bv?{re.escape(wanted)}\b", said) else None


def _link(command: str, target: Path) -> None:
    link = BIN / command
    link.unlink(missing_ok=True)
    link.symlink_to(target)


def _binary(folder: Path, name: str) -> Path:
    """The named binary; a module whose main package is its root is named after the module."""
    return folder / name if (folder / name).exists() else next(folder.iterdir())
