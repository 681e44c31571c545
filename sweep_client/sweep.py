"""A sweep as its user holds it: run, wait, look, cancel, retry; attach from anywhere at any time."""

from __future__ import annotations

import collections
import contextlib
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from sweep_client.client import Client, steering
from sweep_client.directory import Directory, Options, open_directory
from sweep_client.errors import ExecutorError, VariantsFailed
from sweep_client.executors import Executor, JobState, executor_class
from sweep_client.executors.base import read_submissions, write_submissions
from sweep_client.index import Index
from sweep_client.journal import Follower
from sweep_client.left import Left
from sweep_client.packing import Group, pending_groups
from sweep_client.parameter_files import read_rows
from sweep_client.preparation import Request, prepare
from sweep_client.progress import Progress
from sweep_client.results import Results, Variant

TICK_SECONDS = 0.2
POLL_SECONDS = 1.0
MOST_FRUITLESS_SUBMISSIONS = 5


class Sweep:
    """A handle on a results directory; it holds no state of its own."""

    def __init__(self, directory: Directory, on: str = "local", **executor_options: Any) -> None:
        self.directory = directory
        self._on = on
        self._executor_options = executor_options
        self._executors: dict[str, Executor] = {}

    @classmethod
    def attach(cls, out: str | Path) -> Sweep:
        """Attach to a sweep that was started before, here or elsewhere.

        Raises:
            DirectoryError: there is no sweep.
        """
        directory = open_directory(out)
        directory.read_sweep()
        submissions = read_submissions(directory)
        if not submissions:
            return cls(directory)
        last = submissions[-1]
        return cls(directory, last.executor, **last.options)

    @property
    def results(self) -> Results:
        """The results as they are now."""
        return Results(self.directory)

    def _repr_html_(self) -> str:
        """Show the sweep as it is now where a notebook's cell ends with the handle."""
        from sweep_client.widget import render

        return render(self.results)

    def counts(self) -> dict[str, int]:
        """Count variants by state."""
        return self.results.counts()

    def failures(self) -> list[Variant]:
        """Give the failed variants."""
        return self.results.failures()

    def table(self, name: str | None = None) -> Any:
        """Give a table of parameters and results: a pandas frame, or an Arrow table without pandas."""
        from sweep_client.tables import to_arrow

        table = to_arrow(self.results, name)
        try:
            return table.to_pandas()
        except ImportError:
            return table

    def start(self) -> bool:
        """Start workers where variants are pending and no worker lives; False where nothing is to do."""
        if self._live():
            return True
        counts = self.counts()
        pending = counts["pending"] + counts["running"]
        if pending == 0:
            return False
        executor, mean = self._executor(self._on), self._mean_seconds()
        groups = pending_groups(self.directory) if executor.by_resources else [Group(pending=pending)]
        for group in groups:
            submission = executor.submit(executor.workers(group.pending, mean), group)
            write_submissions(self.directory, [*read_submissions(self.directory), submission])
        return True

    def follow(self, client: Client) -> Iterator[Progress]:
        """Steer until all variants have ended, giving the progress a few times a second."""
        index, follower = Index(self.directory), Follower(self.directory)
        progress = Progress(self.counts(), self.results)
        fruitless, last_poll, seen = 0, 0.0, -1
        left: Left | None = None
        follower.skip()
        with contextlib.ExitStack() as stack:
            stack.callback(index.close)
            while True:
                lines = list(follower.lines())
                index.add(line["record"] for line in lines if line["event"] == "done")
                progress.take(lines)
                client.beat()
                yield progress
                if time.monotonic() - last_poll > POLL_SECONDS or progress.is_over():
                    last_poll = time.monotonic()
                    if not self._live():
                        progress.correct(self.counts())
                        if progress.is_over() or self.directory.cancel.exists():
                            return
                        left = left or Left(self.directory, client, stack)
                        if not left.is_with_others():
                            fruitless = fruitless + 1 if progress.ended == seen else 0
                            seen = progress.ended
                            self._start_again(fruitless)
                time.sleep(TICK_SECONDS)

    def wait(self, *, check: bool = False) -> dict[str, int]:
        """Steer until all variants have ended, in a notebook with a live view; give the counts.

        Raises:
            VariantsFailed: ``check`` was said and some variants failed.
        """
        from sweep_client.widget import in_notebook, show

        with steering(self.directory) as client:
            progresses = self.follow(client)
            if in_notebook():
                show(progresses, title=self.results.sweep.name)
            else:
                collections.deque(progresses, maxlen=0)
        counts = self.counts()
        if check and counts["failed"]:
            raise VariantsFailed(
                f"{counts['failed']} variants failed; see: sweep status {self.directory.root}"
            )
        return counts

    def cancel(self) -> None:
        """Stop all workers; what is finished stays, and ``start`` goes on."""
        self.directory.cancel.touch()
        for submission in read_submissions(self.directory):
            self._executor(submission.executor, submission.options).cancel(submission)

    def resume(self) -> None:
        """Allow workers again after ``cancel``."""
        self.directory.cancel.unlink(missing_ok=True)

    def retry(self, reasons: Iterable[str] = ()) -> int:
        """Let failed variants be tried again, all or those that failed for some reasons; give how many."""
        wanted = set(reasons)
        count = 0
        for variant in self.failures():
            failure = variant.failure
            if wanted and (failure is None or not wanted & {failure.reason, failure.exception}):
                continue
            self._forget_failures(variant.key)
            count += 1
        self.resume()
        return count

    def _forget_failures(self, key: str) -> None:
        for path in (self.directory.root / "lost" / key[:2]).glob(f"{key}.*"):
            path.unlink()
        old = self.directory.failed(key, 1).parent / "old"
        old.mkdir(exist_ok=True)
        for path in self.directory.failed(key, 1).parent.glob(f"{key}.*.json"):
            shutil.move(path, old / f"{path.stem}.{time.time_ns()}.json")

    def _executor(self, name: str, options: dict[str, Any] | None = None) -> Executor:
        if name not in self._executors:
            chosen = self._executor_options if options is None or name == self._on else options
            self._executors[name] = executor_class(name)(self.directory, **chosen)
        return self._executors[name]

    def is_live(self) -> bool:
        """Say whether workers live or wait in a queue."""
        return bool(self._live())

    def _live(self) -> dict[str, JobState]:
        """Give the submissions that have not ended."""
        live: dict[str, JobState] = {}
        submissions = read_submissions(self.directory)
        for name in {submission.executor for submission in submissions}:
            own = [submission for submission in submissions if submission.executor == name]
            states = self._executor(name, own[-1].options).poll(own)
            live |= {identity: state for identity, state in states.items() if state.state != "ended"}
        return live

    def _mean_seconds(self) -> float | None:
        from sweep_client.files import read_json

        means = [read_json(path) or {} for path in self.directory.workers.glob("*.json")]
        counted = [(m["done"], m["mean_seconds"]) for m in means if m.get("done")]
        total = sum(done for done, _ in counted)
        return sum(done * mean for done, mean in counted) / total if total else None

    def _start_again(self, fruitless: int) -> None:
        if fruitless >= MOST_FRUITLESS_SUBMISSIONS:
            last = self.directory.root / read_submissions(self.directory)[-1].logs
            words = last.read_text(errors="replace").strip().splitlines()[-1:] if last.is_file() else []
            ends = "".join(f", which ends: {line[:500]}" for line in words)
            raise ExecutorError(
                f"workers ended {fruitless} times without finishing a variant; the last log is {last}{ends}"
            )
        self.start()


def run(
    template: str | Path,
    params: Any,
    out: str | Path,
    on: str = "local",
    dependencies: Iterable[str] = (),
    *,
    executor_options: dict[str, Any] | None = None,
    environment: str = "",
    requirements: str | Path | None = None,
    directory: str | None = None,
    **options: Any,
) -> Sweep:
    """Start a sweep of ``template`` over ``params`` and give a handle; finished variants are not run again.

    Args:
        params: a file, rows, a frame, or ``grid(...)``.
        on: the executor.
        requirements: a requirements or lock file; its environment is built once, where the workers run.
        options: of ``Options``: retries, time_seconds, memory_bytes, isolate, engine.

    Raises:
        InputRefused: something is wrong with the notebook, the parameters or the directory.
    """
    request = Request(
        Path(template),
        read_rows(params),
        dependencies=tuple(str(path) for path in dependencies),
        environment=environment,
        requirements=Path(requirements) if requirements else None,
        directory=directory,
        options=Options(**options),
    )
    place, sweep_file = prepare(request, out)
    sweep = Sweep(place, on, **(executor_options or {}))
    with steering(place):
        place.write_sweep(sweep_file)
        sweep.resume()
        sweep.start()
    return sweep
