"""A real browser for tests that look at pages: Debian's Chromium, installed where it is missing."""

import contextlib
import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tests.cluster.paths import ROOT, TOOLS

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

# Where tests leave pictures; docs/tutorial shows copies of some.
SCREENSHOTS = ROOT / "results" / "screenshots"

CHROMIUM = "/usr/bin/chromium"
# Milliseconds that anything in a browser may take: beside other suites it has a small part of the machine.
PATIENCE = 180_000
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


class PackageMissing(Exception):
    """A program that a test needs is not there and cannot be installed; the text says what to do."""


def ensure_package(path: str, package: str) -> str:
    """Give the path of a file, installing the Debian package that brings it first if it is missing.

    Raises:
        PackageMissing: it cannot be installed here.
    """
    TOOLS.mkdir(exist_ok=True)
    # Two suites may miss it at once, and what dpkg has only unpacked does not run yet.
    with (TOOLS / "packages.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.access(path, os.R_OK):
            _install(path, package)
    return path


def _install(path: str, package: str) -> None:
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise PackageMissing(f"{path} is missing; next, as root: apt-get install {package}")
    install = ["apt-get", "install", "--yes", "--no-install-recommends", package]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update"], install):
        result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if result.returncode:
            raise PackageMissing(f"{' '.join(command)} failed: {result.stderr.strip()[-500:]}")
    if not os.access(path, os.R_OK):
        raise PackageMissing(f"the package {package} brought no {path}")


@contextlib.contextmanager
def open_browser() -> Iterator["Browser"]:
    """Give a running browser; it is closed at the end."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE)
    program = ensure_package(CHROMIUM, "chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS, timeout=PATIENCE)
        try:
            yield browser
        finally:
            browser.close()


def new_page(source: "Browser | BrowserContext", **options: Any) -> "Page":
    """Open a page that waits as long as a busy machine needs; `options` are those of a browser's `new_page`."""
    page = source.new_page(**options)
    page.set_default_timeout(PATIENCE)
    return page


def keep_picture(page: "Page", name: str) -> None:
    """Keep what a page shows now as a picture."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", timeout=PATIENCE)


def keep_last_picture(page: "Page", name: str) -> None:
    """Keep what a page shows at a test's end; one that leaves at this very moment shows nothing, and the test has said what it had to say."""
    from playwright.sync_api import Error

    with contextlib.suppress(Error):
        keep_picture(page, name)
