#!/bin/bash
# Start slurmdbd: its configuration is the release's text and the database's password.
set -Eeuo pipefail
# shellcheck source=images/slurm/lib.sh
source "${LIB:-$(dirname "${BASH_SOURCE[0]}")/lib.sh}"

start() {
  # For sacctmgr here (probe, backup): this slurmdbd itself, not the Service, which leads here only when the probe succeeds.
  sed 's/^AccountingStorageHost=.*/AccountingStorageHost=localhost/' /etc/hpc/slurm/slurm.conf >/etc/slurm/slurm.conf
  cp -L /etc/hpc/slurm/cgroup.conf /etc/slurm/
  # slurmdbd insists on 0600.
  umask 077
  write_config >/etc/slurm/slurmdbd.conf
  umask 022
  # Not an order of start, only fewer restarts: slurmdbd ends when its database does not answer the first time.
  wait_for_port "${DATABASE_ADDRESS:?host:port of the database}" "${DATABASE_WAIT_SECONDS:-120}" ||
    log "nothing listens at $DATABASE_ADDRESS yet"
  exec /usr/sbin/slurmdbd -D
}

write_config() {
  local password
  cat "${SLURMDBD_CONF:-/etc/hpc/slurmdbd/slurmdbd.conf}"
  password=$(cat "${DATABASE_PASSWORD_FILE:?path of the password}")
  if [[ $password == *[$'"\n']* ]]; then
    log "error: slurmdbd cannot read a password with a double quote or a line break; give the database and its Secret another"
    return 1
  fi
  # Quoted for its spaces; a # would begin a comment, and a backslash take the next character.
  password=${password//\\/\\\\}
  printf 'StoragePass="%s"\n' "${password//\#/\\#}"
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then start_or_run slurmdbd "$@"; fi
