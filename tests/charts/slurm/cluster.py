"""A release of chart `slurm` as tests see it: logins over SSH, an admin's commands, waiting for nodes and jobs."""

import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conftest import Account
from tests.kube import Namespace, PortForward, Result, Timeout, run

RELEASE = "hpc"
ASKPASS = Path(__file__).with_name("askpass.sh")


@dataclass
class Cluster:
    """One release in one namespace, and the port on this machine that leads to its frontend."""

    namespace: Namespace
    accounts: dict[str, Account]
    values: dict[str, Any]
    release: str = RELEASE
    chart: str = "charts/slurm"

    def __post_init__(self) -> None:
        self.forward = PortForward(self.namespace, f"svc/{self.release}-frontend", 22)

    def install(self, **changed: Any) -> None:
        """Install, or upgrade with some top-level values changed."""
        self.values.update(changed)
        self.namespace.install(self.release, self.chart, values=self.values)

    def ssh(
        self,
        user: str,
        command: str,
        *,
        check: bool = True,
        stdin: str | None = None,
        options: tuple[str, ...] = (),
    ) -> Result:
        """Run a command as a user, through the frontend's sshd."""
        words = [*self.ssh_command("ssh", "-p", self.accounts[user]), *options, f"{user}@127.0.0.1", command]
        result = run(words, stdin=stdin or "", timeout=300)
        assert not check or result.code == 0, f"{user}: {command}: {result.text}\n{self.namespace.why()}"
        return result

    def ssh_command(self, program: str, port_flag: str, account: Account) -> list[str]:
        """`ssh` or `sftp` with the account's key and nothing of this machine's own settings."""
        return by_key(program, port_flag, self.forward.port(), account)

    def by_password(self, program: str, port_flag: str, password: str, *words: str) -> Result:
        """Run `ssh` or `sftp` as somebody who has a password and no key; OpenSSH asks a program for it."""
        ways = ["-o", "PreferredAuthentications=password", "-o", "NumberOfPasswordPrompts=1"]
        answer = {"SSH_ASKPASS": str(ASKPASS), "SSH_ASKPASS_REQUIRE": "force", "ANSWER": password}
        command = ["env", *(f"{name}={value}" for name, value in answer.items())]
        reach = _client(program, port_flag, self.forward.port())
        return run([*command, *reach, *ways, *words], stdin="", timeout=180)

    def admin(self, command: str, *, check: bool = True) -> Result:
        """Run a Slurm command as its administrator, in the controller's pod."""
        pod = f"{self.release}-controller-0"
        return self.namespace.exec(pod, *shlex.split(command), container="keeper", check=check)

    def resync(self) -> None:
        """Let the controller's kubelet bring changed files now; it does so by itself every minute or two, and at each change of a pod."""
        mark = f"looked-at={time.time_ns()}"
        self.namespace.kubectl("annotate", "pod", f"{self.release}-controller-0", mark, "--overwrite")

    def submit(self, script: str, *options: str, user: str = "ada") -> str:
        """Submit a batch script and return the job's id."""
        command = f"sbatch --parsable -o {shlex.quote('job-%A_%a.out')} {shlex.join(options)} --wrap {shlex.quote(script)}"
        return self.ssh(user, command).out.strip()

    def states(self, job: str) -> list[str]:
        """State of each task of a job, as slurmctld has it."""
        return self.admin(f"squeue -h -r -t all -j {job} -o %T", check=False).out.split()

    def restarts(self, job: str) -> int:
        """How often a job was started again."""
        shown = self.admin(f"scontrol show job {job}").out
        return int(shown.split("Restarts=")[1].split()[0])

    def accounted(self, job: str) -> list[str]:
        """State of each task of a job, as accounting has it."""
        return self.admin(f"sacct -n -X -P -j {job} -o State").out.split("\n")[:-1]

    def nodes(self) -> dict[str, str]:
        """State of each node."""
        lines = self.admin("sinfo -h -N -o %N=%T", check=False).out.split()
        return dict(line.split("=") for line in lines)

    def wait_nodes(self, expected: int, *, timeout: float = 180) -> float:
        """Wait until exactly so many nodes exist and all are usable; return the seconds it took."""
        start = time.monotonic()

        def there() -> bool:
            states = self.nodes()
            return len(states) == expected and set(states.values()) <= {"idle", "mixed", "allocated"}

        self.wait(f"{expected} usable nodes", there, timeout=timeout)
        return time.monotonic() - start

    def wait_states(self, job: str, wanted: set[str], *, timeout: float = 180) -> None:
        """Wait until all tasks of a job are in one of these states."""

        def there() -> bool:
            shown = self.admin(f"squeue -h -r -t all -j {job} -o %T", check=False)
            # A slurmctld that is away says nothing of the job; one that knows it no longer (MinJobAge) has seen its end.
            forgotten = "Invalid job id" in shown.err and "COMPLETED" in wanted
            return forgotten or (bool(shown.out) and set(shown.out.split()) <= wanted)

        self.wait(f"job {job} in {wanted}", there, timeout=timeout)

    def wait(self, what: str, condition: Callable[[], object], *, timeout: float = 180) -> None:
        """Poll until true; on time-out the message has the queue and the nodes too."""
        try:
            self.namespace.wait_for(what, condition, timeout=timeout)
        except Timeout as error:
            seen = self.admin("squeue -a", check=False).text + self.admin("sinfo -N -l -R", check=False).text
            raise Timeout(f"{error}\n{seen}") from error

    def close(self) -> None:
        """End the port-forward; the next login makes another."""
        self.forward.close()


def by_key(program: str, port_flag: str, port: int, account: Account) -> list[str]:
    """`ssh` or `sftp` to a port of this machine, with the account's key and nothing of this machine's own settings."""
    key = ["-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-i", str(account.private_key)]
    return [*_client(program, port_flag, port), *key]


def _client(program: str, port_flag: str, port: int) -> list[str]:
    trust = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
    return [program, "-F", "/dev/null", *trust, "-o", "LogLevel=ERROR", port_flag, str(port)]
