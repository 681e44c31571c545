#!/bin/bash
# Before `helm rollback`, by the revision that shall come back: fails, and the rollback with it, where the running revision is of a
# newer series of a program, since an older one cannot read what the newer wrote.
# Arguments: release, namespace, then what the revision that shall come back has, such as slurm=24.11.5.
set -euo pipefail

running=${RUNNING_DIR:-/etc/hpc/running}

main() {
  local release=$1 namespace=$2 given refused=0
  for given in "${@:3}"; do
    readable "${given%%=*}" "${given#*=}" || refused=1
  done
  if ((refused)); then
    echo "Nothing was changed. Next: helm rollback $release N -n $namespace, with the N that \`helm history\` calls deployed, so that" \
      "Helm takes upgrades again; then upgrade to a newer chart, or restore a backup (docs/how-to/upgrade.md)."
  fi
  return "$refused"
}

# Whether a program can read what the running revision's has written. One that did not run there has nothing to read.
readable() {
  local name=$1 back now
  [[ -f $running/$name ]] || return 0
  back=$(series "$2")
  now=$(series "$(<"$running/$name")")
  [[ $(printf '%s\n' "$now" "$back" | sort --version-sort | tail -n 1) != "$back" ]] || return 0
  # All on one line: Helm 4 shows an end of line as \n.
  printf '%s ' "rollback refused: $name $now runs here, and the revision to go back to brings $name $back, which cannot read its data."
  return 1
}

# Data change with the first two numbers of a version, never with the third.
series() { printf '%s' "$1" | cut -d. -f1-2; }

main "$@"
