"""``make bench-sweep``: figures of sweep_client beside papermill and nbclient, into results/ and docs/performance.md."""

import argparse
import datetime
import json
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path

from benchmarks.page import table, write_section
from benchmarks.sweep import measure
from benchmarks.sweep.measure import Figure

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("papermill", "nbclient", "ipykernel", "IPython", "numpy", "pandas", "pyarrow")


def machine() -> dict[str, object]:
    """The machine, as far as it matters."""
    names = [
        line.split(":")[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if "model name" in line
    ]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = {name: version(name) for name in PACKAGES}
    load = round(os.getloadavg()[0], 1)
    return {
        "cpu": names[0] if names else platform.machine(), "cpus": os.cpu_count(), "memory_gib": round(memory, 1),
        "python": platform.python_version(), "load_at_start": load, "versions": versions,
    }  # fmt: skip


def run(options: argparse.Namespace) -> dict[str, object]:
    """Measure everything."""
    found: dict[str, object] = {
        "machine": machine(),
        "count": options.count,
        "others_count": options.others_count,
    }
    found["trivial"] = measure.throughput(measure.TRIVIAL, options.count, options.others_count)
    found["numeric"] = measure.throughput(measure.NUMERIC, options.count, options.others_count)
    found["prefix"] = measure.shared_prefix(options.prefix_seconds, 2 * options.count, 4)
    found |= generation()
    found["resume"] = measure.repeat(lambda: measure.finished_sweep(options.large // 10, 0), 2, "wall_s")
    found["client_small"] = measure.finished_sweep(1000, 100)
    found["client_large"] = measure.finished_sweep(options.large, 100)
    found["import"] = measure.startup([sys.executable, "-c", "import sweep_client; sweep_client.run"])
    found["import_only"] = measure.startup([sys.executable, "-c", "import sweep_client"])
    found["help"] = measure.startup([*measure.SWEEP, "--help"])
    return found


def generation() -> dict[str, object]:
    """Notebooks generated into memory, where only our own work counts, and onto the disk of this machine."""
    found: dict[str, object] = {}
    for place, folder in (("memory", "/dev/shm"), ("disk", None)):  # noqa: S108
        for count in (500, 3000):
            best = measure.repeat(lambda c=count, f=folder: measure.generation(c, f), 3, "wall_s")  # type: ignore[misc]
            found[f"generation_{place}_{count}"] = best
    return found


def ratio(found: dict[str, Figure], other: str) -> float:
    """How many times less CPU one of our notebooks takes."""
    return found[other]["cpu_ms"] / found["sweep"]["cpu_ms"]


def page(found: dict[str, object], options: argparse.Namespace) -> str:
    """The section of docs/performance.md."""
    trivial, numeric, prefix = (dict[str, Figure](found[name]) for name in ("trivial", "numeric", "prefix"))  # type: ignore[call-overload]
    heads = ["CPU per notebook, two at once", "sweep", "papermill CLI", "papermill API", "nbclient API"]
    names = ("sweep", "papermill-cli", "papermill-api", "nbclient-api")
    rows = [
        [title, *(f"{part[name]['cpu_ms']:.0f} ms" for name in names)]
        for title, part in (("trivial", trivial), ("numpy and pandas", numeric))
    ]
    rows += [
        [f"{title}: times less CPU", "1", *(f"{ratio(part, name):.0f}" for name in names[1:])]
        for title, part in (("trivial", trivial), ("numpy and pandas", numeric))
    ]
    times = prefix["sweep"]["per_s"] / prefix["papermill-cli"]["per_s"]
    figures = [
        (
            f"throughput with {options.prefix_seconds:g} s of set-up before the parameters, {2 * options.count} variants",
            f"{times:.0f} times two papermill processes",
        ),
        *(generated(found, place) for place in ("memory", "disk")),
        (
            f"resume of a finished sweep of {options.large // 10} variants",
            f"{_number(found, 'resume', 'wall_s'):.2f} s",
        ),
        (
            f"client memory, 1000 and {options.large} variants",
            f"{_number(found, 'client_small', 'peak_mib'):.0f} and {_number(found, 'client_large', 'peak_mib'):.0f} MiB",
        ),
        (
            "`import sweep_client`, with `run`",
            f"{_number(found, 'import_only', 'wall_s'):.2f} s, {_number(found, 'import', 'wall_s'):.2f} s",
        ),
        ("`sweep --help`", f"{_number(found, 'help', 'wall_s'):.2f} s"),
    ]
    place = where(dict[str, object](found["machine"]))  # type: ignore[call-overload]
    counts = f"{options.count} notebooks with sweep, {options.others_count} with each other way."
    return f"`make bench-sweep` on {place}. {counts}\n\n{table(heads, rows)}\n\n{table(['what', 'figure'], figures)}"


def generated(found: dict[str, object], place: str) -> tuple[str, str]:
    """The line of the page about generation."""
    many, few = (
        _number(found, f"generation_{place}_3000", "per_s"),
        _number(found, f"generation_{place}_500", "wall_s"),
    )
    return f"notebooks generated, {place}", f"{many:.0f} per second; 500 in {few:.2f} s"


def where(about: dict[str, object]) -> str:
    """Say on which machine, in words."""
    return (
        f"{about['cpus']} x {about['cpu']}, {about['memory_gib']} GiB, Python {about['python']}, "
        f"load {about['load_at_start']} at the start"
    )


def _number(found: dict[str, object], name: str, key: str) -> float:
    return dict[str, float](found[name])[key]  # type: ignore[call-overload,no-any-return]


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=50, help="notebooks to execute")
    parser.add_argument(
        "--others-count",
        type=int,
        help="notebooks to execute with papermill and nbclient; as many by default",
    )
    parser.add_argument("--large", type=int, default=100_000, help="variants of the large sweep")
    parser.add_argument("--prefix-seconds", type=float, default=10.0, help="seconds of shared set-up")
    parser.add_argument("--dry", action="store_true", help="write nothing")
    options = parser.parse_args()
    options.others_count = options.others_count or options.count
    found = run(options)
    print(json.dumps(found, indent=1))
    if not options.dry:
        RESULTS.mkdir(exist_ok=True)
        day = datetime.date.today().isoformat()
        (RESULTS / f"{day}.json").write_text(json.dumps(found, indent=1) + "\n")
        write_section("sweep_client", page(found, options))


if __name__ == "__main__":
    main()
