"""Turns what the user gave into a results directory that workers can use; nothing runs before all of it is checked."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sweep_client.directory import Directory, Options, SweepFile, open_directory
from sweep_client.errors import DirectoryError, InputRefused
from sweep_client.files import write_json, write_whole
from sweep_client.notebook import Template, read_template
from sweep_client.parameter_files import Row
from sweep_client.parameters import check_rows
from sweep_client.plan import KeyMaker, Plan, write_plan
from sweep_client.times import now


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asked for."""

    template: Path
    rows: Iterable[Row]
    fixed: dict[str, Any] = field(default_factory=dict)
    dependencies: tuple[str, ...] = ()
    environment: str = ""
    requirements: Path | None = None
    directory: str | None = None
    options: Options = field(default_factory=Options)


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a sweep would do."""

    variants: int
    already_done: int
    parameters: list[dict[str, Any]]
    results: list[str]


def prepare(request: Request, out: str | Path) -> tuple[Directory, SweepFile]:
    """Check everything and write the plan; the sweep begins when ``commit`` has been called.

    Raises:
        InputRefused: something is wrong with the notebook, the parameters or the directory.
    """
    template = read_template(request.template)
    dependencies = hash_dependencies(request.dependencies)
    required = _read_requirements(request)
    environment = f"{request.environment}+{_hash(required)}" if required else request.environment
    keys = KeyMaker(template.hash, {name: digest for name, (_, digest) in dependencies.items()}, environment)
    directory = open_directory(out, create=True)
    try:
        rows = check_rows(request.rows, template.known_parameters, request.fixed)
        plan, count = write_plan(directory.root / "plans", rows, keys)
        copy_dependencies(directory, dependencies)
        name = f"templates/{template.hash[:16]}-{_digest(template.notebook)[:8]}.ipynb"
        write_json(directory.root / name, template.notebook)
        requirements = _write_requirements(directory, required)
    except OSError as error:
        raise DirectoryError(
            f"{directory.root}: cannot be written: {error.strerror}; choose another --out"
        ) from None
    return directory, _sweep_file(
        request,
        template,
        dependencies,
        f"plans/{plan}",
        count=count,
        template_name=name,
        requirements=requirements,
    )


def rehearse(request: Request, out: str | Path) -> Rehearsal:
    """Say what a sweep would do; write nothing into ``out``."""
    with tempfile.TemporaryDirectory(prefix="sweep-dry-") as folder:
        directory, sweep = prepare(request, folder)
        plan = Plan(directory.root / sweep.plan)
        done = Directory(Path(out).absolute()).done_keys()
        first = [plan[index].parameters for index in range(min(3, len(plan)))]
        already = sum(key in done for key in plan.keys)
        plan.close()
        return Rehearsal(sweep.variants, already, first, [result["name"] for result in sweep.results])


def hash_dependencies(paths: Iterable[str]) -> dict[str, tuple[Path, str]]:
    """Give every dependency file by the path variants see, with its place and its content's hash."""
    found: dict[str, tuple[Path, str]] = {}
    for text in paths:
        path = Path(text)
        if not path.exists():
            raise InputRefused(f"{path}: there is no such dependency")
        files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        for file in files:
            name = str(file.relative_to(path.parent if path.is_dir() else file.parent))
            if found.get(name, (file,))[0] != file:
                raise InputRefused(f"{file} and {found[name][0]} would both be {name!r}; rename one")
            with file.open("rb") as content:
                found[name] = (file, hashlib.file_digest(content, "sha256").hexdigest())
    return found


def copy_dependencies(directory: Directory, dependencies: dict[str, tuple[Path, str]]) -> None:
    """Copy what is not there yet; a file that is replaced is replaced whole."""
    for name, (source, digest) in dependencies.items():
        target = directory.dependencies / name
        if target.is_file():
            with target.open("rb") as content:
                if hashlib.file_digest(content, "sha256").hexdigest() == digest:
                    continue
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.tmp")
        shutil.copy2(source, temporary)
        temporary.rename(target)


def _read_requirements(request: Request) -> str:
    if request.requirements is None:
        return ""
    from sweep_client.environments import read_requirements

    return read_requirements(request.requirements)


def _write_requirements(directory: Directory, required: str) -> str:
    """Write the file workers make an environment of; give its path in the directory, or nothing."""
    if not required:
        return ""
    name = f"environments/{_hash(required)[:16]}.txt"
    (directory.root / name).parent.mkdir(exist_ok=True)
    write_whole(directory.root / name, required)
    return name


def _sweep_file(
    request: Request,
    template: Template,
    dependencies: dict[str, tuple[Path, str]],
    plan: str,
    *,
    count: int,
    template_name: str,
    requirements: str,
) -> SweepFile:
    kernel_needed = template.language != "python" and request.options.engine == "fork"
    options = Options(**{**asdict(request.options), "engine": "kernel"}) if kernel_needed else request.options
    described = [
        {"name": p.name, "type": str(p.type), "default": p.default, "help": p.help}
        for p in template.parameters
    ]
    return SweepFile(
        name=request.template.stem,
        created=now(),
        plan=plan,
        variants=count,
        template=template_name,
        template_hash=template.hash,
        language=template.language,
        kernel=template.kernel,
        parameters=described,
        results=[asdict(result) for result in template.results],
        dependencies={name: digest for name, (_, digest) in dependencies.items()},
        environment=request.environment,
        directory=request.directory,
        requirements=requirements,
        options=options,
    )


def _digest(notebook: dict[str, Any]) -> str:
    return _hash(json.dumps(notebook, sort_keys=True))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
