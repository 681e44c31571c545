"""Servers that nobody uses are stopped; one whose cell computes is not, though no browser looks at it."""

from contextlib import ExitStack

import pytest

from tests.charts.jupyter.conftest import PASSWORDS
from tests.charts.jupyter.site import Site
from tests.charts.jupyter.test_hub import started

# Long: a server has to be idle for a minute, and the hub starts twice.
pytestmark = [pytest.mark.e2e, pytest.mark.full]

IDLE_SECONDS = 60


def test_an_idle_server_is_stopped_and_one_whose_cell_computes_in_silence_is_not(site: Site) -> None:
    with (
        ExitStack() as afterwards,
        site.user("ada", PASSWORDS["ada"]) as ada,
        site.user("grace", PASSWORDS["grace"]) as grace,
    ):
        afterwards.callback(site.install, hub={})
        site.install(hub={"culling": {"idleSeconds": IDLE_SECONDS}})
        # How often a server tells of its use is settled at its start.
        ada.stop()
        started(ada)
        afterwards.callback(ada.stop)
        # The websocket is closed behind the cell: what the proxy carries would be use as well.
        with ada.kernel() as kernel:
            kernel.send("import time; time.sleep(600)")
        started(grace)
        site.namespace.wait_for(
            "grace's server is stopped",
            lambda: not grace.servers().get("", {}).get("ready"),
            timeout=IDLE_SECONDS + 180,
        )
        assert ada.servers()[""]["ready"]
