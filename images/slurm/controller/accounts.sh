# Accounts, QOS and users in the accounting database, from the list that the release declares.
# shellcheck shell=bash disable=SC2154

# The list has one entity a line: `<qos|account> <name> [Key=value…]` or `member <user> <account>`;
# it is applied when it or the users changed.
apply_accounts() {
  [[ -n ${ACCOUNTING_HOST:-} ]] || return 0
  local list=$offered/accounts users=${EXTRAUSERS:-/var/lib/extrausers}/passwd now
  now=$(cat "$list" "$users" 2>/dev/null | cksum)
  [[ $now != "$(cat "$run/accounts.applied" 2>/dev/null)" ]] || return 0
  if ! apply_list "$list" || ! apply_users "$users"; then return 1; fi
  printf '%s' "$now" >"$run/accounts.applied"
  log "accounts applied"
}

apply_list() {
  local kind name settings
  while read -r kind name settings; do
    if [[ $kind == member ]]; then
      sacctmgr -i -Q add user "$name" account="$settings" >/dev/null 2>&1 || true
      continue
    fi
    # An entity that exists is no error: its settings are set again.
    # shellcheck disable=SC2086
    sacctmgr -i -Q add "$kind" "$name" $settings >/dev/null 2>&1 || modify "$kind" "$name" $settings || return 1
  done < <(grep -Ev '^(#|$)' "$1")
}

modify() {
  local kind=$1 name=$2 said
  shift 2
  (($# == 0)) && return 0
  said=$(sacctmgr -i -Q modify "$kind" where name="$name" set "$@" 2>&1) && return 0
  grep -q 'Nothing modified' <<<"$said" && return 0
  log "sacctmgr cannot set $kind $name $*: $said"
  return 1
}

# Every user of the release may run under the default account, so that usage has a name.
apply_users() {
  local names known
  names=$(cut -d: -f1 "$1" | sort)
  known=$(sacctmgr -n -P list user format=User | sort)
  names=$(comm -23 <(printf '%s\n' "$names") <(printf '%s\n' "$known") | paste -sd, -)
  [[ -n $names ]] || return 0
  sacctmgr -i -Q add user "$names" account="${DEFAULT_ACCOUNT:-default}" >/dev/null
}
