"""A pool of engines of an installed release of chart `jupyter` (or `hpc`), reached by `kubectl` alone.

The client runs beside the pool's controller: nothing outside the cluster reaches engines, and kubectl's forwarding would
be measured with them.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.spread.places import Items, Spread, parts, spread
from tests.kube import Namespace

CLIENT = Path(__file__).with_name("engines.py")
LONGEST_RUN_SECONDS = 3600


@dataclass(frozen=True)
class Pool:
    """`engines.pools.<name>` of a release."""

    namespace: str
    release: str
    name: str

    def place(self, kernel: Path, items: Items, way: str, workers: int) -> Spread:
        """Run items on so many of its engines."""
        request = {"kernel": kernel.read_text(), "parts": parts(items, way, workers)}
        done, seconds = self._ask({**request, "balanced": way == "balanced", "workers": workers})
        return spread(done, items, seconds, seconds)

    def engines(self) -> int:
        """How many engines it shall have; one that is away for a moment counts."""
        found = Namespace(self.namespace).get("deployment", f"{self.release}-engines-{self.name}")
        return int(found["spec"]["replicas"])

    def cores(self) -> int:
        """CPUs of all machines that its engines are on."""
        return sum(self._ask({}).values())

    def _ask(self, request: dict[str, Any]) -> Any:
        answer = Namespace(self.namespace).exec(
            f"deployment/{self.release}-ipcontroller-{self.name}",
            *("python", "-c", CLIENT.read_text()),
            container="ipcontroller",
            stdin=json.dumps(request),
            check=False,
            timeout=LONGEST_RUN_SECONDS,
        )
        if answer.code:
            raise RuntimeError(f"pool {self.name} of {self.release}: {answer.text[-2000:]}")
        return json.loads(answer.out)


def installed(namespace: str, release: str, name: str) -> Pool:
    """A pool that somebody installed; ends the program where there is none."""
    label = f"app.kubernetes.io/instance={release},app.kubernetes.io/component=engines"
    listed = Namespace(namespace).get("deployments", "-l", label)["items"]
    pools = [item["metadata"]["labels"]["hpc/pool"] for item in listed]
    if name not in pools:
        known = f"--on one of: {', '.join(pools)}" if pools else "make one, engines.pools of chart jupyter"
        sys.exit(f"error: release {release} in namespace {namespace} has no pool {name!r}\n  next: {known}")
    return Pool(namespace, release, name)
