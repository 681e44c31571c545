"""Thumbnails of image results, small enough together for one page, and kept from one report to the next."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from sweep_client.files import read_json, write_json
from sweep_client.report_source import inside

BUDGET = 2_100_000
SHARE_OF_ONE = 24_000
WIDTHS = (400, 320, 240, 180, 120, 80)
SAMPLES = 5
LARGEST_PIXELS = 64_000_000
RASTER = {".png": "PNG", ".jpeg": "JPEG", ".jpg": "JPEG"}


class Thumbnails:
    """Makes ``data:`` URIs of images in ``root``; ``expected`` is how many there may be in the end."""

    def __init__(self, root: Path, expected: int, budget: int = BUDGET) -> None:
        self._root = root
        self._share = min(budget // max(expected, 1), SHARE_OF_ONE)
        self._left = budget
        self._cache = root / "report" / "thumbnails.json"
        self._kept: dict[str, str] = {}
        self._width = WIDTHS[-1]

    def make(self, paths: Sequence[str]) -> dict[str, str | None]:
        """Give a thumbnail for each path, or None where there is none or no room for it."""
        self._choose_width(paths)
        made = {path: self._fit(self._thumbnail(path)) for path in paths}
        kept = {path: uri for path, uri in made.items() if uri}
        if kept != self._kept:
            self._cache.parent.mkdir(exist_ok=True)
            write_json(self._cache, {"share": self._share, "width": self._width, "images": kept}, sync=False)
        return made

    def _choose_width(self, paths: Sequence[str]) -> None:
        """Take what the last report chose while it still fits, otherwise try a few images."""
        content = read_json(self._cache)
        if isinstance(content, dict) and content.get("share") == self._share:
            self._kept, self._width = content["images"], content["width"]
            return
        step = max(1, len(paths) // SAMPLES)
        samples = [path for path in paths[::step] if Path(path).suffix in RASTER][:SAMPLES]
        for self._width in WIDTHS:
            sizes = [len(uri) for uri in (_encode(self._root, path, self._width) for path in samples) if uri]
            if sum(sizes) <= self._share * len(sizes):
                return

    def _thumbnail(self, path: str) -> str | None:
        return self._kept.get(path) or _encode(self._root, path, self._width)

    def _fit(self, uri: str | None) -> str | None:
        if uri is None or len(uri) > self._left:
            return None
        self._left -= len(uri)
        return uri


def link(path: str | None) -> str | None:
    """Give a relative link to a file of the results directory, None where the path leads elsewhere."""
    return quote(path) if path and inside(path) else None


def _encode(root: Path, path: str, width: int) -> str | None:
    if not inside(path):
        return None
    suffix = Path(path).suffix.lower()
    try:
        if suffix == ".svg":
            return _drawing(root / path)
        return _raster(root / path, RASTER[suffix], width) if suffix in RASTER else None
    except (OSError, ValueError, SyntaxError):
        return None


def _drawing(path: Path) -> str | None:
    """A drawing is taken as it is; in an ``img`` it can neither run scripts nor load anything."""
    if path.stat().st_size > SHARE_OF_ONE:
        return None
    return "data:image/svg+xml;base64," + base64.b64encode(path.read_bytes()).decode()


def _raster(path: Path, kind: str, width: int) -> str | None:
    from PIL import Image

    with Image.open(path, formats=(kind,)) as image:
        if image.width * image.height > LARGEST_PIXELS:
            return None
        small = image.convert("RGBA" if "A" in image.getbands() or "transparency" in image.info else "RGB")
        small.thumbnail((width, width * 2), reducing_gap=2.0)
        content = io.BytesIO()
        small.save(content, "WEBP", quality=78, method=2)
    return "data:image/webp;base64," + base64.b64encode(content.getvalue()).decode()
