from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from sweep_client import fork_safety
from sweep_client.fork_safety import open_sockets, reasons
from sweep_client.preload import imports, may_preload
from sweep_client.seeding import seeds_itself

# As it is: the fixture puts another in its place.
native_threads = fork_safety._native_threads


@pytest.fixture(autouse=True)
def _only_threads_of_this_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever earlier tests loaded into this process (numpy's BLAS, Arrow) or left idle (a pool) has threads of its own."""
    listed, before = threading.enumerate, set(threading.enumerate()) - {threading.main_thread()}
    monkeypatch.setattr(fork_safety, "_native_threads", lambda: 1)
    monkeypatch.setattr(
        threading, "enumerate", lambda: [thread for thread in listed() if thread not in before]
    )


def test_a_plain_process_can_be_forked() -> None:
    assert reasons(open_sockets()) == []


def test_a_socket_opened_since_is_a_reason() -> None:
    before = open_sockets()
    with socket.socket():
        assert reasons(before) == ["open sockets"]


def test_a_running_thread_is_a_reason_and_named() -> None:
    ready = threading.Event()
    thread = threading.Thread(target=ready.wait, name="downloader")
    thread.start()
    try:
        assert reasons(open_sockets()) == ["running threads (downloader)"]
    finally:
        ready.set()
        thread.join()


def test_a_gpu_in_use_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fork_safety, "_links", lambda: ["/dev/nvidia0"])
    assert reasons(set()) == ["a GPU context"]


def test_native_threads_that_a_fork_does_not_stop_are_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fork_safety, "_native_threads", lambda: 3)
    assert reasons(open_sockets()) == ["native threads of a library"]


def test_a_thread_that_ends_while_it_is_looked_at_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = [Path("/proc/self/task/0/comm"), Path("/proc/self/comm")]
    monkeypatch.setattr(Path, "glob", lambda folder, pattern: iter(listed))
    assert native_threads() == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import numpy as np, os\nfrom scipy.stats import norm", ["numpy", "os", "scipy.stats"]),
        ("from . import x", []),
        ("%magic", []),
    ],
)
def test_imports_of_a_cell_are_found(text: str, expected: list[str]) -> None:
    assert list(imports(text)) == expected


@pytest.mark.parametrize(
    ("name", "expected"), [("json", True), ("tkinter", False), ("own_module", False), ("numpy.linalg", True)]
)
def test_only_known_libraries_are_imported_early(name: str, expected: bool) -> None:
    assert may_preload(name) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("np.random.seed(1)", True), ("random.seed()", False), ("seed(", False), ("torch.manual_seed(3)", True)],
)
def test_a_seed_given_by_the_notebook_is_noticed(text: str, expected: bool) -> None:
    assert seeds_itself([text]) is expected
