#!/bin/bash
# The three processes of a frontend, one container each: `sshd`, `sackd` (signs users' requests), `homes` (makes their folders).
set -Eeuo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=images/slurm/lib.sh
source "${LIB:-$here/lib.sh}"
# shellcheck source=images/slurm/frontend/homes.sh
source "$here/homes.sh"

main() {
  case ${1:-sshd} in
    sshd) start_sshd ;;
    sackd) start_sackd ;;
    homes) keep_homes ;;
    *) exec "$@" ;;
  esac
}

# A Secret's files get the group's read bit where the pod has an fsGroup; sshd takes no key that a group can read.
start_sshd() {
  install -m 0600 "${HOST_KEYS:-/etc/hpc/ssh-host}"/ssh_host_* /run/ssh/
  exec /usr/sbin/sshd -D -e -f "${SSHD_CONFIG:-/etc/hpc/sshd/sshd_config}"
}

start_sackd() {
  wait_for_controller
  # By its full path: at a reconfigure it replaces itself by the name it was started with.
  exec /usr/sbin/sackd -D --conf-server "$CONTROLLER_ADDRESS"
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then main "$@"; fi
