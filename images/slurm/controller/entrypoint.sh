#!/bin/bash
# Start slurmctld on a configuration that Slurm accepts; `keeper` keeps configuration, accounts and node list up to date;
# `check` only says what Slurm thinks of a configuration.
set -Eeuo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=images/slurm/lib.sh
source "${LIB:-$here/lib.sh}"
# shellcheck source=images/slurm/controller/config.sh
source "$here/config.sh"
# shellcheck source=images/slurm/controller/accounts.sh
source "$here/accounts.sh"

state=${STATE_DIR:-/var/lib/slurm}
offered=${OFFERED_DIR:-/etc/hpc/slurm}
active=$state/config
run=${RUN_DIR:-/run/slurmctld}
export SLURM_CONF=$active/slurm.conf

main() {
  case ${1:-slurmctld} in
    slurmctld) start ;;
    keeper) keep ;;
    check) check ;;
    *) exec "$@" ;;
  esac
}

start() {
  take_up_restored
  mkdir -p "$active" "$state/state"
  # Other pods' users must not read job scripts, whatever mode the volume came with.
  chmod 0700 "$state/state"
  adopt_config || [[ -s $SLURM_CONF ]] || die "no configuration to start with: $(cat "$run/refused")"
  if [[ -n ${ACCOUNTING_HOST:-} ]]; then
    wait_for_accounting "${ACCOUNTING_WAIT_SECONDS:-300}"
  fi
  exec /usr/sbin/slurmctld -D
}

# A backup is put beside the state and becomes it here, while no slurmctld writes.
take_up_restored() {
  [[ -d $state/restored/state ]] || return 0
  rm -rf "$state/state"
  mv "$state/restored/state" "$state/state"
  rm -rf "$state/restored"
  log "state restored from a backup"
}

check() {
  local errors
  # As if it were active already, so that slurmctld itself is asked too.
  errors=$(SLURM_CONF=$offered/slurm.conf config_errors "$offered")
  [[ -z $errors ]] || die "$errors"
}

# slurmctld refuses to start on an empty state without its accounting; the port alone says little, so ask for the greeting
# that slurmdbd gives only when its database answered.
wait_for_accounting() {
  log "waiting for slurmdbd at $ACCOUNTING_HOST"
  wait_for_port "$ACCOUNTING_HOST" "$1" ||
    die "slurmdbd at $ACCOUNTING_HOST did not answer for $1 s: look at the pods of component accounting and database"
}

keep() {
  local seen='' tick=0
  seen=$(version "$offered")
  until [[ -S $run/sack.socket ]]; do sleep 0.2; done
  while true; do
    if [[ $(version "$offered") != "$seen" ]]; then
      seen=$(version "$offered")
      reload_config || true
    fi
    if ((tick % 5 == 0)); then
      apply_accounts || true
      forget_vanished_nodes || true
    fi
    tick=$((tick + 1))
    sleep 1
  done
}

# A kubelet swaps the link `..data` when it has written a new version of a mounted ConfigMap.
version() { readlink "$1/..data" || stat -c %Y "$1/slurm.conf"; }

# A node of a pod that is gone (scaled in while unreachable, killed with its machine) has no address any more.
forget_vanished_nodes() {
  local node
  while read -r node; do
    if ! getent hosts "$node" >/dev/null && names_are_answered && is_down "$node"; then
      log "node $node is down and its pod is gone: forget it"
      scontrol delete nodename="$node" || true
    fi
  done < <(sinfo -h -N -t down -o '%N' | sort -u)
}

# A name service that does not answer does not say that a pod is gone. This name is in every cluster.
names_are_answered() { getent hosts kubernetes.default.svc >/dev/null; }

# Asked again, since a name may take seconds: meanwhile the node may have registered, and would not do so a second time.
is_down() { [[ -n $(sinfo -h -N -n "$1" -t down -o '%N') ]]; }

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then main "$@"; fi
