"""The same notebooks with papermill and nbclient: each function is one command of its own, so that its CPU time is whole.

Run as ``python -m benchmarks.sweep.others HOW TEMPLATE OUT COUNT``.
"""

import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

WORKERS = 2


def papermill_command(template: Path, out: Path, number: int) -> None:
    """One notebook with papermill's command line."""
    target = str(out / f"{number}.ipynb")
    command = [
        sys.executable,
        "-m",
        "papermill",
        str(template),
        target,
        "-p",
        "a",
        str(number),
        "--no-progress-bar",
    ]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)


def papermill_api(template: Path, out: Path, number: int) -> None:
    """One notebook with papermill's API."""
    import papermill

    papermill.execute_notebook(template, out / f"{number}.ipynb", {"a": number}, progress_bar=False)


def nbclient_api(template: Path, out: Path, number: int) -> None:
    """One notebook with nbclient, parameters written into its source."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(template, as_version=4)
    notebook.cells.insert(2, nbformat.v4.new_code_cell(f"a = {number}"))
    NotebookClient(notebook, shutdown_kernel="immediate").execute()
    nbformat.write(notebook, out / f"{number}.ipynb")


def main() -> None:
    """Execute COUNT notebooks, two at once."""
    how, template, out, count = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
    function = {
        "papermill-cli": papermill_command,
        "papermill-api": papermill_api,
        "nbclient-api": nbclient_api,
    }[how]
    pool = ThreadPoolExecutor if how == "papermill-cli" else ProcessPoolExecutor
    with pool(WORKERS) as executor:
        list(executor.map(function, [template] * count, [out] * count, range(count)))


if __name__ == "__main__":
    main()
