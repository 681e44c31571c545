"""Write modules/<program>/go.mod and go.sum from images/versions.json: `make go-modules` after a version changed."""

import json
import shutil
from typing import Any

from tests.cluster.programs import Program, _go_environment, programs
from tests.cluster.steps import run, step


def write(program: Program) -> None:
    """Write one program's go.mod: its module, the module's own `replace` lines, and the packages as tools."""
    shutil.rmtree(program.folder, ignore_errors=True)
    program.folder.mkdir(parents=True)
    source = program.replaced_by or program.module
    upstream = _upstream(f"{source}@{program.version}")
    lines = [f"module hpc/{program.name}", "", f"go {upstream['Go']}", ""]
    lines += [f"tool {path}" for path in program.paths]
    lines += ["", f"require {program.module} {program.version}", ""]
    if program.replaced_by:
        lines.append(f"replace {program.module} => {program.replaced_by} {program.version}")
    lines += [
        line for entry in upstream.get("Replace") or [] if (line := _replacement(entry, program.version))
    ]
    (program.folder / "go.mod").write_text("\n".join(lines) + "\n")
    run(["go", "mod", "tidy"], env=_go_environment(), cwd=program.folder)


def _upstream(module: str) -> dict[str, Any]:
    downloaded = json.loads(run(["go", "mod", "download", "-json", module], env=_go_environment()))
    parsed: dict[str, Any] = json.loads(run(["go", "mod", "edit", "-json", downloaded["GoMod"]]))
    return parsed


def _replacement(entry: dict[str, Any], version: str) -> str:
    """A `replace` line, or nothing for a folder of the upstream tree whose module is required by its real version.

    Only Kubernetes requires its staging folders as v0.0.0; their modules are released as v0.<minor>.<patch>.
    """
    old, new = entry["Old"], entry["New"]
    was = f"{old['Path']} {old['Version']}" if old.get("Version") else old["Path"]
    if new["Path"].startswith("."):
        staged = old["Path"].startswith("k8s.io/")
        return f"replace {was} => {old['Path']} v0.{version.split('.', 1)[1]}" if staged else ""
    return f"replace {was} => {new['Path']} {new['Version']}"


if __name__ == "__main__":
    import sys

    for wanted in sys.argv[1:] or [name for name, program in programs().items() if program.own_module]:
        with step(f"go.mod of {wanted}"):
            write(programs()[wanted])
