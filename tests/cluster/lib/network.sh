# shellcheck shell=bash
# Sourced: links, kernel settings and packet filters of the cluster, each of which `network_down` takes back.

kernel_settings=(net.ipv4.ip_forward net.bridge.bridge-nf-call-iptables)

network_up() {
  # A link of these names that is not ours belongs to another cluster, which would be broken.
  local link setting old
  for link in "$node" cni0; do
    [[ ! -e /sys/class/net/$link ]] || die "there is a network link $link already: another cluster is on this machine"
  done
  # The node's address: kubelet takes no loopback address, and not every kernel has links of type dummy.
  ip link add "$node" type bridge
  ip address add "$node_ip/32" dev "$node"
  ip link set "$node" up

  [[ -e /proc/sys/net/bridge/bridge-nf-call-iptables ]] || modprobe br_netfilter 2>/dev/null ||
    die "the kernel has no br_netfilter: a pod would not get answers from a Service whose pod is on the same bridge"
  for setting in "${kernel_settings[@]}"; do
    old=$(sysctl -n "$setting")
    echo "$setting=$old" >>"$folder/settings"
    [[ $old == 1 ]] || sysctl -q -w "$setting=1"
  done
  guard | nft -f -
}

# Load stays in the cluster, and nobody outside of this machine speaks to the API server.
guard() {
  cat <<NFT
table inet loads-cluster {
  chain forward {
    type filter hook forward priority -10
    iifname "cni0" oifname != { "cni0", "$node" } reject with icmpx admin-prohibited
  }
  chain input {
    type filter hook input priority -10
    iifname != { "lo", "cni0", "$node" } tcp dport $api_port reject with tcp reset
  }
}
NFT
}

network_down() {
  local link table setting
  for link in cni0 "$node"; do
    [[ ! -e /sys/class/net/$link ]] || ip link delete "$link"
  done
  for table in "inet loads-cluster" "ip kube-proxy" "ip6 kube-proxy"; do
    # shellcheck disable=SC2086 # family and name
    nft delete table $table 2>/dev/null || true
  done
  [[ -f $folder/settings ]] || return 0
  while read -r setting; do sysctl -q -w "$setting"; done <"$folder/settings"
}

cni_config() {
  cat <<JSON
{"cniVersion": "1.0.0", "name": "loads-cluster", "plugins": [{
  "type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true,
  "ipam": {"type": "host-local", "dataDir": "$folder/leases", "ranges": [[{"subnet": "$pod_cidr"}]],
           "routes": [{"dst": "0.0.0.0/0"}]}}]}
JSON
}
