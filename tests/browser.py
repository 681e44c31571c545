"""A real browser for tests that look at pages: Debian's Chromium, installed where it is missing."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CHROMIUM = "/usr/bin/chromium"
# No sandbox: tests run as root in containers; the other flags keep it from the GPU, /dev/shm and the network.
FLAGS = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class BrowserMissing(Exception):
    """There is no browser and it cannot be installed; the text says what to do."""


def ensure_chromium(path: str = CHROMIUM) -> str:
    """Give the path of Chromium, installing Debian's package first if it is missing.

    Raises:
        BrowserMissing: it cannot be installed here.
    """
    if os.access(path, os.X_OK):
        return path
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise BrowserMissing(f"{path} is missing; next, as root: apt-get install chromium")
    install = ["apt-get", "install", "--yes", "--no-install-recommends", "chromium"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update"], install):
        result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if result.returncode:
            raise BrowserMissing(f"{' '.join(command)} failed: {result.stderr.strip()[-500:]}")
    if not os.access(path, os.X_OK):
        raise BrowserMissing(f"the package chromium brought no {path}")
    return path


@contextmanager
def open_browser() -> Iterator["Browser"]:
    """Give a running browser; it is closed at the end."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=ensure_chromium(), args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()
