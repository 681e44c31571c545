#!/bin/bash
# Answer a scrape: figures of the volume and the clients now, and the last figures of the homes (busybox httpd's CGI).
set -Eeuo pipefail

volume=${NFS_VOLUME:-/volume}
metrics=${NFS_METRICS:-/run/metrics}
port=${NFS_PORT:-2049}

# A mounted client holds a connection for as long as it is mounted; 01 is ESTABLISHED, 0100007F is this pod itself.
connections() {
  awk -v port=":$(printf %04X "$port")" '$2 ~ port "$" && $4 == "01" && $3 !~ /0100007F:/ {n++} END {print n + 0}' /proc/net/tcp /proc/net/tcp6
}

echo "Content-Type: text/plain; version=0.0.4"
echo
echo "nfs_client_connections $(connections)"
df --block-size=1 --output=size,avail "$volume" | awk 'NR == 2 {print "nfs_volume_size_bytes " $1 "\nnfs_volume_available_bytes " $2}'
df --output=itotal,iavail "$volume" | awk 'NR == 2 {print "nfs_volume_files " $1 "\nnfs_volume_available_files " $2}'
cat "$metrics/usage"
