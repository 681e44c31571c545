"""Users mean the same in every chart: whom none takes, whether the chart's own values say him or `global` does."""

import json
import re

import pytest

from tests.charts.accounts import refused_ids, refused_names
from tests.charts.render import CHARTS, Object
from tests.charts.test_all_charts import BASE, PASSWORD
from tests.cluster.paths import ROOT
from tests.kube import run

MADE = re.compile(r"([a-z-]+):(\d{5})")


def refusal(chart: str, values: Object) -> str:
    """What the chart has against these values beside those that it needs."""
    shared = {**BASE[chart].get("global", {}), **values.get("global", {})}
    given = json.dumps({**BASE[chart], **values, "global": shared})
    return run(["helm", "template", "hpc", f"{ROOT}/charts/{chart}", "--values=-"], stdin=given).err


def test_every_account_that_the_base_image_makes_is_refused_by_name_and_id() -> None:
    loop = (ROOT / "images" / "base" / "Dockerfile").read_text().split("for account in ")[1].split(";")[0]
    made = {int(number): name for name, number in MADE.findall(loop)}
    assert made
    assert made.items() <= refused_ids().items()
    assert set(refused_ids().values()) <= refused_names()


@pytest.mark.parametrize("chart", CHARTS)
def test_no_chart_takes_a_user_who_would_be_slurm_itself(chart: str) -> None:
    said = refusal(chart, {"global": {"users": {"eve": {"uid": 64030, "passwordHash": PASSWORD}}}})
    assert "users.eve.uid: 64030 is account slurm of the images; take another" in said
