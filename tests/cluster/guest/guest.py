"""Run commands that come over TCP: how tests reach into the user-mode Linux guest. Not for anything else: it asks no one's name.

A request is one line of JSON {"command": [...], "uid": n, "stdin": "...", "timeout": s}; so is the reply {"code", "out", "err"}.
"""

import json
import os
import signal
import socketserver
import subprocess
from typing import Any

PORT = 4000


class Handler(socketserver.StreamRequestHandler):
    """One command per connection."""

    def handle(self) -> None:
        request = json.loads(self.rfile.readline())
        self.wfile.write((json.dumps(run(request)) + "\n").encode())


class Server(socketserver.ThreadingTCPServer):
    """Commands run beside each other, and none keeps the guest from going."""

    daemon_threads = True
    allow_reuse_address = True


def run(request: dict[str, Any]) -> dict[str, Any]:
    """Run one command as a user id, in a process group of its own so that a time-out ends all of it."""
    uid = request.get("uid", 0)
    process = subprocess.Popen(
        request["command"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        user=uid,
        group=uid,
        extra_groups=[],
    )
    try:
        out, err = process.communicate(request.get("stdin", ""), timeout=request.get("timeout", 60))
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return {"code": 124, "out": "", "err": f"not done in {request.get('timeout', 60)} s"}
    return {"code": process.returncode, "out": out, "err": err}


if __name__ == "__main__":
    Server(("0.0.0.0", PORT), Handler).serve_forever()
