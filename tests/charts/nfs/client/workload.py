"""Append numbered records to a locked, open file until told to stop, and say what was acknowledged: `workload.py FILE`.

Runs in the guest. Each record is written and fsynced, so an acknowledged one must survive anything. Ends when FILE.stop
exists in the guest's own /tmp, and makes FILE.started there with the first record; prints one JSON object.
"""

import fcntl
import json
import os
import sys
import time

RECORD = 32


def main(path: str) -> None:
    """Append until told to stop; an error ends it and is reported."""
    stop = f"/tmp/{os.path.basename(path)}.stop"
    started = f"/tmp/{os.path.basename(path)}.started"
    acknowledged, stall, error = 0, 0.0, ""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    last = time.monotonic()
    try:
        while not os.path.exists(stop):
            os.write(handle, f"{acknowledged:031d}\n".encode())
            os.fsync(handle)
            acknowledged += 1
            if acknowledged == 1:
                open(started, "w").close()
            now = time.monotonic()
            stall, last = max(stall, now - last), now
            time.sleep(0.01)
    except OSError as failure:
        error = f"{failure.strerror} after {time.monotonic() - last:.1f} s"
    print(json.dumps({"acknowledged": acknowledged, "stall": round(stall, 2), "error": error, **found(path)}))


def found(path: str) -> dict[str, object]:
    """What a second open finds: the number of whole records in order, and how many bytes follow them."""
    with open(path, "rb") as file:
        content = file.read()
    records = 0
    while content[records * RECORD : (records + 1) * RECORD] == f"{records:031d}\n".encode():
        records += 1
    return {"records": records, "rest": len(content) - records * RECORD}


if __name__ == "__main__":
    main(sys.argv[1])
