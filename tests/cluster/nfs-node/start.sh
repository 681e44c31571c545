#!/bin/bash
# Make the booted guest a node, without systemd: `start.sh NODE ADDRESS`. What it needs is in /opt and /etc/kubernetes.
set -Eeuo pipefail

main() {
  prepare
  setsid containerd --config /opt/containerd.toml </dev/null &>/var/log/containerd.log &
  until ctr version &>/dev/null; do sleep 0.2; done
  base64 -d /opt/pause.tar.base64 | ctr -n k8s.io images import --label io.cri-containerd.pinned=pinned - >/dev/null
  setsid kubelet --config /opt/kubelet.yaml --hostname-override "$1" --node-ip "$2" \
    --bootstrap-kubeconfig /etc/kubernetes/bootstrap.conf --kubeconfig /etc/kubernetes/kubelet.conf \
    --node-labels hpc/nfs-node=true </dev/null &>/var/log/kubelet.log &
}

prepare() {
  mount --make-rshared /
  cat /proc/sys/kernel/random/uuid | tr -d - >/etc/machine-id
  mkdir -p /etc/cni/net.d /run/containerd /var/log
  # Processes may stay: the rule that a group has either processes or groups does not hold for the root.
  local controller
  for controller in cpu memory io pids; do echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control; done
  # The kubelet asks for a clock speed, and user-mode Linux says none.
  { cat /proc/cpuinfo && echo 'cpu MHz : 1000.000'; } >/run/cpuinfo
  mount --bind /run/cpuinfo /proc/cpuinfo
  local module
  for module in overlay nfsv4 br_netfilter bridge veth iptable_nat iptable_filter; do modprobe "$module"; done
  sysctl -q -w net.ipv4.ip_forward=1 net.bridge.bridge-nf-call-iptables=0
}

main "$@"
