"""The keys that the chart lets through are keys that the images' Slurm knows."""

import subprocess

import pytest

from tests.cluster import engine
from tests.cluster.paths import ROOT
from tests.kube import image

pytestmark = pytest.mark.e2e

# A parser ends at the first key that it does not know: the last one, if it knew the one before.
PARSE_SLURM = """
while read -r key; do
  printf 'ClusterName=a\nSlurmctldHost=a\n%s=1\nNoSuchKey=1\n' "$key" >/tmp/slurm.conf
  SLURM_CONF=/tmp/slurm.conf scontrol show hostnames a 2>&1 </dev/null | grep 'unrecognized key'
done
"""
PARSE_SLURMDBD = """
umask 077
while read -r key; do
  printf 'DbdHost=a\nStorageType=accounting_storage/none\n%s=1\nNoSuchKey=1\n' "$key" >/etc/slurm/slurmdbd.conf
  timeout 2 slurmdbd -D 2>&1 </dev/null | grep 'unrecognized key'
done
"""


@pytest.mark.parametrize(
    ("name", "file", "script"),
    [
        ("slurm-controller", "slurm-keys.txt", PARSE_SLURM),
        ("slurm-accounting", "slurmdbd-keys.txt", PARSE_SLURMDBD),
    ],
    ids=["slurm.conf", "slurmdbd.conf"],
)
def test_slurm_knows_every_key_that_the_chart_lets_through(name: str, file: str, script: str) -> None:
    keys = (ROOT / "charts" / "slurm" / "files" / file).read_text()
    command = [engine.docker(), "run", "--rm", "-i", "--network=none", "--user=0", "--entrypoint=bash"]
    said = subprocess.run(
        [*command, image(name), "-c", script], input=keys, capture_output=True, text=True, check=True
    )
    unknown = [line.rpartition(": ")[2] for line in said.stdout.splitlines()]
    assert set(unknown) == {"NoSuchKey"}
