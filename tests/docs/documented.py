"""Run the commands of a how-to page as they stand there, against a test's release."""

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.paths import ROOT, TOOLS
from tests.conftest import Account
from tests.kube import Namespace, context_arguments
from tests.packages import ensure_package

PAGES = ROOT / "docs" / "how-to"
# What begins a section of commands; a block in a list is indented.
BLOCK = re.compile(r"^ *```(?:console|bash)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)

# A port that is forwarded in the background: a reader types the next line when it is there.
FORWARD = re.compile(r"port-forward \S+ (\d+)\b.* &$", re.MULTILINE)
UNTIL_OPEN = r"for n in {1..900}; do (: </dev/tcp/localhost/\1) 2>/dev/null && break; sleep 0.2; done"


def sections(page: str) -> dict[str, str]:
    """Text of a page by heading; what stands before the first heading has an empty one."""
    parts = re.split(r"^## (.*)\n", (PAGES / f"{page}.md").read_text(), flags=re.MULTILINE)
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


def commands(page: str, heading: str) -> list[str]:
    """The blocks of commands below a heading."""
    return BLOCK.findall(sections(page)[heading])


def values(page: str, heading: str, *, block: int = 0) -> dict[str, Any]:
    """A block of values below a heading."""
    found = re.findall(r"^ *```yaml\n(.*?)^ *```", sections(page)[heading], re.DOTALL | re.MULTILINE)
    shown: dict[str, Any] = yaml.safe_load(found[block])
    return shown


def follow(
    page: str,
    heading: str,
    namespace: Namespace,
    folder: Path,
    *,
    block: int = 0,
    replace: Mapping[str, str] | None = None,
    account: Account | None = None,
    at: Sequence[str] = ("bash", "-e", "-o", "pipefail", "-c"),
) -> str:
    """Run a block of `docs/how-to/<page>.md` and return what it prints.

    Its namespace `hpc` is the test's; `folder` is the user's home, where his files lie; SSH logs in with the account's key;
    `at` is where he types, such as `ssh hpc`.
    """
    return typed(commands(page, heading)[block], namespace, folder, replace or {}, account, at)


def typed(
    text: str,
    namespace: Namespace,
    folder: Path,
    replace: Mapping[str, str],
    account: Account | None,
    at: Sequence[str] = ("bash", "-e", "-o", "pipefail", "-c"),
    environment: Mapping[str, str] | None = None,
) -> str:
    """Run a block as `follow` does; of any page, and with an environment of its own."""
    text = re.sub(r"-n hpc(?=\s)", f"-n {namespace.name}", text)
    text = re.sub(r"\bcharts/(?=slurm|hpc)", f"{ROOT}/charts/", text)
    text = FORWARD.sub(rf"\g<0> {UNTIL_OPEN}", text)
    for documented, ours in replace.items():
        text = text.replace(documented, ours)
    path = f"{programs(folder, account)}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [*at, f"trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{text}"],
        cwd=folder,
        env={**os.environ, "PATH": path, "HOME": str(folder), **(environment or {})},
        text=True,
        capture_output=True,
        check=False,
        timeout=800,
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}\n{namespace.why()}"
    return done.stdout


def programs(folder: Path, account: Account | None) -> Path:
    """kubectl, helm and ssh that talk to the test's cluster, in place of what the user's own settings say.

    What pages take for granted on a user's machine is there afterwards.
    """
    made = folder / "bin"
    made.mkdir(exist_ok=True)
    lines = {
        name: f"{TOOLS}/bin/{name} {' '.join(context_arguments(flag))}"
        for name, flag in (("kubectl", "--context"), ("helm", "--kube-context"))
    }
    if account:
        settings = f"-F {folder}/.ssh/config -o UserKnownHostsFile={folder}/.ssh/known_hosts"
        ssh = ensure_package("/usr/bin/ssh", "openssh-client")
        ensure_package("/usr/bin/rsync", "rsync")
        lines["ssh"] = f"{ssh} {settings} -i {account.private_key} -o IdentitiesOnly=yes -o BatchMode=yes"
        lines |= {name: f"/usr/bin/{name} -S {made}/ssh" for name in ("scp", "sftp")}
    for name, line in lines.items():
        (made / name).write_text(f'#!/bin/sh\nexec {line} "$@"\n')
        (made / name).chmod(0o755)
    return made
