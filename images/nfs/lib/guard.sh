#!/bin/bash
# Fail while clients are connected to a server: `guard.sh SERVICE`. Run before an uninstall, which would hang them.
set -Eeuo pipefail

# The network lets a pod through some seconds after its start, and a busy server may be slow: only one that stays silent is away.
# In seconds; well within the job's deadline also where every try runs into its own limit, since the machine is lost.
patience=${GUARD_PATIENCE:-60}
pause=${GUARD_PAUSE:-3}

figures_of() {
  until timeout 20 busybox wget -q -O - "http://$1:9049/cgi-bin/metrics"; do
    ((SECONDS < patience)) || return 1
    sleep "$pause"
  done
}

main() {
  local figures clients
  if ! figures=$(figures_of "$1"); then
    echo "the server $1 does not answer: its clients are not known, and hang already if there are any"
    return 0
  fi
  clients=$(awk '$1 == "nfs_client_connections" {print $2}' <<<"$figures")
  if ((clients > 0)); then
    echo "error: $clients client connections to $1 are open; their processes would hang until the server is back." >&2
    echo "Delete the pods that mount it first (kubectl get pods -A), or use: helm uninstall --no-hooks" >&2
    return 1
  fi
  echo "no client is connected to $1"
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then main "$@"; fi
