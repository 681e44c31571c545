import os
import random
from pathlib import Path

from sweep_client.report import write_report
from tests.sweep_client.sample_results import Sample, data_of, error, image, page_of, value


def noise(path: Path, width: int = 160) -> None:
    """A picture that hardly compresses, as the worst case."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    size = (width, width * 3 // 4)
    Image.frombytes("RGB", size, random.Random(1).randbytes(size[0] * size[1] * 3)).save(path)


def test_notebooks_and_images_are_linked_relatively_and_never_outside(tmp_path: Path) -> None:
    sample = Sample(tmp_path)
    sample.add({}, results=[image(tmp_path, "variants/ä b/plot #1.png")])
    outside = tmp_path.parent / "secret.png"
    noise(outside)
    for path in ("../secret.png", str(outside), "file:x/secret.png"):
        result = image(tmp_path, "variants/other.png") | {"path": path}
        sample.add({}, "done", results=[result], notebook=path)
    sample.add({}, "failed", error=error(), notebook="../secret.ipynb")
    page = page_of(sample.write())
    images = data_of(page)["images"]
    assert images[0][2] == "variants/%C3%A4%20b/plot%20%231.png"
    assert [[link, thumbnail] for _, _, link, thumbnail in images[1:]] == [[None, None]] * 3
    assert 'href="../' not in page


def test_an_image_that_is_missing_broken_or_a_drawing_is_coped_with(tmp_path: Path) -> None:
    sample = Sample(tmp_path)
    good = image(tmp_path, "a.png")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG nothing")
    (tmp_path / "drawing.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>')
    (tmp_path / "large.svg").write_text("<svg>" + " " * 100_000 + "</svg>")
    for path in ("a.png", "missing.png", "broken.png", "drawing.svg", "large.svg", "other.tiff"):
        sample.add({}, results=[good | {"path": path}])
    made = [(thumbnail or "none")[:18] for _, _, _, thumbnail in data_of(page_of(sample.write()))["images"]]
    assert made == ["data:image/webp;ba", "none", "none", "data:image/svg+xml", "none", "none"]


def test_500_variants_with_images_fit_into_3_megabytes(tmp_path: Path) -> None:
    sample = Sample(tmp_path)
    noise(tmp_path / "noise.png")
    for number in range(500):
        os.link(tmp_path / "noise.png", tmp_path / f"{number}.png")
        result = {"name": "figure", "kind": "image", "path": f"{number}.png"}
        sample.add({"rate": number / 500, "text": "x" * 100}, results=[result, value("price", number)])
    path = write_report(sample.write())
    assert path.stat().st_size <= 3_000_000
    assert all(thumbnail for _, _, _, thumbnail in data_of(path.read_text())["images"])


def test_thumbnails_are_made_once(tmp_path: Path) -> None:
    sample = Sample(tmp_path)
    for number in range(5):
        sample.add({"x": number}, results=[image(tmp_path, f"{number}.png", bend=number)])
    root = sample.write()
    first = data_of(page_of(root))["images"]
    for _, _, link, _ in first:
        (root / link).write_bytes(b"changed")
    assert data_of(page_of(root))["images"] == first
