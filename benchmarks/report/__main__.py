"""`python -m benchmarks.report`: one HTML file of all results, which loads nothing."""

import argparse
from pathlib import Path

from benchmarks.report.page import write
from benchmarks.results.record import FOLDER, history
from tests.cluster.paths import TOOLS

OUT = TOOLS / "benchmarks"


def main() -> None:
    """Write the report and say where it is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--results", type=Path, action="append", help="folders of results; the repository's by default"
    )
    parser.add_argument("--out", type=Path, default=OUT, help="the folder to write")
    arguments = parser.parse_args()
    path = write(history(arguments.results or [FOLDER]), arguments.out)
    print(f"{path} ({path.stat().st_size / 1e6:.2f} MB)")


if __name__ == "__main__":
    main()
