#!/bin/bash
# The three processes of a frontend, one container each: `sshd`, `sackd` (signs users' requests), `homes` (makes their folders);
# `rekey` gives a running sshd the host keys of a changed Secret.
set -Eeuo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=images/slurm/lib.sh
source "${LIB:-$here/lib.sh}"
# shellcheck source=images/slurm/frontend/homes.sh
source "$here/homes.sh"

host_keys=${HOST_KEYS:-/etc/hpc/ssh-host}
run_ssh=${RUN_SSH:-/run/ssh}

main() {
  case ${1:-sshd} in
    sshd) start_sshd ;;
    rekey) rekey ;;
    sackd) start_sackd ;;
    homes) keep_homes ;;
    *) exec "$@" ;;
  esac
}

start_sshd() {
  take_host_keys
  bound_users
  exec /usr/sbin/sshd -D -e -f "${SSHD_CONFIG:-/etc/hpc/sshd/sshd_config}"
}

# Logins inherit it and cannot raise it. root's processes are not counted, and sshd's own are small.
bound_users() {
  [[ -z ${MOST_PROCESSES:-} ]] || ulimit -u "$MOST_PROCESSES" || log "the machine allows fewer than $MOST_PROCESSES processes"
  [[ -z ${LARGEST_PROCESS_MEBIBYTES:-} ]] || ulimit -d "$((LARGEST_PROCESS_MEBIBYTES * 1024))"
}

# A Secret's files get the group's read bit where the pod has an fsGroup; sshd takes no key that a group can read.
take_host_keys() { install -m 0600 "$host_keys"/ssh_host_* "$run_ssh/"; }

# A kubelet brings a changed Secret within two minutes. sshd then starts itself anew; open logins are processes of their own.
rekey() {
  local deadline=$((SECONDS + ${REKEY_SECONDS:-180}))
  while cmp -s "$host_keys/ssh_host_ed25519_key" "$run_ssh/ssh_host_ed25519_key"; do
    ((SECONDS < deadline)) || die "no other host key has arrived in $host_keys"
    sleep 1
  done
  take_host_keys
  pkill -HUP --oldest --exact sshd
  log "sshd has the new host key"
}

start_sackd() {
  wait_for_controller
  # By its full path: at a reconfigure it replaces itself by the name it was started with.
  exec /usr/sbin/sackd -D --conf-server "$CONTROLLER_ADDRESS"
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then main "$@"; fi
