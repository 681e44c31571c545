"""How a cluster is reached: who carries questions to Slurm, where the results directory is there, and which Python."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from sweep_client.directory import Directory
from sweep_client.errors import ExecutorError, InputRefused
from sweep_client.executors.slurm_commands import CommandTransport
from sweep_client.executors.slurm_job import CARRIED, Transport
from sweep_client.executors.stage import BASE, Stage

TRANSPORTS = ("cli", "ssh", "rest")
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass
class Reach:
    """A way to a cluster; ``stage`` where the results directory here is not the workers' own."""

    transport: Transport
    folder: str
    python: str
    environment: dict[str, str]
    stage: Stage | None = None

    def send(self) -> None:
        """Have the results directory where the workers are."""
        if self.stage is not None:
            self.folder = self.stage.send()


def likely_transport(options: Mapping[str, Any]) -> str:
    """Give the transport that was asked for, or the one the other options are of.

    Raises:
        InputRefused: there is none of this name.
    """
    name = str(
        options.get("transport")
        or ("ssh" if options.get("host") else "rest" if options.get("url") else "cli")
    )
    if name not in TRANSPORTS:
        raise InputRefused(f"there is no transport {name!r}; known are {', '.join(TRANSPORTS)}")
    return name


def open_reach(directory: Directory, options: Mapping[str, Any]) -> Reach:
    """Open the way to the cluster that the options describe."""
    name = likely_transport(options)
    if name == "ssh":
        return _by_ssh(directory, options)
    folder, python = (
        str(options.get("folder") or directory.root),
        str(options.get("python") or sys.executable),
    )
    if name == "cli":
        carried = {name: os.environ[name] for name in CARRIED if name in os.environ}
        return Reach(CommandTransport(), folder, python, carried)
    from sweep_client.executors.slurm_rest import RestTransport

    transport = RestTransport(
        options.get("url", ""), user=options.get("user"), token_file=options.get("token_file")
    )
    return Reach(transport, folder, python, remote_environment(python))


def remote_environment(python: str) -> dict[str, str]:
    """Give the environment of a job that this machine's environment means nothing to."""
    return {"PATH": f"{PurePosixPath(python).parent}:{SYSTEM_PATH}", "LANG": "C.UTF-8"}


def _by_ssh(directory: Directory, options: Mapping[str, Any]) -> Reach:
    from sweep_client.executors.ssh import Connection

    if not options.get("host"):
        raise InputRefused("the transport ssh needs to know the frontend: -O host=[USER@]HOST[:PORT]")
    connection = Connection(options["host"], key=options.get("key"), known_hosts=options.get("known_hosts"))
    python = str(options.get("python") or _find_python(connection))

    def call(arguments: Sequence[str], data: bytes) -> bytes:
        command = shlex.join([python, "-m", "sweep_client.executors.stage_remote", *arguments])
        code, out, err = connection.run_bytes(command, data)
        if code:
            raise ExecutorError(f"ssh {options['host']}: {err.strip() or f'{command} left with {code}'}")
        return out

    stage = None if options.get("folder") else Stage(directory, call, base=options.get("stage") or BASE)
    folder = str(options.get("folder") or "")
    return Reach(CommandTransport(connection.run), folder, python, remote_environment(python), stage)


def _find_python(connection: Any) -> str:
    """Find the Python there that has sweep_client, as a login shell sees it."""
    look = "python3 -c 'import sys, sweep_client; print(sys.executable)'"
    code, out, err = connection.run(["bash", "-lc", look], "")
    if code:
        last = err.strip().splitlines()[-1:] or ["nothing was said"]
        raise ExecutorError(
            f"python3 on the frontend has no sweep_client ({last[0]}); install it there with: "
            "pip install sweep-client, or name another Python: -O python=/path/to/python"
        )
    return str(out.strip().splitlines()[-1])
