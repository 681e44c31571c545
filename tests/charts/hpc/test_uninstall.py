"""Uninstalling by the how-to page: what it says stays is what stays, and then nothing does. The last suite of the release."""

import re
from pathlib import Path

import pytest

from tests.charts.jupyter.conftest import PASSWORDS
from tests.charts.jupyter.site import Site
from tests.docs.documented import follow, sections

pytestmark = pytest.mark.e2e

# Of other ways of serving: a certificate that the chart makes, and a volume (in no namespace) with mount options.
NOT_HERE = {"hpc-proxy-tls", "hpc-hpc-home"}


def left(site: Site) -> set[str]:
    """Names of what still belongs to the release, users' servers among it."""
    kinds = "all,configmap,secret,persistentvolumeclaim,networkpolicy,ingress,role,serviceaccount"
    listed = site.namespace.kubectl("get", kinds, "-o", "name", "-l", "app.kubernetes.io/instance=hpc").out
    return {name.partition("/")[2] for name in listed.split()}


def test_what_stays_is_what_the_page_names_and_then_nothing(site: Site, tmp_path: Path) -> None:
    with site.user("ada", PASSWORDS["ada"]) as ada:
        if not ada.servers().get("", {}).get("ready"):
            ada.start()
    follow("uninstall", "Take the release away", site.namespace, tmp_path)
    rows = [line for line in sections("uninstall")["What stays"].splitlines() if line.startswith("| ")]
    named = {name for row in rows for name in re.findall(r"`([a-z0-9-]+)`", row.split("|")[1])}
    site.namespace.wait_for("what stays", lambda: left(site) == named - NOT_HERE, timeout=240)
    follow("uninstall", "Remove the rest", site.namespace, tmp_path)
    assert left(site) == set()
