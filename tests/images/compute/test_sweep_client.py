"""`sweep` in the image's own Python (a later one than many machines have) writes what a kernel there would write."""

from pathlib import Path

import pytest

from tests.images.test_contents import docker, have
from tests.kube import image
from tests.sweep_client.builders import cell, write_notebook
from tests.sweep_client.corpus import CORPUS

pytestmark = pytest.mark.e2e

# The image brings no plotly and no ipywidgets; `large` is about pipes, not about a version. Python 3.12 and later warn where a
# process with threads forks, as a kernel does in `processes`; a forked notebook has no threads.
LEFT_OUT = {"libraries", "widgets", "large", "processes"}
CHECK = """
cd /corpus && for notebook in *.ipynb; do
  echo "$notebook: $(python --version): $(sweep check "$notebook" -p n 5 2>&1 | tail -n 20)"
done
"""


def test_notebooks_have_the_same_outputs_in_the_image(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    chosen = sorted(set(CORPUS) - LEFT_OUT)
    for name in chosen:
        cells = [cell(source, "X") for source in CORPUS[name]]
        write_notebook(tmp_path / f"{name}.ipynb", cell("n = 1", "P"), *cells).chmod(0o644)
    have("compute")
    given = ["--network=none", f"--volume={tmp_path}:/corpus", "--env=HOME=/tmp", "--user=20001"]
    said = docker("run", "--rm", *given, image("compute"), "bash", "-c", CHECK).splitlines()
    assert said == [f"{name}.ipynb: Python 3.13.5: the same in all cells" for name in chosen]
