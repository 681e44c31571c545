#!/bin/bash
# Start one of the two containers of the server's pod: `serve` (nfs-ganesha) or `homes` (home folders and figures).
set -Eeuo pipefail

lib=/usr/local/lib/nfs
interval=${NFS_INTERVAL_SECONDS:-20}
usage_interval=${NFS_USAGE_INTERVAL_SECONDS:-600}
metrics=${NFS_METRICS:-/run/metrics}

# shellcheck source=images/nfs/lib/homes.sh
source "$lib/homes.sh"

main() {
  case ${1:-} in
    serve) serve ;;
    homes) homes ;;
    *) exec "$@" ;;
  esac
}

serve() {
  "$lib/preflight" "$volume"
  make_folders
  # Without -N the level is EVENT; what the server says goes to the pod's log.
  exec ganesha.nfsd -F -L STDOUT -f /etc/nfs/server/ganesha.conf -p /run/ganesha/pid
}

# The exported folders, and beside them the records by which clients get their locks back after a restart.
make_folders() {
  local path
  [[ -d $volume/.server ]] || mkdir -m 0700 "$volume/.server"
  for path in ${NFS_EXPORT_PATHS:-}; do mkdir -p "$volume/$path"; done
  make_homes
}

homes() {
  local next_usage=0
  mkdir -p "$metrics/cgi-bin"
  ln -sf "$lib/metrics.sh" "$metrics/cgi-bin/metrics"
  touch "$metrics/usage"
  busybox httpd -p "${NFS_METRICS_PORT:-9049}" -h "$metrics"
  while true; do
    if ((SECONDS >= next_usage)) && keep_figures "$metrics/usage"; then
      next_usage=$((SECONDS + usage_interval))
    fi
    sleep "$interval" &
    wait $!
    # Last in the loop: at the pod's start `serve` makes them.
    make_homes
  done
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then main "$@"; fi
