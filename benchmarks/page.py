"""docs/performance.md: each benchmark owns one section and replaces it as a whole."""

import re
from collections.abc import Sequence

from tests.cluster.paths import ROOT

PAGE = ROOT / "docs" / "performance.md"
HEAD = "# Performance\n\nMeasured by `make bench-*` on the machine that each section names; medians where several runs are said.\n"


def write_section(title: str, text: str) -> None:
    """Put `text` under `## title`, in place of what stood there, and leave all other sections as they are."""
    page = PAGE.read_text() if PAGE.exists() else HEAD
    section = f"## {title}\n\n{text.strip()}\n"
    pattern = re.compile(rf"^## {re.escape(title)}\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
    if pattern.search(page):
        page = pattern.sub(lambda _: section + "\n", page)
    else:
        page = f"{page.rstrip()}\n\n{section}"
    PAGE.write_text(page.rstrip() + "\n")


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)
