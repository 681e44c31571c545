"""Starts processes in another plain container, in place of ssh: `agent.py serve` there, `agent.py HOST COMMAND…` here.

For the private network of two benchmark containers alone: whoever connects may run anything.
"""

import socket
import subprocess
import sys

PORT = 7099


def serve() -> None:
    """Run one command line after the other, each for whoever sent it."""
    with socket.create_server(("", PORT)) as server:
        while True:
            connection, _ = server.accept()
            with connection, connection.makefile("r") as lines:
                command = lines.readline()
                code = subprocess.run(["sh", "-c", command], stdin=subprocess.DEVNULL, check=False).returncode
                connection.sendall(f"{code}\n".encode())


def ask(host: str, command: str) -> int:
    """Have a command run there and give its exit code."""
    with socket.create_connection((host, PORT)) as connection, connection.makefile("r") as lines:
        connection.sendall(f"{command}\n".encode())
        return int(lines.readline() or 1)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve()
    sys.exit(ask(sys.argv[1], " ".join(sys.argv[2:])))
