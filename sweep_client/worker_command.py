"""The command line of a worker, and how it becomes several processes after one warm-up."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from sweep_client.directory import Directory, SweepFile, open_directory
from sweep_client.errors import EXIT_REFUSED, SweepError
from sweep_client.leases import new_name
from sweep_client.notebook import Template
from sweep_client.publication import link_all
from sweep_client.worker import EXIT_STOPPED, Job, Worker


def run(arguments: list[str] | None = None) -> int:
    """Run a worker; give its exit code."""
    options = _parser().parse_args(arguments)
    try:
        directory = open_directory(options.directory)
        sweep = directory.read_sweep()
        _enter_environment(directory, sweep, arguments)
        template = load_template(directory, sweep)
    except SweepError as error:
        print(f"sweep worker: {error}", file=sys.stderr)
        return error.exit_code
    part, parts = options.part
    job = Job(
        options.worker or "",
        part,
        parts,
        only=options.only,
        job=options.job,
        linger=options.linger,
        until=options.until,
        resources=options.resources,
    )
    make = _engine(sweep, template)
    if options.processes == 1:
        return _work(directory, sweep, template, job, make)
    return _fork(directory, sweep, template, job, make, processes=options.processes)


def _enter_environment(directory: Directory, sweep: SweepFile, arguments: list[str] | None) -> None:
    """Become a process of the environment that the sweep's requirements describe."""
    if not sweep.requirements:
        return
    from sweep_client.environments import ensure_environment

    python = ensure_environment(directory, sweep.requirements)
    if not python.parent.parent.samefile(sys.prefix):
        given = sys.argv[1:] if arguments is None else arguments
        os.execv(python, [str(python), "-m", "sweep_client.worker", *given])  # noqa: S606 - the same program


def load_template(directory: Directory, sweep: SweepFile) -> Template:
    """Read the template as the client left it; it was validated then."""
    import json

    from sweep_client.notebook import make_template

    path = directory.root / sweep.template
    return make_template(str(path), json.loads(path.read_text(encoding="utf-8")))


def _engine(sweep: SweepFile, template: Template) -> Any:
    """Warm up what all workers of this process share, and give what makes their zygotes."""
    if sweep.options.engine == "kernel":
        # jsonschema, which nbformat imports, takes a second to compile a grammar of IRIs with this; no notebook has any.
        sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
        from sweep_client.kernel_engine import KernelZygote

        return partial(KernelZygote, template)
    from sweep_client.preload import preload_early
    from sweep_client.shell import build_shell
    from sweep_client.zygote import Zygote

    shell = build_shell()
    if sweep.options.isolate == "auto":
        preload_early(template)
    return partial(Zygote, template, shell)


def _work(directory: Directory, sweep: SweepFile, template: Template, job: Job, make: Any) -> int:
    from sweep_client.runner import Runner

    job = replace(job, name=job.name or new_name())
    share = sweep.options.isolate == "auto" and sweep.options.engine == "fork"
    worker: Worker

    def tick() -> None:
        worker.tick()

    working = Path(sweep.directory) if sweep.directory else None
    runner = Runner(make, share=share, working=working, tick=tick)
    if working is None:
        link_all(directory.dependencies, runner.working)
    worker = Worker(directory, sweep, template, job, runner)
    try:
        return worker.run()
    except OSError as error:
        place = error.filename or directory.root
        print(
            f"sweep worker: {place}: {error.strerror}; nothing is lost, go on with: sweep retry",
            file=sys.stderr,
        )
        return EXIT_REFUSED


def _fork(
    directory: Directory, sweep: SweepFile, template: Template, job: Job, make: Any, *, processes: int
) -> int:
    children = []
    for number in range(processes):
        own = replace(job, name="", part=job.part * processes + number, parts=job.parts * processes)
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                code = _work(directory, sweep, template, own, make)
            finally:
                sys.stderr.flush()
                os._exit(code)
        children.append(pid)
    return _wait(children)


def _wait(children: list[int]) -> int:
    """Wait for all children, passing signals on; stopped if any was."""

    def forward(number: int, _frame: Any) -> None:
        for pid in children:
            os.kill(pid, number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
        signal.signal(number, forward)
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
    broken = [code for code in codes if code not in (0, EXIT_STOPPED)]
    return 1 if broken else max(codes)


def _part(text: str) -> tuple[int, int]:
    part, _, parts = text.partition("/")
    if not (part.isdigit() and parts.isdigit() and int(part) < int(parts)):
        raise argparse.ArgumentTypeError(f"{text!r}: write I/N with 0 <= I < N")
    return int(part), int(parts)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sweep_client.worker", description=__doc__)
    parser.add_argument("directory", type=Path, help="the results directory")
    parser.add_argument(
        "--part", type=_part, default=(0, 1), metavar="I/N", help="which variants to look at first"
    )
    parser.add_argument(
        "--only", type=_part, default=(0, 1), metavar="I/N", help="every N-th variant and no other"
    )
    parser.add_argument("--job", default="", help="the name of the job this runs in, for those who watch")
    parser.add_argument(
        "--linger", type=float, default=0.0, help="seconds to wait for leases of others to end"
    )
    parser.add_argument("--until", type=float, help="seconds this worker may run")
    parser.add_argument("--resources", help="take only variants that want just this; all by default")
    parser.add_argument("--worker", help="the worker's name, unique for ever; made up by default")
    parser.add_argument("--processes", type=int, default=1, help="workers to run, forked after one warm-up")
    return parser
