"""A benchmark's section of docs/performance.md: its summary, the machine and the command."""

from pathlib import Path

from benchmarks.page import table, write_section
from benchmarks.report.page import TITLES
from benchmarks.results.record import read


def publish(path: Path) -> Path:
    """Replace the section of a result's benchmark; a smoke run says nothing about speed and leaves it alone."""
    result = read(path)
    if result.preset == "smoke":
        return path
    about = result.machine
    stolen = f", {about['steal_share']:.1%} stolen" if "steal_share" in about else ""
    where = (
        f"{result.started[:10]}, `{result.command}` on {about['cores']} x {about['cpu']}, {about['memory_gib']} GiB, "
        f"load {about['load_at_start']} at the start{stolen}. Result: `benchmarks/results/{path.name}`."
    )
    rows = [(line.what, line.measured, line.wanted) for line in result.summary]
    notes = "\n".join(f"- {note}" for note in result.notes)
    text = f"{where}\n\n{table(['what', 'measured', 'wanted'], rows)}\n\n{notes}"
    write_section(TITLES[result.benchmark].split(":")[0] + " benchmark", text)
    return path
