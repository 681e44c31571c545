"""A Slurm of one machine for unit tests: its commands as programs on PATH, its state in one folder.

Every program is this file under another name. Each call is counted; what it must answer is read from the folder.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

STATE = Path(os.environ["FAKE_SLURM"])


def main() -> int:
    name = Path(sys.argv[0]).name
    with (STATE / "calls").open("a") as file:
        file.write(json.dumps([name, *sys.argv[1:]]) + "\n")
    refusal = STATE / f"{name}.refuses"
    if refusal.exists():
        print(refusal.read_text(), file=sys.stderr)
        return 1
    return {"sbatch": sbatch, "squeue": squeue, "sacct": sacct, "scancel": scancel, "scontrol": scontrol}[
        name
    ]()


def sbatch() -> int:
    options = dict(word[2:].split("=", 1) for word in sys.argv[1:] if "=" in word)
    most = STATE / "most-jobs"
    tasks = int(options["array"].split("-")[1]) + 1
    if most.exists() and tasks > int(most.read_text()):
        print("sbatch: error: QOSMaxSubmitJobPerUserLimit\nsbatch: error: Batch job submission failed: "
              "Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)", file=sys.stderr)  # fmt: skip
        return 1
    identity = str(1 + len(list(STATE.glob("job-*"))))
    script = STATE / f"job-{identity}"
    script.write_text(sys.stdin.read())
    script.chmod(0o755)
    jobs = {}
    for number in range(tasks):
        given = {
            "SLURM_ARRAY_JOB_ID": identity,
            "SLURM_ARRAY_TASK_ID": str(number),
            "SLURM_ARRAY_TASK_COUNT": str(tasks),
        }
        log = options["output"].replace("%A", identity).replace("%a", str(number))
        jobs[str(number)] = start(script, given, log, options["chdir"])
    (STATE / f"tasks-{identity}.json").write_text(json.dumps(jobs))
    print(f"{identity};fake")
    return 0


def start(script: Path, given: dict[str, str], log: str, folder: str) -> int:
    if (STATE / "holds").exists():
        return 0
    with open(log, "ab") as output:
        environment = {"FAKE_SLURM": str(STATE), **given}
        return subprocess.Popen(
            [script], stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=folder, env=environment,
            start_new_session=True,
        ).pid  # fmt: skip


def squeue() -> int:
    for path in sorted(STATE.glob("tasks-*.json")):
        for pid in json.loads(path.read_text()).values():
            identity = path.stem.removeprefix("tasks-")
            if pid == 0:
                print(f"{identity}|PENDING|{(STATE / 'holds').read_text()}")
            elif pid > 0:
                print(f"{identity}|{'RUNNING' if alive(pid) else 'COMPLETED'}|None")
    return 0


def sacct() -> int:
    history = STATE / "history"
    print(history.read_text() if history.exists() else "")
    return 0


def scancel() -> int:
    for identity in sys.argv[1:]:
        path = STATE / f"tasks-{identity}.json"
        for pid in json.loads(path.read_text()).values():
            if pid > 0 and alive(pid):
                os.kill(pid, signal.SIGTERM)
        path.unlink()
    return 0


def scontrol() -> int:
    config = STATE / "config"
    print(config.read_text() if config.exists() else "MaxArraySize            = 1001")
    return 0


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main())
