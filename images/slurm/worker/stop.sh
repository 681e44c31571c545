#!/bin/bash
# Before a worker pod ends: give its jobs $DRAIN_SECONDS to finish, requeue the rest, take the node off the list.
set -Euo pipefail

main() {
  local node deadline
  node=$(hostname)
  if ((${DRAIN_SECONDS:-0} > 0)); then
    deadline=$((SECONDS + DRAIN_SECONDS))
    scontrol update nodename="$node" state=drain reason='pod is ending'
    while busy "$node" && ((SECONDS < deadline)); do sleep 1; done
  fi
  # Down ends and requeues what still runs; a node can be deleted only when nothing is left on it.
  scontrol update nodename="$node" state=down reason='pod is ending'
  for _ in {1..50}; do
    scontrol delete nodename="$node" 2>/dev/null && return 0
    sleep 0.2
  done
}

busy() { [[ -n $(squeue -h -w "$1" -t running,completing,suspended) ]]; }

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then main "$@"; fi
