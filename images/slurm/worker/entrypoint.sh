#!/bin/bash
# Start slurmd as a dynamic node of the size that the release says.
set -Eeuo pipefail
# shellcheck source=images/slurm/lib.sh
source "${LIB:-$(dirname "${BASH_SOURCE[0]}")/lib.sh}"

start() {
  close_folders
  # Jobs inherit it. Polling sees a process too late that takes all at once; this one gets no more, and the pod does not end.
  if [[ -n ${LARGEST_PROCESS_MEBIBYTES:-} ]]; then ulimit -S -d "$((LARGEST_PROCESS_MEBIBYTES * 1024))"; fi
  wait_for_controller
  requeue_what_ran || log "could not tell slurmctld that nothing runs here any more"
  # -b: this start counts as a reboot; the machine's up-time does not show that a pod is new.
  # -Z: nodes are not listed in slurm.conf; scaling leaves it unchanged.
  exec /usr/sbin/slurmd -D -b -Z --conf-server "$CONTROLLER_ADDRESS" --conf "${NODE_CONF:?what the node offers}"
}

# A pod killed hard takes its jobs with it, and slurmctld would believe for minutes that young ones still run: down requeues
# them, and the registration that follows brings the node back. A node that slurmctld does not know yet is no error.
requeue_what_ran() {
  local signer said socket=${SACK_SOCKET:-/run/slurm/sack.socket}
  mkdir -p "${socket%/*}"
  # What a container of this pod that died has left would be taken for the new signer's.
  rm -rf "$socket" "${socket%/*}/conf"
  "${SACKD:-/usr/sbin/sackd}" -D --conf-server "$CONTROLLER_ADDRESS" &
  signer=$!
  # A minute: a busy slurmctld takes its time to give sackd the configuration.
  for _ in {1..600}; do
    if [[ -S $socket ]] || ! kill -0 "$signer" 2>/dev/null; then break; fi
    sleep 0.1
  done
  for _ in {1..30}; do
    said=$(scontrol update nodename="$(hostname)" state=down reason='pod started' 2>&1) && break
    log "${said##*: }"
    [[ $said != *'Invalid node name'* ]] || break
    sleep 1
  done
  kill "$signer" || true
  wait "$signer" || true
  rm -rf "$socket" "${socket%/*}/conf"
}

# Volumes of a pod are open to all; these folders hold sockets and scripts that jobs must not replace.
close_folders() {
  [[ $(id -u) == 0 ]] || return 0
  chmod 0755 /run /var/spool/slurmd
  chmod 1777 /tmp
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then start_or_run slurmd "$@"; fi
