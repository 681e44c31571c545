"""What the summary of the MPI benchmark says of the runs."""

from benchmarks.mpi.__main__ import summary
from benchmarks.results.record import Run


def test_a_run_that_failed_is_left_out_of_the_summary() -> None:
    failed = Run(series="two pods", block=0, parameters={"seconds": 1.0}, figures={}, valid=False)
    assert summary([failed]) == []
