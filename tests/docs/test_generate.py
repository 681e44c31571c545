"""Generated files say what their sources say, and the site builds without a warning."""

from pathlib import Path

import pytest

from docs import generate
from tests.cluster.paths import ROOT
from tests.kube import run


@pytest.mark.parametrize("path", sorted(generate.files()))
def test_a_generated_file_is_what_its_source_gives_now(path: str) -> None:
    assert (ROOT / path).read_text() == generate.files()[path](), "next: make docs"


def test_the_values_page_has_a_line_for_every_documented_value() -> None:
    values = (ROOT / "charts" / "slurm" / "values.yaml").read_text()
    page = (ROOT / generate.REFERENCE / "values-slurm.md").read_text()
    assert page.count("\n| ") - 1 >= values.count("# -- ")


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    command = [str(ROOT / ".venv" / "bin" / "mkdocs"), "build", "--strict", "--site-dir", str(tmp_path)]
    built = run([*command, "--config-file", str(ROOT / ".mkdocs.yml")])
    assert built.code == 0, built.text
    assert "hpc-charts" in (tmp_path / "index.html").read_text()
