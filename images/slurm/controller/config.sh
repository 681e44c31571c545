# Configuration: what is offered (a mounted ConfigMap) becomes active only when Slurm can read it.
# shellcheck shell=bash disable=SC2154

# Say what is wrong with the configuration in folder $1; no output when Slurm accepts it.
# Any client command parses every file; this one needs neither a daemon nor a network.
config_errors() {
  local said
  said=$(SLURM_CONF=$1/slurm.conf scontrol show hostnames a 2>&1 >/dev/null) && return 0
  sed -E 's/^scontrol: //' <<<"${said:-Slurm gave no reason}"
}

# Make the offered configuration the active one, or note in $run/refused why not.
adopt_config() {
  local errors
  # A copy with no links: a ConfigMap's files change under whoever reads them.
  rm -rf "$run/offered" && mkdir -p "$run/offered"
  cp -L "$offered"/* "$run/offered/"
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

# Slurm's daemons replace themselves at a reconfigure; the old slurmctld stays when the new one cannot start.
reload_config() {
  local said
  adopt_config || return 1
  if said=$(scontrol reconfigure 2>&1); then
    log "configuration reloaded"
    return 0
  fi
  if [[ -d $active.old ]]; then replace_config "$active.old"; fi
  refuse "slurmctld could not use it: $said (its log says more)"
  return 1
}
