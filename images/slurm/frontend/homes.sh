# Homes: one folder per user in /home, owner uid:gid, mode 0700. An account is published to sshd once its home is there:
# who logs in before that would start in `/`.
# shellcheck shell=bash

keep_homes() {
  local home_root=${HOME_ROOT:-/home} users=${USERS:-/etc/hpc/users} accounts=${EXTRAUSERS:-/var/lib/extrausers}
  # A volume that everybody may write to would let users move each other's folders.
  if [[ -O $home_root ]]; then chmod 0755 "$home_root"; fi
  while true; do
    make_homes "$home_root" "$users/passwd"
    publish "$home_root" "$users" "$accounts"
    sleep "${HOMES_INTERVAL_SECONDS:-2}"
  done
}

make_homes() {
  local root=$1 name uid gid
  while IFS=: read -r name _ uid gid _; do
    [[ -e $root/$name ]] || make_home "$root" "$name" "$uid" "$gid" ||
      log "cannot make $root/$name for $uid:$gid: is the volume writable for uid $(id -u), root not squashed?"
  done <"$2"
}

# Under another name until it is complete: owner last, since root without DAC_OVERRIDE cannot enter it afterwards.
make_home() {
  local root=$1 name=$2 uid=$3 gid=$4 new
  new=$(mktemp -d "$root/.new-$name-XXXXXX") || return 1
  cp -r /etc/skel/. "$new/" && chmod 0700 "$new" &&
    if [[ $(id -u) == 0 ]]; then chown -R "$uid:$gid" "$new"; fi &&
    mv -T "$new" "$root/$name" && log "made $root/$name"
}

# Copy the users' files from $2 to $3, without those whose home in $1 is missing; passwd last, since it makes the account.
publish() {
  local root=$1 from=$2 to=$3 line
  replace "$to/group" 0444 <"$from/group"
  replace "$to/shadow" 0400 <"$from/shadow"
  while IFS= read -r line; do
    if [[ -d $root/${line%%:*} ]]; then printf '%s\n' "$line"; fi
  done <"$from/passwd" | replace "$to/passwd" 0444
}

# Put standard input into file $1 with mode $2 at once: a reader sees the old file or the new one.
replace() {
  local new
  new=$(mktemp "${1%/*}/.new-XXXXXX")
  cat >"$new" && chmod "$2" "$new" && mv -f "$new" "$1"
}
