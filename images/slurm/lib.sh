# Shared by the entry points of the Slurm images.
# shellcheck shell=bash

log() { printf '%s %s\n' "${0##*/}:" "$*" >&2; }

die() {
  log "$*"
  exit 1
}

# The image's daemon, which $1 names and `start` starts, or any other command in its place: start_or_run slurmd "$@"
start_or_run() {
  local daemon=$1
  shift
  if [[ ${1:-$daemon} == "$daemon" ]]; then start; else exec "$@"; fi
}

# Wait until something listens on $1 (host:port), for at most $2 seconds.
wait_for_port() {
  local host=${1%:*} port=${1##*:} deadline=$((SECONDS + $2))
  until timeout 1 bash -c "exec 3<>/dev/tcp/$host/$port" 2>/dev/null; do
    ((SECONDS < deadline)) || return 1
    sleep 0.3
  done
}

wait_for_controller() {
  until wait_for_port "${CONTROLLER_ADDRESS:?host:port of slurmctld}" 60; do
    log "nothing listens at $CONTROLLER_ADDRESS yet"
  done
}
