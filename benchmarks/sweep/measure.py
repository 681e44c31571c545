"""Measures one figure each; a figure is a dictionary of numbers."""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from sweep_client.directory import Directory
from sweep_client.files import write_json
from sweep_client.plan import read_plan
from sweep_client.preparation import Request, prepare

Figure = dict[str, float]
SWEEP = [sys.executable, "-m", "sweep_client.cli"]
# The same, and its own peak memory, without its workers', as the last line of a file.
MEASURED = [
    sys.executable,
    "-c",
    "import atexit, resource, sys\n"
    "path = sys.argv.pop(1)\n"
    "usage = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
    "atexit.register(lambda: open(path, 'w').write(str(usage())))\n"
    "from sweep_client.cli import main\n"
    "main()",
]
OTHERS = [sys.executable, "-m", "benchmarks.sweep.others"]
TRIVIAL = ["# text", "a = 1", "b = a + 1", "b"]
NUMERIC = [
    "# text",
    "a = 1",
    "import numpy as np\nimport pandas as pd\nb = int(pd.Series(np.arange(a + 1)).sum())",
    "b",
]


def write_template(folder: Path, sources: list[str], setup: str | None = None) -> Path:
    """A notebook: text, set-up, parameters, work, results."""
    cells: list[dict[str, object]] = [{"cell_type": "markdown", "metadata": {}, "source": sources[0]}]
    tags = {1: ["parameters"], 3: ["results"]}
    for position, source in enumerate(sources[1:], 1):
        metadata = {"tags": tags[position]} if position in tags else {}
        cells.append(
            {
                "cell_type": "code",
                "execution_count": None,
                "metadata": metadata,
                "outputs": [],
                "source": source,
            }
        )
    if setup is not None:
        cells.insert(
            1, {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": setup}
        )
    for position, cell in enumerate(cells):
        cell["id"] = f"cell-{position}"
    spec = {"display_name": "Python 3", "language": "python", "name": "python3"}
    path = folder / "template.ipynb"
    path.write_text(
        json.dumps({"cells": cells, "metadata": {"kernelspec": spec}, "nbformat": 4, "nbformat_minor": 5})
    )
    return path


def command(arguments: list[str]) -> Figure:
    """Wall and CPU seconds of a command with all its processes."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    environment = {**os.environ, "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    process = subprocess.Popen(
        arguments, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    if process.wait():
        raise RuntimeError(f"{' '.join(arguments)}: exit code {process.returncode}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall_s": time.monotonic() - start, "cpu_s": cpu}


def throughput(sources: list[str], count: int, others_count: int) -> dict[str, Figure]:
    """CPU and wall seconds per notebook, ours and theirs."""
    found: dict[str, Figure] = {}
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        template = write_template(folder, sources)
        run = _run_two_at_once(template, count, folder / "out")
        found["sweep"] = _each(command(run), count)
        for how in ("papermill-cli", "papermill-api", "nbclient-api"):
            target = folder / how
            target.mkdir()
            found[how] = _each(
                command([*OTHERS, how, str(template), str(target), str(others_count)]), others_count
            )
    return found


def _run_two_at_once(template: Path, count: int, out: Path) -> list[str]:
    """The command that runs `count` variants of a template with two workers."""
    return [*SWEEP, "run", str(template), "--grid", f"a=1:{count}", "--out", str(out), "-j", "2"]


def shared_prefix(seconds: float, count: int, others_count: int) -> dict[str, Figure]:
    """Notebooks per second where the cells before the parameters take long."""
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        template = write_template(folder, TRIVIAL, setup=f"import time\ntime.sleep({seconds})")
        run = _run_two_at_once(template, count, folder / "out")
        ours = command(run)
        (folder / "papermill").mkdir()
        theirs = command(
            [*OTHERS, "papermill-cli", str(template), str(folder / "papermill"), str(others_count)]
        )
    per_second = {"sweep": count / ours["wall_s"], "papermill-cli": others_count / theirs["wall_s"]}
    return {name: {"per_s": value} for name, value in per_second.items()}


def generation(count: int, folder: str | None) -> Figure:
    """Notebooks written per second into ``folder``, in the process that already runs."""
    from sweep_client.generation import generate_notebooks
    from sweep_client.grids import grid
    from sweep_client.parameter_files import read_rows

    with tempfile.TemporaryDirectory(dir=folder) as text:
        template = write_template(Path(text), TRIVIAL)
        generate_notebooks(template, read_rows(grid(a=range(2))), Path(text) / "warm")
        start = time.monotonic()
        generate_notebooks(template, read_rows(grid(a=range(count))), Path(text) / "out")
        seconds = time.monotonic() - start
    return {"notebooks": count, "wall_s": seconds, "per_s": count / seconds}


def finished_sweep(count: int, pending: int) -> Figure:
    """A client on a sweep of ``count`` variants of which all but ``pending`` were done before."""
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        template = write_template(folder, TRIVIAL)
        (folder / "p.csv").write_text("a\n" + "\n".join(map(str, range(count))) + "\n")
        publish_most(template, folder, count - pending)
        memory = folder / "memory"
        run = [
            "run",
            str(template),
            "--params",
            str(folder / "p.csv"),
            "--out",
            str(folder / "out"),
            "-j",
            "2",
        ]
        figure = command([*MEASURED, str(memory), *run])
        return figure | {"peak_mib": int(memory.read_text()) / 1024}


def publish_most(template: Path, folder: Path, most: int) -> None:
    """Write the records that a sweep of so many variants would have left."""
    from sweep_client.parameter_files import read_rows

    directory, sweep = prepare(Request(template, read_rows(folder / "p.csv")), folder / "out")
    directory.write_sweep(sweep)
    for planned in read_plan(directory.root / sweep.plan):
        if planned.index < most:
            _publish(directory, asdict(planned))


def _publish(directory: Directory, planned: dict[str, object]) -> None:
    path = directory.done(str(planned["key"]))
    path.parent.mkdir(exist_ok=True)
    result = {"name": "b", "cell": 4, "concatenate": False, "type": "int", "kind": "json", "value": 1}
    write_json(path, {"format": 1, "state": "done", **planned, "results": [result]}, sync=False)


def startup(what: list[str], runs: int = 5) -> Figure:
    """The shortest wall time of a command."""
    return {"wall_s": min(command(what)["wall_s"] for _ in range(runs))}


def _each(figure: Figure, count: int) -> Figure:
    return {"cpu_ms": 1000 * figure["cpu_s"] / count, "wall_ms": 1000 * figure["wall_s"] / count}


def repeat(measure: Callable[[], Figure], runs: int, key: str) -> Figure:
    """The best of several runs by one number."""
    return min((measure() for _ in range(runs)), key=lambda figure: figure[key])
