# shellcheck shell=bash
# Home folders: made for every user of the list, measured, never removed. Sourced by entrypoint.sh.

volume=${NFS_VOLUME:-/volume}
homes_file=${NFS_HOMES_FILE:-/etc/nfs/homes/homes}

# Each line of the list is "name uid gid". A folder that is there is left as it is, whoever owns it.
make_homes() {
  local folder=$volume/${NFS_HOMES_PATH:-} name uid gid
  [[ -n ${NFS_HOMES_PATH:-} && -r $homes_file ]] || return 0
  while read -r name uid gid; do
    [[ -n $name && ! -e $folder/$name ]] || continue
    # Made under another name first: a home appears with its owner, or not at all.
    mkdir -p "$folder/.new-$name"
    chmod 0700 "$folder/.new-$name"
    chown "$uid:$gid" "$folder/.new-$name"
    mv -T "$folder/.new-$name" "$folder/$name"
    echo "made the home of $name ($uid:$gid)"
  done <"$homes_file"
}

# Measure the homes into file $1; fails where there is none yet: the server's container may be making them, so look again soon.
keep_figures() { measure_homes >"$1.new" && mv "$1.new" "$1" && [[ -s $1 ]]; }

# Bytes and files of each home, in Prometheus' text format. `du` is slow on big homes, so it runs at low priority.
measure_homes() {
  local home size files
  [[ -n ${NFS_HOMES_PATH:-} ]] || return 0
  for home in "$volume/$NFS_HOMES_PATH"/*/; do
    [[ -d $home ]] || continue
    size=$(nice -n 19 du -sx --block-size=1 "$home" 2>/dev/null | cut -f1)
    files=$(nice -n 19 du -sx --inodes "$home" 2>/dev/null | cut -f1)
    echo "nfs_home_used_bytes{home=\"$(basename "$home")\"} ${size:-0}"
    echo "nfs_home_files{home=\"$(basename "$home")\"} ${files:-0}"
  done
}
