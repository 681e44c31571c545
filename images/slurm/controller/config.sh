# Configuration: what is offered (a mounted ConfigMap) becomes active only when Slurm can read it.
# shellcheck shell=bash disable=SC2154

# Say what is wrong with the configuration in folder $1; no output when Slurm accepts it.
config_errors() {
  local said
  # Any client command parses slurm.conf; this one needs neither a daemon nor a network.
  if ! said=$(SLURM_CONF=$1/slurm.conf scontrol show hostnames a 2>&1 >/dev/null); then
    sed -E 's/^scontrol: //' <<<"${said:-Slurm gave no reason}"
    return 0
  fi
  # Nothing to fall back to: slurmctld's own log says what is wrong.
  [[ ! -s $SLURM_CONF ]] || daemon_errors "$1"
}

# The rest is read by slurmctld alone, which ends on an error, also in the middle of a reconfigure. So another one tries first,
# on a state, a port and files of its own, with no authentication that would claim the real one's socket.
daemon_errors() {
  local try=${TRY_DIR:-/tmp/try} status=0 started=$SECONDS daemon
  rm -rf "$try" && mkdir -p "$try/state" && cp -r "$1"/. "$try/"
  sed -i -E '/^(Auth|Cred|Accounting|StateSave|SlurmctldPort|SlurmctldPidFile|SlurmctldParameters|SlurmctldDebug|JobComp|SlurmctldPrimary|MailProg)/d' "$try/slurm.conf"
  cat >>"$try/slurm.conf" <<CONF
AuthType=auth/none
CredType=cred/none
StateSaveLocation=$try/state
SlurmctldPort=16817
SlurmctldPidFile=$try/pid
MailProg=/bin/true
SlurmctldDebug=info
CONF
  # Without the key in its environment: it would sign with it, whatever AuthType says, and take the real one's socket.
  env -u SLURM_SACK_KEY SLURM_CONF="$try/slurm.conf" timeout -k 1 60 "${SLURMCTLD:-/usr/sbin/slurmctld}" -D -i -f "$try/slurm.conf" >"$try/log" 2>&1 &
  daemon=$!
  while kill -0 "$daemon" 2>/dev/null; do
    # On a busy machine it may take a while to have read everything. Then it says that it runs.
    if ((SECONDS - started >= ${TRY_SECONDS:-3})) && grep -q 'Running as primary controller' "$try/log"; then
      kill "$daemon" || true
      wait "$daemon" || true
      return 0
    fi
    sleep 0.2
  done
  wait "$daemon" || status=$?
  # 124 and 137: it was still well when its time was over, and ended when asked, or was made to.
  ((status == 124 || status == 137)) || grep -E ': (error|fatal): ' "$try/log" | tail -3 | sed -E 's/^slurmctld: //'
}

# Make the offered configuration the active one, or note in $run/refused why not.
adopt_config() {
  local errors
  # A copy with no links: a ConfigMap's files change under whoever reads them.
  rm -rf "$run/offered" && mkdir -p "$run/offered"
  cp -L "$offered"/* "$run/offered/"
  ! same_as_active || return 0
  errors=$(config_errors "$run/offered")
  if [[ -n $errors ]]; then
    refuse "$errors"
    return 1
  fi
  rm -rf "$active.old"
  if [[ -d $active ]]; then cp -r "$active" "$active.old"; fi
  replace_config "$run/offered"
  rm -f "$run/refused"
}

same_as_active() { [[ -d $active ]] && diff -rq "$run/offered" "$active" >/dev/null && rm -f "$run/refused"; }

replace_config() {
  mkdir -p "$active"
  find "$active" -mindepth 1 -delete
  cp -r "$1"/. "$active/"
  # Prolog and the like must be executable to be sent to nodes.
  find "$active" -name '*.sh' -exec chmod 0755 {} +
}

refuse() {
  printf '%s\n' "$1" >"$run/refused"
  log "configuration refused, the old one stays: $1"
}

# No answer in time is no refusal: a busy slurmctld is asked again.
reconfigure() {
  local said
  for _ in {1..3}; do
    said=$(scontrol reconfigure 2>&1) && return 0
    [[ $said == *'timed out'* ]] || break
  done
  printf '%s' "$said"
  return 1
}

# Slurm's daemons replace themselves at a reconfigure; the old slurmctld stays when the new one cannot start.
reload_config() {
  local said
  adopt_config || return 1
  if said=$(reconfigure); then
    log "configuration reloaded"
    return 0
  fi
  if [[ -d $active.old ]]; then replace_config "$active.old"; fi
  refuse "slurmctld could not use it: $said (its log says more)"
  return 1
}
