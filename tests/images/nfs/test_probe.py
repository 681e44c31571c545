"""The probe of the NFS server beside a server that is slow to start; the real server is asked in tests/charts/nfs."""

import contextlib
import os
import socket
import struct
import subprocess
import threading
import time

from tests.cluster.paths import ROOT

PROBE = ROOT / "images" / "nfs" / "lib" / "probe"


def answer(listener: socket.socket, *, status: int, after: float, forgets: int) -> None:
    """Listen after so many seconds, forget so many calls, then answer one."""
    time.sleep(after)
    listener.listen()
    forgotten = [listener.accept()[0] for _ in range(forgets)]
    connection, _ = listener.accept()
    connection.recv(4096)
    connection.sendall(struct.pack(">8I", 0x8000001C, 1, 1, 0, 0, 0, 0, status))
    for one in (*forgotten, connection):
        one.close()


def probe(port: int) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "NFS_PORT": str(port)}
    return subprocess.run([PROBE, "/home"], env=environment, capture_output=True, text=True, check=False)


def asked_of(*, status: int = 0, after: float = 0, forgets: int = 0) -> subprocess.CompletedProcess[str]:
    """What the probe says of such a server."""
    with contextlib.closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        arguments = {"status": status, "after": after, "forgets": forgets}
        server = threading.Thread(target=answer, args=(listener,), kwargs=arguments, daemon=True)
        server.start()
        return probe(listener.getsockname()[1])


def test_a_server_that_listens_late_is_waited_for() -> None:
    assert asked_of(after=0.5).returncode == 0


def test_a_call_that_a_starting_server_forgets_is_sent_again() -> None:
    assert asked_of(forgets=2).returncode == 0


def test_a_server_that_closes_every_connection_is_an_error_in_the_end() -> None:
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def close_each() -> None:
            with contextlib.suppress(OSError):
                while True:
                    listener.accept()[0].close()

        threading.Thread(target=close_each, daemon=True).start()
        said = probe(listener.getsockname()[1])
    assert said.returncode != 0
    assert "it closes connections" in said.stderr


def test_a_missing_export_is_named_at_once() -> None:
    said = asked_of(status=2)
    assert said.returncode != 0
    assert said.stderr.startswith("/home is not exported: NFS error 2")


def test_a_port_without_a_server_is_an_error_in_the_end() -> None:
    with contextlib.closing(socket.socket()) as bound:
        bound.bind(("127.0.0.1", 0))
        said = probe(bound.getsockname()[1])
    assert said.returncode != 0
    assert "did not answer in 4 s" in said.stderr
    assert "refused" in said.stderr
