"""Say what Slurm itself finds wrong with a chart's configuration, before any cluster sees it: `make check-config`.

Helm refuses keys of slurm.conf and slurmdbd.conf that Slurm does not know. All else that Slurm reads (values, partitions, other
files) is read by the Slurm of the controller's own image, in a container that ends at once.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from tests.cluster import engine
from tests.cluster.errors import ClusterError
from tests.cluster.paths import ROOT, TOOLS
from tests.cluster.steps import run

Object = dict[str, Any]
NEXT = "change the values; docs/how-to/change-slurm-configuration.md says how keys are written"


def check(chart: Path, arguments: list[str]) -> str:
    """Render a chart and let Slurm read its configuration; return the image that did.

    Raises:
        ClusterError: Helm or Slurm refuses it; the message names the key.
    """
    helm = [str(TOOLS / "bin" / "helm"), "template", "hpc", str(chart), *arguments]
    objects = [found for found in yaml.safe_load_all(run(helm, next_step=NEXT)) if found]
    controller = _find(objects, "StatefulSet", "controller")["spec"]["template"]["spec"]
    image: str = controller["containers"][0]["image"]
    ids = "{runAsUser}:{runAsGroup}".format(**controller["securityContext"])
    with tempfile.TemporaryDirectory() as folder:
        for name in ("slurm", "users"):
            _write(_find(objects, "ConfigMap", name)["data"], Path(folder) / name)
        run(_command(image, ids, Path(folder)), next_step=NEXT)
    return image


def _find(objects: list[Object], kind: str, part: str) -> Object:
    for item in objects:
        if item["kind"] == kind and item["metadata"]["name"] == f"hpc-{part}":
            return item
    raise ClusterError(
        f"the chart makes no {kind} hpc-{part}", "CHART=charts/slurm, or charts/hpc with slurm in it"
    )


def _write(texts: dict[str, str], folder: Path) -> None:
    folder.mkdir(mode=0o755)
    folder.parent.chmod(0o755)
    for name, text in texts.items():
        (folder / name).write_text(text)


def _command(image: str, ids: str, folder: Path) -> list[str]:
    # Slurm starts only on the host that it is configured for.
    hosts = [
        f"--add-host={name}:127.0.0.1" for name in ("hpc-controller", "hpc-controller-0", "hpc-accounting")
    ]
    mounts = [f"--volume={folder}/slurm:/etc/hpc/slurm:ro", f"--volume={folder}/users:/var/lib/extrausers:ro"]
    return [
        engine.docker(),
        "run",
        "--rm",
        f"--user={ids}",
        "--hostname=hpc-controller-0",
        *hosts,
        *mounts,
        image,
        "check",
    ]


def main() -> int:
    """Check, and say in one line how it went."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("chart", type=Path, nargs="?", default=ROOT / "charts" / "hpc")
    chart, arguments = parser.parse_known_args()
    try:
        image = check(chart.chart, arguments)
    except ClusterError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"ok: {image} accepts the configuration")
    return 0


if __name__ == "__main__":
    sys.exit(main())
