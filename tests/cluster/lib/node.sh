# shellcheck shell=bash
# Sourced: the configuration of the node's programs, and what is left of pods when they are gone.

node_config() {
  mkdir -p "$folder/cni"
  cni_config >"$folder/cni/loads.conflist"
  containerd_config >"$folder/containerd.toml"
  kubelet_config >"$folder/kubelet.yaml"
  proxy_config >"$folder/kube-proxy.yaml"
  scheduler_config >"$folder/kube-scheduler.yaml"
  # For the few pods that ask for the node's DNS: the cluster has no other than its own.
  echo "nameserver $dns_ip" >"$folder/resolv.conf"
  local parent
  while read -r parent; do mkdir -p "$parent/loads-cluster"; done < <(cgroup_roots)
}

containerd_config() {
  cat <<TOML
version = 3
root = "$folder/containerd"
state = "$folder/containerd-state"
[grpc]
address = "$containerd_socket"
[ttrpc]
address = "$containerd_socket.ttrpc"
[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "$pause_image"
[plugins."io.containerd.cri.v1.runtime"]
# Without CAP_SYS_RESOURCE, which root in a container or small virtual machine may lack, runc can not lower the score.
restrict_oom_score_adj = true
# Below the state folder, where the teardown finds them.
netns_mounts_under_state_dir = true
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
SystemdCgroup = false
Root = "$folder/runc"
[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = ["/usr/lib/cni", "/opt/cni/bin"]
conf_dir = "$folder/cni"
[plugins."io.containerd.snapshotter.v1.overlayfs"]
# Nothing is kept over a crash, and without this each container's end writes out the machine's whole disk cache.
mount_options = ["volatile"]
[plugins."io.containerd.nri.v1.nri"]
disable = true
[plugins."io.containerd.internal.v1.opt"]
path = "$folder/containerd-opt"
TOML
}

kubelet_config() {
  cat <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $node_ip
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: "$folder/ca.crt"}
authorization: {mode: Webhook}
tlsCertFile: "$folder/kubelet-server.crt"
tlsPrivateKeyFile: "$folder/kubelet-server.key"
containerRuntimeEndpoint: "unix://$containerd_socket"
podLogsDir: "$folder/pod-logs"
volumePluginDir: "$folder/volume-plugins"
resolvConf: "$folder/resolv.conf"
clusterDNS: ["$dns_ip"]
clusterDomain: cluster.local
cgroupDriver: cgroupfs
cgroupRoot: /loads-cluster
failCgroupV1: false
failSwapOn: false
enforceNodeAllocatable: []
makeIPTablesUtilChains: false
# A test machine may be nearly full; only a full one is a reason to evict.
evictionHard: {memory.available: 50Mi, nodefs.available: 1%, nodefs.inodesFree: 1%, imagefs.available: 1%}
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
maxPods: 250
podsPerCore: 0
kubeAPIQPS: 100
kubeAPIBurst: 200
eventRecordQPS: 0
registryPullQPS: 0
YAML
}

proxy_config() {
  cat <<YAML
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
clientConnection: {kubeconfig: "$folder/kube-proxy.kubeconfig"}
clusterCIDR: $pod_cidr
hostnameOverride: $node
nodePortAddresses: ["$node_ip/32"]
healthzBindAddress: 127.0.0.1:10256
metricsBindAddress: 127.0.0.1:10249
# The machine's own settings stay.
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
YAML
}

scheduler_config() {
  cat <<YAML
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
clientConnection: {kubeconfig: "$folder/kube-scheduler.kubeconfig", qps: 300, burst: 600}
leaderElection: {leaderElect: false}
YAML
}

# The mount points of every cgroup hierarchy, of version 1 and 2.
cgroup_roots() { awk '$3 == "cgroup" || $3 == "cgroup2" { print $2 }' /proc/mounts; }

cgroups() {
  local roots
  mapfile -t roots < <(cgroup_roots)
  find "${roots[@]/%//loads-cluster}" -depth -type d "$@" 2>/dev/null || true
}

# Kubelet and containerd must be gone: they would start pods again, or wait for their end.
pods_down() {
  local _
  kill_pods
  pgrep -f "^[^ ]*containerd-shim.* $folder/" | xargs -r kill -9 2>/dev/null || true
  unmount_all
  # Their cgroups can not go before their processes have.
  for _ in {1..50}; do
    cgroups -delete
    [[ $(cgroups) ]] || break
    kill_pods
    sleep 0.1
  done
}

# A process of another process namespace reads as 0, which for kill is the caller's own group.
kill_pods() {
  cgroups | sed 's|$|/cgroup.procs|' | xargs -r cat 2>/dev/null | grep -vx 0 | sort -u | xargs -r kill -9 2>/dev/null || true
}

# The last mounted first; one that is busy is let go when its user ends.
unmount_all() {
  local points
  mapfile -t points < <(awk -v below="$folder/" 'index($5, below) == 1 { print $5 }' /proc/self/mountinfo | tac)
  ((${#points[@]} == 0)) || umount "${points[@]}" 2>/dev/null || umount --lazy "${points[@]}" 2>/dev/null || true
}

# What the node's programs keep in places that no setting moves below the folder.
leavings_down() {
  {
    grep -rhoE 'unix:///run/containerd/s/[0-9a-f]+' --include bootstrap.json "$folder/containerd-state" | sed 's|^unix://||'
    grep -rlF "$folder/" /var/lib/cni/results
    find /var/log/containers -lname "$folder/*"
    echo /var/lib/kubelet/device-plugins/kubelet.sock
  } 2>/dev/null | sort -u | xargs -r rm -f || true
  rmdir /run/containerd/s /run/containerd /var/lib/cni/results /var/lib/cni /var/log/containers \
    /var/lib/kubelet/device-plugins /var/lib/kubelet 2>/dev/null || true
}
