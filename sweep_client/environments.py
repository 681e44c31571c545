"""The environment that a requirements or lock file describes: built once per sweep, where its workers run.

It lies in the results directory, over the Python that the workers start with: what that one has is not installed again, and
it brings sweep_client. The first worker builds, the others wait.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path

from sweep_client.directory import Directory
from sweep_client.errors import InputRefused
from sweep_client.leases import Heartbeat, Observer, holder, new_name, release, take, take_over

SILENT_SECONDS = 30.0
BEAT_SECONDS = 5.0
PIP = ("--quiet", "--no-input", "--disable-pip-version-check", "install", "--no-compile", "--requirement")
# A name or a token before the host of an address; `git@` is what everybody says to an SSH server.
SECRET = re.compile(r"://(?!git@)[^/\s]*@")
# They name files that would have to travel, too.
ELSEWHERE = ("-r", "--requirement", "-c", "--constraint", "-e", "--editable", ".", "file:.")


def read_requirements(path: Path) -> str:
    """Read a requirements or lock file.

    Raises:
        InputRefused: there is none, it needs other files beside it, or it holds a secret.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputRefused(f"{path}: cannot be read: {error.strerror}") from None
    for number, line in enumerate(text.splitlines(), 1):
        if line.split("=")[0].split(" ")[0].startswith(ELSEWHERE):
            raise InputRefused(
                f"{path}, line {number}: {line.strip()!r} needs other files, which do not travel; "
                "make one file of it: pip freeze, pip-compile or uv export"
            )
        if SECRET.search(line):
            raise InputRefused(
                f"{path}, line {number}: an address with a name or token in it would lie in the results directory; "
                "say it in pip.conf or .netrc where the workers run"
            )
    return text


def ensure_environment(directory: Directory, requirements: str) -> Path:
    """Give the Python of the environment of ``requirements``, a file of the directory; build it where nobody has.

    Raises:
        InputRefused: pip cannot install what is required.
    """
    file = directory.root / requirements
    folder, lease = file.with_suffix(""), file.with_suffix(".lease")
    ready = folder / "ready"
    name = new_name()
    heartbeat, observer = Heartbeat(directory, name, "builder"), Observer(directory, SILENT_SECONDS)
    while not ready.exists():
        if take(lease, name):
            try:
                if not ready.exists():
                    _build(folder, file, heartbeat)
            finally:
                release(lease)
        else:
            owner = holder(lease)
            if owner is not None and not observer.is_alive(owner):
                take_over(lease, owner)
            time.sleep(0.5)
    return folder / "bin" / "python"


def _build(folder: Path, requirements: Path, heartbeat: Heartbeat) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    heartbeat.beat(BEAT_SECONDS, state="building")
    try:
        venv.EnvBuilder(symlinks=True).create(folder)
        python = folder / "bin" / "python"
        _see_parent(next(folder.glob("lib/python3*/site-packages")))
        pip = [sys.executable, "-m", "pip", "--python", str(python), *PIP, str(requirements)]
        with subprocess.Popen(pip, stdin=subprocess.DEVNULL, stdout=sys.stderr) as process:
            while process.poll() is None:
                heartbeat.beat(BEAT_SECONDS, state="building")
                time.sleep(0.1)
        if process.returncode:
            raise InputRefused(
                f"{requirements.name}: pip cannot install it, see its words above; change the requirements and run again"
            )
        (folder / "ready").touch()
    finally:
        heartbeat.beat(0, state="ended")


def _see_parent(site_packages: Path) -> None:
    """Let the environment see the packages of this Python behind its own."""
    parents = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    lines = [f"import site; site.addsitedir({path!r})\n" for path in parents]
    (site_packages / "parent.pth").write_text("".join(lines))
