"""Plain containers of the engine on this machine, with the limits of a pod: what Kubernetes is compared with."""

import contextlib
import json
import secrets
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.cluster import engine
from tests.kube import image

IMAGE = "slurm-worker-benchmark"
HOME = "/tmp"  # noqa: S108


@dataclass(frozen=True)
class Container:
    """A running container."""

    name: str

    def run(
        self,
        *command: str,
        stdin: str = "",
        environment: Mapping[str, str] | None = None,
        timeout: float = 600,
    ) -> str:
        """Run a command in it and give its output."""
        given = [word for key, value in (environment or {}).items() for word in ("--env", f"{key}={value}")]
        return _docker("exec", "-i", *given, self.name, *command, stdin=stdin, timeout=timeout)

    def put(self, folder: str, files: Mapping[str, str]) -> None:
        """Write text files into a folder."""
        program = "import json, pathlib, sys; f = pathlib.Path(sys.argv[1]); f.mkdir(parents=True, exist_ok=True); [(f / n).write_text(t) for n, t in json.load(sys.stdin).items()]"
        self.run("python3", "-c", program, folder, stdin=json.dumps(dict(files)))


@contextlib.contextmanager
def containers(
    count: int = 1, *, cpus: float = 0, memory: str = "", shm: str = "256m", reference: str = ""
) -> Iterator[list[Container]]:
    """So many containers on a network of their own, none of them root, gone at the end."""
    mark = f"bench-{secrets.token_hex(3)}"
    limits = [*(["--cpus", str(cpus)] if cpus else []), *(["--memory", memory] if memory else [])]
    _docker("network", "create", mark)
    made: list[Container] = []
    try:
        for index in range(count):
            name = f"{mark}-{index}"
            options = ["--name", name, "--hostname", name, "--network", mark, "--shm-size", shm, *limits]
            user = [
                "--user",
                "20001:20001",
                "--env",
                f"HOME={HOME}",
                "--workdir",
                HOME,
                "--entrypoint",
                "tini",
            ]
            _docker(
                "run", "--detach", *options, *user, reference or image(IMAGE), "-g", "--", "sleep", "infinity"
            )
            made.append(Container(name))
        yield made
    finally:
        for container in made:
            _docker("rm", "--force", container.name)
        _docker("network", "rm", mark)


def _docker(*words: str, stdin: str = "", timeout: float = 600) -> str:
    command: Sequence[str] = [engine.docker(), *words]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, timeout=timeout)
    if done.returncode:
        raise RuntimeError(f"docker {' '.join(words)[:300]}: {(done.stdout + done.stderr)[-2000:]}")
    return done.stdout
