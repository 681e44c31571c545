"""Commands on another machine over SSH: ssh-agent and keys, ``~/.ssh/config``, and only hosts that are known."""

from __future__ import annotations

import contextlib
import getpass
import os
import shlex
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweep_client.errors import ExecutorError

if TYPE_CHECKING:
    import paramiko

SECONDS = 20
COMMAND_SECONDS = 300


class Connection:
    """A connection that is opened when needed, and again where it broke."""

    def __init__(self, host: str, *, key: str | None = None, known_hosts: str | None = None) -> None:
        self._target = host
        self._key = key
        self._known_hosts = known_hosts
        self._client: paramiko.SSHClient | None = None

    def run(self, command: Sequence[str], text: str) -> tuple[int, str, str]:
        """Run a command with a text on its standard input; give exit code, output and errors."""
        code, out, err = self.run_bytes(shlex.join(command), text.encode())
        return code, out.decode(errors="replace"), err

    def run_bytes(self, command: str, data: bytes) -> tuple[int, bytes, str]:
        """Run a command of the user's shell with bytes on its standard input.

        Raises:
            ExecutorError: the machine cannot be reached or does not let this user in.
        """
        import paramiko

        try:
            return _exchange(self._open(), command, data)
        except (paramiko.SSHException, EOFError, OSError) as error:
            self.close()
            raise ExecutorError(
                f"ssh {self._target}: the connection broke: {error or type(error).__name__}"
            ) from None

    def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            with contextlib.suppress(Exception):
                self._client.close()
            self._client = None

    def _open(self) -> paramiko.SSHClient:
        if self._client is None:
            self._client = self._connect()
        return self._client

    def _connect(self) -> paramiko.SSHClient:
        import paramiko

        client = paramiko.SSHClient()
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
        settings = host_settings(self._target)
        try:
            if self._known_hosts:
                client.load_host_keys(self._known_hosts)
            else:
                client.load_system_host_keys()
            keys = [self._key] if self._key else settings.pop("key_filename", None)
            settings |= {
                "key_filename": keys,
                "timeout": SECONDS,
                "banner_timeout": SECONDS,
                "auth_timeout": SECONDS,
            }
            client.connect(**settings)
        except (paramiko.SSHException, OSError) as error:
            client.close()
            raise ExecutorError(f"ssh {self._target}: {_advice(error, self._target)}") from None
        transport = client.get_transport()
        assert transport is not None
        transport.set_keepalive(30)
        return client


def host_settings(target: str, config: Path | None = None) -> dict[str, Any]:
    """Give what paramiko needs to connect to ``[user@]host[:port]``, with what the user's SSH configuration adds.

    >>> host_settings("ada@cluster:2222", Path("/nowhere"))
    {'hostname': 'cluster', 'username': 'ada', 'port': 2222}
    """
    import paramiko

    user, _, rest = target.rpartition("@")
    host, _, port = rest.partition(":")
    config = config or Path("~/.ssh/config").expanduser()
    found: dict[str, Any] = (
        dict(paramiko.SSHConfig.from_path(str(config)).lookup(host)) if config.is_file() else {}
    )
    settings: dict[str, Any] = {
        "hostname": found.get("hostname", host),
        "username": user or found.get("user") or getpass.getuser(),
        "port": int(port or found.get("port", 22)),
    }
    if "identityfile" in found:
        settings["key_filename"] = [os.path.expanduser(name) for name in found["identityfile"]]
    if "proxycommand" in found:
        settings["sock"] = paramiko.ProxyCommand(found["proxycommand"])
    return settings


def _exchange(client: paramiko.SSHClient, command: str, data: bytes) -> tuple[int, bytes, str]:
    """Write all, then read all; commands here read their whole input before they answer at length."""
    standard_in, standard_out, standard_err = client.exec_command(command, timeout=COMMAND_SECONDS)
    with standard_in, standard_out, standard_err:
        with contextlib.suppress(OSError):
            standard_in.write(data)
            standard_in.flush()
        standard_in.channel.shutdown_write()
        out = standard_out.read()
        err = standard_err.read().decode(errors="replace")
        return standard_out.channel.recv_exit_status(), out, err


def _advice(error: Exception, target: str) -> str:
    import paramiko

    host = target.rpartition("@")[2].partition(":")[0]
    if isinstance(error, paramiko.BadHostKeyException):
        return f"the host's key is not the one that is known: either it was renewed or someone is in between; ask the administrator, then: ssh-keygen -R {host}"
    if isinstance(error, paramiko.AuthenticationException):
        return "the host does not let you in: no key of ssh-agent or of ~/.ssh was accepted; add one with: ssh-add, or name it with: -O key=FILE"
    if "not found in known_hosts" in str(error):
        return f"the host is not known; compare its key with the administrator's, then: ssh-keyscan {host} >> ~/.ssh/known_hosts"
    if isinstance(error, socket.gaierror):
        return "there is no host of this name"
    return f"cannot connect: {error or type(error).__name__}"
