"""An SSH server in a thread, which lets one key in and runs commands on this machine."""

import contextlib
import os
import socket
import subprocess
import threading
from pathlib import Path

import paramiko
from paramiko.common import AUTH_FAILED, AUTH_SUCCESSFUL, OPEN_SUCCEEDED


class Server(paramiko.ServerInterface):
    """What a client may do: run commands with the one key."""

    def __init__(self, allowed: str) -> None:
        self._allowed = allowed

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        return AUTH_SUCCESSFUL if key.get_base64() == self._allowed else AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        threading.Thread(target=_execute, args=(channel, command.decode()), daemon=True).start()
        return True


class Frontend:
    """A listening server; `stop` breaks all connections, as when a laptop sleeps."""

    def __init__(self, folder: Path) -> None:
        self.host_key = paramiko.ECDSAKey.generate()
        self.key = folder / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key)], check=True)
        self._allowed = self.key.with_suffix(".pub").read_text().split()[1]
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.known_hosts = folder / "known_hosts"
        self.known_hosts.write_text(
            f"[127.0.0.1]:{self.port} {self.host_key.get_name()} {self.host_key.get_base64()}\n"
        )
        self._transports: list[paramiko.Transport] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def options(self) -> dict[str, str]:
        return {
            "host": f"ada@127.0.0.1:{self.port}",
            "key": str(self.key),
            "known_hosts": str(self.known_hosts),
        }

    def cut(self) -> None:
        """Break all connections."""
        for transport in self._transports:
            transport.close()
        self._transports.clear()

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self.cut()
        self._thread.join(5)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            transport = paramiko.Transport(connection)
            transport.add_server_key(self.host_key)
            # Before it serves: a client may have its answer, and the test cut, before this thread goes on.
            self._transports.append(transport)
            with contextlib.suppress(Exception):
                transport.start_server(server=Server(self._allowed))


def _execute(channel: paramiko.Channel, command: str) -> None:
    given = b""
    while data := channel.recv(1 << 16):
        given += data
    done = subprocess.run(
        ["/bin/bash", "-c", command], input=given, capture_output=True, check=False, env=dict(os.environ)
    )
    with contextlib.suppress(OSError):
        channel.sendall(done.stdout)
        channel.sendall_stderr(done.stderr)
        channel.send_exit_status(done.returncode)
    channel.close()
