"""What a client of IPyParallel's engines does: imported where the client runs here, sent as text to where it runs in a pod of a pool.

As a program it reads a request as JSON and writes the answer as JSON: `{}` asks on what machines the engines are. It
needs nothing of this repository.
"""

import importlib
import json
import os
import sys
import time
from typing import Any

IDLE_SECONDS = 60
# The kernel becomes a module of its own on the engine, where it must not think that it is the program.
TIMED = """
def timed_items(items):
    import time, types
    kernel = types.ModuleType("kernel")
    exec(kernel_source, kernel.__dict__)
    kernel.warm()
    done = []
    for item in items:
        begun = time.time()
        found = kernel.work(item)
        done.append({"index": item["index"], "begun": begun, "ended": time.time(), "found": found})
    return done
"""
# All containers of one machine see one boot id.
MACHINE = "(open('/proc/sys/kernel/random/boot_id').read(), __import__('os').cpu_count())"


def run(client: Any, kernel: str, parts: list[Any], balanced: bool, workers: int) -> tuple[list[Any], float]:
    """Run parts (lists of items) on so many engines, one each or to whoever is free; give what came back, and the seconds."""
    client.wait_for_engines(workers, timeout=180, interactive=False)
    chosen = client.ids[:workers]
    _wait_until_idle(client)
    # Not `execute`: it waits for ever for output that was published before this client had subscribed.
    client[chosen].apply_sync(exec, f"kernel_source = {kernel!r}\n{TIMED}")
    call = importlib.import_module("ipyparallel").Reference("timed_items")
    client[chosen].apply_sync(call, [])
    view = client.load_balanced_view(chosen)
    begun = time.time()
    if balanced:
        jobs = [view.apply_async(call, part) for part in parts]
    else:
        jobs = [client[engine].apply_async(call, part) for engine, part in zip(chosen, parts, strict=True)]
    return [entry for job in jobs for entry in job.get()], time.time() - begun


def machines(client: Any) -> dict[str, int]:
    """CPUs of each machine that has an engine."""
    client.wait_for_engines(1, timeout=180, interactive=False)
    return dict(client[:].apply_sync(eval, MACHINE))


def _wait_until_idle(client: Any) -> None:
    """Let tasks of an interrupted run end first, for a while: after a controller's restart the count may never be zero."""
    end = time.monotonic() + IDLE_SECONDS
    while time.monotonic() < end:
        status = client.queue_status()
        waiting = status.pop("unassigned", 0)
        if not waiting and not any(engine["queue"] + engine["tasks"] for engine in status.values()):
            return
        time.sleep(0.2)


def main() -> None:
    """Entry point in a pod of a pool."""
    request = json.load(sys.stdin)
    file = f"{os.environ['IPP_PROFILE_DIR']}/security/ipcontroller-client.json"
    with importlib.import_module("ipyparallel").Client(file, timeout=180) as client:
        json.dump(run(client, **request) if request else machines(client), sys.stdout)


if __name__ == "__main__":
    main()
