"""What `helm test` runs of chart jupyter, with the hub's address and the login page's. One line per check, as in chart slurm's table."""

import json
import sys
import time
import urllib.request

SECONDS = 60


def ask(url: str) -> str:
    """What an address answers; a pod that has just started gets a minute."""
    end = time.monotonic() + SECONDS
    while True:
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310  # the chart's own address
                return str(answer.read().decode())
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(1)


def hub_answers(address: str) -> str:
    """The hub itself, with its database behind it."""
    return f"JupyterHub {json.loads(ask(f'{address}/hub/api/'))['version']}"


def login_page_is_shown(address: str) -> str:
    """The way that users come, through the proxy."""
    ask(f"{address}/hub/login")
    return f"{address}/hub/login"


def main() -> int:
    """Print the table; the exit status is the number of checks that failed."""
    hub, proxy = sys.argv[1:]
    failed = 0
    print("check", "result", "detail", sep="\t")
    for name, check, address in (("hub", hub_answers, hub), ("login", login_page_is_shown, proxy)):
        try:
            result, detail = "ok", check(address)
        except OSError as error:
            result, detail = "FAILED", f"{address}: {error}"
            failed += 1
        print(name, result, " ".join(detail.split()), sep="\t")
    return failed


if __name__ == "__main__":
    sys.exit(main())
