"""``report.html``: one static page about a sweep that works offline, also while the sweep runs.

The page holds what the results directory holds and nothing else; it loads nothing from anywhere.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

from sweep_client.failure_groups import FailureGroup, FailureGroups, cell_source, error_of
from sweep_client.files import write_whole
from sweep_client.report_images import Thumbnails, link
from sweep_client.report_rows import Rows
from sweep_client.report_source import cells, executors, is_running
from sweep_client.report_summary import Summary
from sweep_client.report_values import shortened, text
from sweep_client.results import Results, Variant
from sweep_client.times import now

NAME = "report.html"
SCRIPTS = ("data.js", "table.js", "detail.js", "gallery.js", "scales.js", "plot.js", "page.js")
REFRESH_SECONDS = 15
ROW_LIMIT = 20_000
GROUP_LIMIT = 60
LISTED = 30


def write_report(results_dir: Path | str) -> Path:
    """Write the report of a sweep and give its path.

    Raises:
        DirectoryError: there is no sweep.
    """
    results = Results(results_dir)
    path = results.directory.root / NAME
    write_whole(path, render(results).encode("utf-8", "replace"), sync=False)
    return path


def render(results: Results) -> str:
    """Give the report as HTML."""
    from jinja2 import Environment, PackageLoader
    from markupsafe import Markup

    contents = _Contents(results)
    for variant in results.variants():
        contents.add(variant)
    environment = Environment(
        loader=PackageLoader("sweep_client", "report_assets"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style, script = _asset("report.css"), _script()
    return environment.get_template("report.html.jinja").render(
        contents=contents,
        policy=_policy(style, script),
        style=Markup(style),  # noqa: S704
        script=Markup(script),  # noqa: S704
        data=Markup(_embedded(contents.data())),  # noqa: S704
    )


@dataclass
class _Contents:
    """What the page shows, collected in one pass over the variants."""

    results: Results
    summary: Summary = field(default_factory=Summary)
    rows: Rows = field(default_factory=lambda: Rows(ROW_LIMIT))
    failures: FailureGroups = field(default_factory=FailureGroups)
    made: str = field(default_factory=now)
    refresh: int = field(default_factory=lambda: REFRESH_SECONDS)

    def __post_init__(self) -> None:
        for parameter in self.results.sweep.parameters:
            self.rows.declare("parameter", str(parameter["name"]))

    def add(self, variant: Variant) -> None:
        """Take a variant."""
        failed = variant.record is not None and variant.state == "failed"
        group = self.failures.add(variant.record) if failed and variant.record else None
        self.summary.add(variant)
        self.rows.add(variant, group)

    @property
    def name(self) -> str:
        """The sweep's name."""
        return shortened(self.results.sweep.name)

    @cached_property
    def is_running(self) -> bool:
        """Whether the page will change."""
        return self.summary.finished < self.summary.total and is_running(self.results)

    @property
    def state(self) -> tuple[str, str]:
        """The state of the whole sweep: one of the states, and in words."""
        left = self.summary.total - self.summary.finished
        if left:
            return ("running", "Running") if self.is_running else ("pending", "Not finished")
        failed = self.summary.counts["failed"]
        return ("failed", f"Finished, {failed:,} failed") if failed else ("done", "Finished")

    @property
    def origin(self) -> list[tuple[str, str]]:
        """Where it comes from and where it ran."""
        sweep, hosts = self.results.sweep, sorted(self.summary.hosts)
        facts = [
            ("Executor", ", ".join(executors(self.results))),
            ("Engine", ", ".join(sorted(self.summary.engines)) or sweep.options.engine),
            ("Hosts", ", ".join(hosts) if len(hosts) <= 4 else f"{len(hosts)} hosts"),
            ("Language", sweep.language),
            ("Template", sweep.template_hash[:12]),
            ("Started", sweep.created[:19].replace("T", " ") + " UTC"),
        ]
        return [(name, shortened(value)) for name, value in facts if value]

    @property
    def truncated(self) -> int:
        """How many variants the table leaves out."""
        return max(0, self.summary.total - ROW_LIMIT)

    def failure_views(self) -> list[dict[str, Any]]:
        """Give what the template shows of each group of failures."""
        return [_failure_view(self.results, group) for group in self.failures.ordered()[:GROUP_LIMIT]]

    def data(self) -> dict[str, Any]:
        """Give what the scripts work on."""
        images = self.rows.images
        expected = len(images) * self.summary.total // max(self.summary.counts["done"], 1)
        made = Thumbnails(self.results.directory.root, expected).make([image.path for image in images])
        shown = [[image.row, image.name, link(image.path), made[image.path]] for image in images]
        return {**self.rows.to_json(), "images": shown, "refresh": self.refresh if self.is_running else 0}


def _failure_view(results: Results, group: FailureGroup) -> dict[str, Any]:
    first = group.records[0]
    examples = [
        {
            "index": record["index"],
            "parameters": [
                (name, shortened(value if isinstance(value, str) else text(value), 60))
                for name, value in record["parameters"].items()
            ],
            "message": shortened(str(error_of(record).get("message", "")), 200),
            "notebook": link(record.get("notebook")),
        }
        for record in group.records[:LISTED]
    ]
    return {
        "group": group,
        "source": cell_source(cells(results, first.get("notebook")), group),
        "examples": examples,
    }


def _asset(name: str) -> str:
    return (files("sweep_client") / "report_assets" / name).read_text(encoding="utf-8")


def _script() -> str:
    return '"use strict";\n{\n' + "".join(_asset(name) for name in SCRIPTS) + "}\n"


def _policy(style: str, script: str) -> str:
    """Allow this style, this script and embedded images, and nothing from anywhere else."""
    return f"default-src 'none'; img-src data:; style-src {_source(style)}; script-src {_source(script)}; base-uri 'none'; form-action 'none'"


def _source(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def _embedded(data: dict[str, Any]) -> str:
    """Give JSON that cannot end its element, whatever texts it holds."""
    content = json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return content.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
