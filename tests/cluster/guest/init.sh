#!/bin/bash
# First process of the user-mode Linux guest. The kernel's command line says its address, gateway and routes:
# hpc.name=NAME hpc.address=A/N hpc.routes=NET,VIA[;NET,VIA…]
set -Eeuo pipefail

main() {
  export PATH=/usr/sbin:/usr/bin:/sbin:/bin
  mount -t proc proc /proc
  # A server knows a client by its host name.
  hostname "$(argument hpc.name)"
  # What udev makes elsewhere.
  ln -sf /proc/self/fd /dev/fd && ln -sf fd/0 /dev/stdin && ln -sf fd/1 /dev/stdout && ln -sf fd/2 /dev/stderr
  mount -t sysfs sys /sys
  mount -t cgroup2 cgroup /sys/fs/cgroup
  mount -t tmpfs -o mode=1777 tmp /tmp
  mount -t tmpfs run /run
  mount -t devpts -o mode=620 devpts /dev/pts 2>/dev/null || true
  ip link set lo up
  ip address add "$(argument hpc.address)" dev vec0
  ip link set vec0 up
  local route
  for route in $(argument hpc.routes | tr ';' ' '); do ip route add "${route%,*}" via "${route#*,}"; done
  exec python3 /opt/guest.py
}

argument() { tr ' ' '\n' </proc/cmdline | sed -n "s/^$1=//p"; }

main
