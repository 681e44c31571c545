#!/bin/bash
# Start slurmd as a dynamic node of the size that the release says.
set -Eeuo pipefail
# shellcheck source=images/slurm/lib.sh
source "${LIB:-$(dirname "${BASH_SOURCE[0]}")/lib.sh}"

main() {
  case ${1:-slurmd} in
    slurmd) start ;;
    *) exec "$@" ;;
  esac
}

start() {
  close_folders
  until wait_for_port "${CONTROLLER_ADDRESS:?host:port of slurmctld}" 60; do
    log "nothing listens at $CONTROLLER_ADDRESS yet"
  done
  # -b: this start counts as a reboot, so slurmctld requeues at once what it believes runs here (a pod killed hard
  #     takes its jobs with it, but the machine's up-time does not show it).
  # -Z: nodes are not listed in slurm.conf; scaling leaves it unchanged.
  exec /usr/sbin/slurmd -D -b -Z --conf-server "$CONTROLLER_ADDRESS" --conf "${NODE_CONF:?what the node offers}"
}

# Volumes of a pod are open to all; these folders hold sockets and scripts that jobs must not replace.
close_folders() {
  [[ $(id -u) == 0 ]] || return 0
  chmod 0755 /run /var/spool/slurmd
  chmod 1777 /tmp
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then main "$@"; fi
