"""Make, check, keep and read results. A result that does not fit the schema is never written."""

import datetime
import json
import os
import platform
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import jsonschema

FOLDER = Path(__file__).parent
SCHEMA = FOLDER / "result.schema.json"
Value = float | int | str | bool


@dataclass
class Run:
    """One execution of the thing that is measured."""

    series: str
    parameters: Mapping[str, Value]
    figures: Mapping[str, float]
    block: int = 0
    valid: bool = True
    facts: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""


@dataclass(frozen=True)
class Line:
    """One line of a summary: what was wanted, and what came out."""

    what: str
    measured: str
    wanted: str = ""
    met: bool | None = None


@dataclass
class Result:
    """Everything about one run of a benchmark."""

    benchmark: str
    preset: str
    command: str
    machine: dict[str, Any]
    versions: dict[str, str] = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)
    summary: list[Line] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    picture: str = ""
    source: str = "measured"
    started: str = ""
    seconds: float = 0.0
    format: int = 1

    def content(self) -> dict[str, Any]:
        """The JSON value, checked against the schema."""
        content = asdict(self)
        if not self.picture:
            del content["picture"]
        for run in content["runs"]:
            for name in ("facts", "error"):
                if not run[name]:
                    del run[name]
        jsonschema.validate(content, json.loads(SCHEMA.read_text()))
        return content


class Recorder:
    """Times a benchmark from its start and writes its result."""

    def __init__(self, benchmark: str, preset: str, command: str) -> None:
        self._begun, self._ticks = time.time(), _cpu_ticks()
        self.result = Result(benchmark, preset, command, machine())

    def save(self, folder: Path = FOLDER) -> Path:
        """Write the result with the seconds and the stolen CPU time since the start."""
        begun = datetime.datetime.fromtimestamp(self._begun, datetime.UTC)
        self.result.started = begun.strftime("%Y-%m-%dT%H:%M:%SZ")
        self.result.seconds = round(time.time() - self._begun, 1)
        spent = [now - then for now, then in zip(_cpu_ticks(), self._ticks, strict=True)]
        if spent and sum(spent):
            self.result.machine["steal_share"] = round(spent[7] / sum(spent), 4)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.result.benchmark}-{begun:%Y-%m-%dT%H%M%S}.json"
        path.write_text(json.dumps(self.result.content(), indent=1) + "\n")
        return path


def read(path: Path) -> Result:
    """Read one result.

    Raises:
        ValueError: it does not fit the schema.
    """
    content = json.loads(path.read_text())
    try:
        jsonschema.validate(content, json.loads(SCHEMA.read_text()))
    except jsonschema.ValidationError as error:
        where = "/".join(str(part) for part in error.absolute_path) or "the file"
        raise ValueError(f"{path} is no result: {where}: {error.message}") from None
    runs = [Run(**run) for run in content.pop("runs")]
    return Result(runs=runs, summary=[Line(**line) for line in content.pop("summary")], **content)


def history(folders: Iterable[Path] = (FOLDER,)) -> list[Result]:
    """All results in some folders: what was quoted, then what was measured, the oldest first."""
    paths = [path for folder in folders for path in folder.glob("*.json") if path.name != SCHEMA.name]
    return sorted(
        (read(path) for path in paths), key=lambda result: (result.source == "measured", result.started)
    )


def machine() -> dict[str, Any]:
    """This machine, as far as it matters."""
    models = [
        line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")
    ]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cpu": models[0].split(":")[1].strip() if models else platform.machine(),
        "cores": os.cpu_count() or 1,
        "memory_gib": round(memory, 1),
        "kernel": platform.release(),
        "load_at_start": round(os.getloadavg()[0], 1),
    }


def _cpu_ticks() -> list[int]:
    return [int(word) for word in Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
