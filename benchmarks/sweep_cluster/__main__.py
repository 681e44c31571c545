"""`make bench-sweep-cluster`: sweeps on the local cluster's Slurm, written to docs/performance.md.

Installs chart `slurm` in a namespace of its own and removes it at the end; all sweeps run at the frontend's prompt.
"""

import argparse
import json
import os
import platform
import secrets
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.page import table, write_section
from tests.conftest import Account
from tests.kube import Namespace
from tests.sweep_client.executors.conftest import write_notebook
from tests.sweep_client.executors.site import Site

# Runs at the frontend: sweeps, with every question to Slurm counted.
MEASURE = """
import collections, json, subprocess, sys, time
from pathlib import Path
from sweep_client.executors.slurm_commands import CommandTransport
from sweep_client.sweep import run
variants, workers, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
calls = collections.Counter()
for name in ("limits", "submit", "tasks", "history", "cancel"):
    def counted(self, *given, name=name, real=getattr(CommandTransport, name)):
        calls[name] += 1
        return real(self, *given)
    setattr(CommandTransport, name, counted)
def used():
    # What every process of all jobs took, as Slurm's accounting counted it once they were over.
    command = ["sacct", "-n", "-P", "-S", "now-1hours", "-o", "JobID,State,TotalCPU"]
    while True:
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        rows = [row.split("|") for row in text.splitlines()]
        if not any(state in ("RUNNING", "PENDING", "COMPLETING") for _, state, _ in rows):
            return sum(seconds(cpu) for job, _, cpu in rows if job.endswith(".batch"))
        time.sleep(1)
def seconds(text):
    total = 0.0
    for part in text.split(":"):
        total = total * 60 + float(part)
    return total
before = used()
begun = time.time()
sweep = run("square.ipynb", [{"number": n} for n in range(variants)], folder, "slurm", executor_options={"workers": workers})
counts = sweep.wait()
spent = time.time() - begun
records = [json.loads(path.read_text()) for path in Path(folder).glob("done/??/*.json")]
stamp = lambda text: __import__("datetime").datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
starts = [stamp(json.loads(path.read_text().splitlines()[0])["time"]) for path in Path(folder).glob("journal/*.jsonl")]
ends = [stamp(record["finished"]) for record in records]
print(json.dumps({"done": counts["done"], "seconds": spent, "calls": sum(calls.values()), "first": min(ends) - begun,
    "after_start": max(ends) - min(starts), "cpu": sum(record["cpu_seconds"] for record in records) / len(records),
    "cpu_jobs": (used() - before) / len(records)}))
"""


def measure(site: Site, variants: int, workers: int) -> dict[str, Any]:
    """Sweep so many trivial variants and give what was measured."""
    folder = f"bench-{variants}-{secrets.token_hex(3)}"
    text = site.on_frontend(f"python3 bench.py {variants} {workers} {folder} && rm -rf {folder}")
    found: dict[str, Any] = json.loads(text.splitlines()[-1])
    assert found["done"] == variants, found
    return found


def main() -> None:
    """Measure and write the section."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--many", type=int, default=10_000, help="variants of the large sweep")
    many = parser.parse_args().many
    with tempfile.TemporaryDirectory() as folder:
        site = _site(Path(folder))
        try:
            site.install()
            site.connect()
            rows = _measure_all(site, many)
        finally:
            site.close()
            site.namespace.kubectl("delete", "namespace", site.namespace.name, "--wait=false")
    machine = f"{os.cpu_count()} cores shared with the whole cluster, Linux {platform.release()}, chart `slurm` with two workers of one CPU, `make bench-sweep-cluster`"
    write_section("Sweeps on clusters", f"{machine}\n\n{table(['what', 'measured', 'wanted'], rows)}")


def _measure_all(site: Site, many: int) -> list[list[str]]:
    with tempfile.TemporaryDirectory() as folder:
        notebook = write_notebook(Path(folder) / "square.ipynb").read_text()
    site.on_frontend("cat > square.ipynb", notebook)
    site.on_frontend("cat > bench.py", MEASURE)
    hundred, thousand, large = measure(site, 100, 2), measure(site, 1000, 2), measure(site, many, 4)
    return [
        ["100 trivial variants, from the first worker's start to the last result", f"{hundred['after_start']:.1f} s", "≤ 3 s"],
        ["from submission to the first result", f"{hundred['first']:.1f} s", "≤ 3 s"],
        ["questions to the scheduler in a sweep of 1,000 variants", f"{thousand['calls']}", "≤ 20"],
        [f"{many:,} variants over 4 workers: CPU of the jobs for each (sacct)", f"{large['cpu_jobs'] * 1000:.0f} ms", "≤ 60 ms"],
        [f"{many:,} variants: of it, CPU of the variant's own process", f"{large['cpu'] * 1000:.0f} ms", ""],
        [f"{many:,} variants: whole sweep", f"{large['seconds']:.0f} s", ""],
    ]  # fmt: skip


def _site(folder: Path) -> Site:
    namespace = Namespace.create("bench-sweeps")
    key = folder / "ada"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    account = Account("ada", 20001, key, key.with_suffix(".pub").read_text().strip())
    return Site(namespace, account, os.environ.get("E2E_RWX_CLASS", "shared"), folder)


if __name__ == "__main__":
    main()
