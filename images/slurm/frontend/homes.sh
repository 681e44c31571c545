# Homes: one folder per user in /home, owner uid:gid, mode 0700, made as soon as the user is known.
# shellcheck shell=bash

keep_homes() {
  local home_root=${HOME_ROOT:-/home} users=${EXTRAUSERS:-/var/lib/extrausers}/passwd
  # A volume that everybody may write to would let users move each other's folders.
  if [[ -O $home_root ]]; then chmod 0755 "$home_root"; fi
  while true; do
    make_homes "$home_root" "$users"
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
