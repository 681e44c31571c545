"""The optional image for climate work: its R kernel runs a cell that reads what cdo made."""

import json
import subprocess

import pytest
import yaml

from images import build
from tests.cluster import engine
from tests.cluster.paths import TOOLS
from tests.images.test_contents import have
from tests.kube import image

pytestmark = [pytest.mark.e2e, pytest.mark.full]

NAME = "notebook-climate"
CELL = "library(ncdf4); library(terra); library(sf); f <- nc_open('field.nc'); cat(mean(ncvar_get(f)))"
EXECUTE = "cd /tmp && cdo -s -f nc const,42,r36x18 field.nc && cat > in.ipynb && jupyter nbconvert --log-level=ERROR --to=notebook --execute --stdout in.ipynb"


def test_an_r_cell_reads_what_cdo_made_as_any_user_with_a_read_only_root() -> None:
    registry = yaml.safe_load((TOOLS / "images.yaml").read_text())["global"]["image"]["registry"]
    build.build_all(registry, [NAME])
    have(NAME)
    cell: dict[str, object] = {"cell_type": "code", "id": "a", "metadata": {}, "source": CELL}
    kernel = {"name": "ir", "display_name": "R", "language": "R"}
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernel}}
    confined = ["--read-only", "--tmpfs=/tmp", "--user=20001", "--network=none", "--env=HOME=/tmp"]
    done = subprocess.run(
        [engine.docker(), "run", "--rm", "-i", *confined, image(NAME), "sh", "-c", EXECUTE],
        input=json.dumps({**notebook, "cells": [{**cell, "execution_count": None, "outputs": []}]}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    outputs = json.loads(done.stdout)["cells"][0]["outputs"]
    assert ["42"] in [output["text"] for output in outputs if output.get("name") == "stdout"]
