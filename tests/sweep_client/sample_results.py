"""Writes results directories as docs/reference/results-directory.md describes them, without running anything."""

import hashlib
import io
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sweep_client.encoding import encode
from sweep_client.files import write_json
from sweep_client.report import write_report

CREATED = "2026-01-01T12:00:00.000Z"
SOURCE = "price = black_scholes(spot, rate, volatility)\nassert price > 0, 'no price'\nprice"
TRACEBACK = [
    "\x1b[31m---------------------------------------------------------------------------\x1b[39m",
    "\x1b[31mValueError\x1b[39m                                Traceback (most recent call last)",
    "\x1b[36mCell\x1b[39m\x1b[36m \x1b[39m\x1b[32mIn[4]\x1b[39m\x1b[32m, line 1\x1b[39m\n"
    "\x1b[32m----> 1\x1b[39m price = black_scholes(spot, rate, volatility)",
    "\x1b[31mValueError\x1b[39m: volatility must be positive",
]


@dataclass
class Sample:
    """A results directory that grows by one variant at a time."""

    root: Path
    name: str = "pricing"
    parameters: Sequence[str] = ()
    entries: list[dict[str, Any]] = field(default_factory=list)

    def add(self, parameters: dict[str, Any], state: str = "done", **facts: Any) -> dict[str, Any]:
        """Add a variant; ``facts`` become members of its record."""
        index = len(self.entries)
        encoded = {name: encode(value) for name, value in parameters.items()}
        key = hashlib.sha256(json.dumps([self.name, index]).encode()).hexdigest()[:32]
        self.entries.append({"key": key, "index": index, "parameters": encoded})
        if state in ("done", "failed"):
            self._publish(self._record(key, index, state, encoded, facts))
        elif state == "running":
            lease = self.root / "leases" / key[:2] / key
            lease.parent.mkdir(parents=True, exist_ok=True)
            write_json(lease, {"format": 1, "worker": "node-1-1", "since": CREATED}, sync=False)
        return self.entries[-1]

    def write(self, **members: Any) -> Path:
        """Write the plan, the template and ``sweep.json``; give the directory."""
        for folder in ("plans", "templates", "workers"):
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        lines = [
            json.dumps(entry, separators=(",", ":"), ensure_ascii=False) + "\n" for entry in self.entries
        ]
        (self.root / "plans" / "p.jsonl").write_bytes("".join(lines).encode("utf-8", "surrogatepass"))
        cells = [{"cell_type": "code", "id": f"c{n}", "metadata": {}, "source": SOURCE} for n in range(6)]
        write_json(self.root / "templates" / "t.ipynb", {"cells": cells, "nbformat": 4}, sync=False)
        write_json(self.root / "sweep.json", self._sweep() | members, sync=False)
        return self.root

    def _sweep(self) -> dict[str, Any]:
        return {
            "format": 1,
            "name": self.name,
            "created": CREATED,
            "plan": "plans/p.jsonl",
            "variants": len(self.entries),
            "template": "templates/t.ipynb",
            "template_hash": "9a" * 32,
            "language": "python",
            "kernel": "python3",
            "parameters": [{"name": name, "type": "float", "default": "0"} for name in self.parameters],
            "results": [{"name": "price", "cell": 4, "concatenate": False}],
            "options": {"retries": 0, "engine": "fork", "lease_seconds": 60},
        }

    def _record(
        self, key: str, index: int, state: str, parameters: Any, facts: dict[str, Any]
    ) -> dict[str, Any]:
        attempt = f"node-1-4711-ab12-{index}"
        return {
            "format": 1,
            "key": key,
            "index": index,
            "state": state,
            "parameters": parameters,
            "attempt": attempt,
            "number": 1,
            "started": f"2026-01-01T12:{index // 60 % 60:02}:{index % 60:02}.000Z",
            "finished": f"2026-01-01T12:{index // 60 % 60:02}:{index % 60:02}.900Z",
            "seconds": 0.9,
            "peak_memory_bytes": 73_400_320,
            "host": "node-1",
            "engine": "fork",
            "notebook": f"variants/{key[:2]}/{key}/{attempt}/notebook.ipynb",
            "results": [],
        } | facts

    def _publish(self, record: dict[str, Any]) -> None:
        key, state = record["key"], record["state"]
        path = self.root / state / key[:2] / (f"{key}.json" if state == "done" else f"{key}.1.json")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, record, sync=False)


def error(cell: int = 3, exception: str = "ValueError", **members: Any) -> dict[str, Any]:
    """Give the error of a record."""
    message = "volatility must be positive"
    found = {"reason": "error", "cell": cell, "cell_id": None, "exception": exception, "message": message}
    return found | {"traceback": TRACEBACK} | members


def value(name: str, content: Any) -> dict[str, Any]:
    """Give a small result."""
    return {
        "name": name,
        "cell": 4,
        "concatenate": False,
        "kind": "json",
        "value": encode(content),
        "type": "float",
    }


def image(root: Path, path: str, *, bend: float = 0.0, width: int = 320) -> dict[str, Any]:
    """Write a picture of a curve and give the result that names it."""
    from PIL import Image, ImageDraw

    height = width * 3 // 4
    picture = Image.new("RGB", (width, height), "white")
    canvas = ImageDraw.Draw(picture)
    canvas.rectangle((30, 20, width - 15, height - 30), outline="#444444")
    points = [(30 + x, height / 2 - 25 - (height / 3) * math.sin(x / 66 + bend)) for x in range(width - 46)]
    canvas.line(points, fill="#0072b2", width=3)
    content = io.BytesIO()
    picture.save(content, "PNG", compress_level=1)
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_bytes(content.getvalue())
    return {
        "name": "figure",
        "cell": 5,
        "kind": "image",
        "path": path,
        "media": "image/png",
        "type": "Figure",
    }


def pricing_sweep(root: Path, *, images: bool = True) -> Path:
    """Write a finished sweep of 60 variants with prices, figures, and failures of two kinds."""
    sample = Sample(root, parameters=("model", "rate", "volatility"))
    for model in ("black-scholes", "heston", "sabr"):
        for step in range(20):
            rate, volatility = round(0.01 + step * 0.0025, 4), 0.1 + (step % 5) * 0.05
            parameters = {"model": model, "rate": rate, "volatility": round(volatility, 2)}
            if model == "sabr" and step % 4 == 0:
                sample.add(parameters, "failed", error=error())
                continue
            if model == "heston" and step == 7:
                late = {"message": "took longer than 900 s", "traceback": []}
                sample.add(parameters, "failed", error=error(4, "TimeLimit", reason="time", **late))
                continue
            growth = {"black-scholes": 1.0, "heston": 1.15, "sabr": 1.3}[model]
            price = round(10 * growth * (1 + 9 * rate) + 1.5 * math.sin(step / 3), 4)
            results = [
                value("price", price),
                value("greeks", {"delta": round(0.5 + rate, 4), "vega": price / 7}),
            ]
            if images:
                path = f"variants/figures/{len(sample.entries)}.png"
                results.append(image(root, path, bend=step / 6 + len(model)))
            sample.add(parameters, results=results, seconds=round(0.4 + 0.02 * step, 2))
    return sample.write()


def page_of(root: Path) -> str:
    """Write the report of a results directory and give its text."""
    return write_report(root).read_text(encoding="utf-8")


def data_of(page: str) -> dict[str, Any]:
    """The data that a report holds for its script."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found
    content: dict[str, Any] = json.loads(found[1])
    return content
