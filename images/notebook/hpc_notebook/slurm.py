"""Slurm's commands in a user's server: each runs with a short-lived token that the release's token service gives for him.

`sbatch`, `squeue` and the others are links to a program that calls `main`. The token is in the environment of that one command
and in a file of the pod that only the user reads; a command renews it when half of its life is over.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

CACHE = Path("/tmp/slurm-token.json")  # noqa: S108  # the pod's own, in no home and no image
REAL = Path("/usr/bin")
ANSWER_SECONDS = 15
# They start steps that answer to them, which nobody may do in a server.
NEEDS_A_JOB = ("srun", "salloc", "sattach")


class NoToken(Exception):
    """There is no token, and the message says why."""


def main() -> None:
    """Run the Slurm command that this program was called as, or print a token when it was called as `slurm-token`."""
    name = Path(sys.argv[0]).name
    try:
        if name == "slurm-token":
            print(token())
            return
        environment = command_environment(name, dict(os.environ))
    except NoToken as error:
        sys.exit(f"{name}: {error}")
    os.execve(REAL / name, [name, *sys.argv[1:]], environment)  # noqa: S606


def command_environment(name: str, environment: dict[str, str]) -> dict[str, str]:
    """Give the environment in which the real command runs.

    Raises:
        NoToken: the command cannot work here, or there is no token for it.
    """
    if "SLURM_JOB_ID" in environment:
        return {key: value for key, value in environment.items() if name != "sbatch" or not _stays(key)}
    if name in NEEDS_A_JOB:
        raise NoToken(
            "steps cannot answer to a notebook: submit a script with sbatch (srun works inside of it), or log in by SSH"
        )
    return environment | {"SLURM_JWT": token()}


def _stays(variable: str) -> bool:
    """Whether a variable of a job (a server may be one) is not for the jobs that are submitted in it: the hub's tokens, and this
    job's own sizes, which would contradict those of the other.
    """
    return (
        variable.startswith(("SLURM_", "JUPYTERHUB_API_TOKEN", "JPY_API_TOKEN")) and variable != "SLURM_CONF"
    )


def token() -> str:
    """Give a token with at least half of its life left.

    Raises:
        NoToken: this server has no Slurm, or the token service gives none.
    """
    try:
        kept = json.loads(CACHE.read_text())
    except (OSError, ValueError):
        kept = {"expires": 0, "lifespan": 0}
    if kept["expires"] - time.time() < kept["lifespan"] / 2:
        kept = _ask()
        _keep(kept)
    return str(kept["token"])


def _ask() -> dict[str, str | int]:
    url = os.environ.get("SLURM_TOKENS_URL")
    if not url:
        raise NoToken("this server has no Slurm; the admin names one in the value jupyter.slurm.release")
    headers = {"Authorization": f"token {os.environ.get('JUPYTERHUB_API_TOKEN', '')}"}
    request = urllib.request.Request(f"{url}/token", method="POST", headers=headers)  # noqa: S310  # the chart's own address
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as reply:  # noqa: S310
            found: dict[str, str | int] = json.load(reply)
            return found
    except urllib.error.HTTPError as error:
        raise NoToken(_words(error)) from None
    except (OSError, ValueError) as error:
        raise NoToken(f"the token service at {url} does not answer ({error}); ask the admin") from None


def _words(error: urllib.error.HTTPError) -> str:
    """What the service says; or that something between it and this server, such as a proxy, has answered."""
    try:
        return str(json.load(error)["message"])
    except (ValueError, KeyError, TypeError):
        return f"{error.url} answers {error.code} {error.reason} and is no token service; ask the admin"


def _keep(found: dict[str, str | int]) -> None:
    """Under another name until it is whole, and never readable for others."""
    new = CACHE.with_name(f"{CACHE.name}.{os.getpid()}")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(found, file)
    new.replace(CACHE)
