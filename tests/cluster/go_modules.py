"""Write modules/<name>/go.mod and go.sum from images/versions.json: `make go-modules` after a version changed."""

import json
from collections.abc import Sequence
from typing import Any

from tests.cluster.programs import Program, _go_environment, programs
from tests.cluster.steps import run, step


def write(sharing: Sequence[Program]) -> None:
    """Write the go.mod of programs that share one: their modules, those modules' `replace` lines, and the packages as tools."""
    folder = sharing[0].folder
    folder.mkdir(parents=True, exist_ok=True)
    upstream = {p.name: _upstream(f"{p.replaced_by or p.module}@{p.version}") for p in sharing}
    newest = max(tuple(map(int, parsed["Go"].split("."))) for parsed in upstream.values())
    lines = [f"module hpc/{folder.name}", "", f"go {'.'.join(map(str, newest))}", ""]
    lines += [f"tool {path}" for program in sharing for path in program.paths if not path.startswith("./")]
    lines += ["", *(f"require {program.module} {program.version}" for program in sharing), ""]
    replacements: dict[str, str] = {}
    for program in sharing:
        for entry in upstream[program.name].get("Replace") or []:
            if line := _replacement(entry, program.version):
                # The first that names a module says which it is: Kubernetes', whose libraries the others take.
                replacements.setdefault(line.split(" => ")[0], line)
    lines += replacements.values()
    lines += [f"replace {p.module} => {p.replaced_by} {p.version}" for p in sharing if p.replaced_by]
    (folder / "go.mod").write_text("\n".join(lines) + "\n")
    (folder / "go.sum").unlink(missing_ok=True)
    run(["go", "mod", "tidy"], env=_go_environment(), cwd=folder)


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

    table = [program for program in programs().values() if program.go_mod]
    for wanted in sys.argv[1:] or dict.fromkeys(program.go_mod for program in table):
        with step(f"go.mod of {wanted}"):
            write([program for program in table if program.go_mod == wanted])
