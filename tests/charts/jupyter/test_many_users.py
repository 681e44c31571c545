"""A class that begins: thirty logins at once, and every server is its user's own."""

from collections.abc import Iterator

import pytest

from tests.charts.jupyter import crowd
from tests.charts.jupyter.conftest import values
from tests.charts.jupyter.site import RELEASE, Site
from tests.charts.jupyter.test_hub import assert_server_of
from tests.conftest import MakeNamespace

pytestmark = [pytest.mark.e2e, pytest.mark.full]


@pytest.fixture(scope="module")
def classroom(make_namespace: MakeNamespace) -> Iterator[Site]:
    given = values()
    made = Site(
        make_namespace("class", pod_security="restricted"),
        {
            **given,
            "users": crowd.users(),
            "engines": {"pools": {}},
            "singleuser": {"cpuRequest": 0.01, "memoryRequest": "64M"},
        },
    )
    made.install()
    yield made
    made.close()
    made.namespace.helm("uninstall", RELEASE)


def test_thirty_users_who_log_in_at_once_all_get_their_server(classroom: Site) -> None:
    assert len(crowd.log_in_all(classroom)) == len(crowd.NAMES)
    for name in (crowd.NAMES[0], crowd.NAMES[-1]):
        assert_server_of(classroom, name)
