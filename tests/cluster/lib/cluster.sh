# shellcheck shell=bash
# Sourced: the one cluster of this machine, its addresses, and its parts by name. Addresses, links and ports are fixed,
# so a machine has one such cluster at a time.

# Not below /run or XDG_RUNTIME_DIR: those are small, may forbid programs, and the latter goes when its user logs out.
folder=/var/lib/loads-cluster
lock_file=/run/loads-cluster.lock
node=node0
node_ip=10.250.0.1
pod_cidr=10.244.0.0/24
dns_ip=10.96.0.10
api_port=16443
etcd_port=16379
etcd_peer_port=16380
# Listened on by the parts themselves: all but the API server on loopback or the node's own address.
ports=("$api_port" "$etcd_port" "$etcd_peer_port" 10248 10249 10250 10256 10257 10259)
audit_log=$folder/audit.log
kubeconfig_file=$folder/kubeconfig
containerd_socket=$folder/containerd.sock
# In the order of starting.
components=(etcd containerd kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kwok)
detach=(setsid)
# Kubernetes' own default is 20: tests that make and delete much would wait for the controllers only.
controllers_qps=${LOADS_CONTROLLERS_QPS:-300}

need_root() {
  ((EUID == 0)) || die "the test cluster needs root, for it mounts file systems and makes network links: try sudo $0"
}

# One `up`, `down` or the like at a time.
take_lock() {
  exec 9>"$lock_file"
  flock --nonblock 9 && return
  say "waiting for another program that changes the cluster"
  flock 9
}

kubectl() { "$kubernetes_bin/kubectl" --kubeconfig "$kubeconfig_file" "$@"; }

ctr() { CONTAINERD_SUPPRESS_DEPRECATION_WARNINGS=1 "$containerd_bin/ctr" --address "$containerd_socket" --namespace k8s.io "$@"; }

known_component() {
  [[ " ${components[*]} " == *" $1 "* ]] || die "there is no part named $1; the parts are: ${components[*]}"
}

stopped_components() {
  local name
  for name in "${components[@]}"; do alive "$name" || echo "$name"; done
}

# Whether `up` came to its end and nothing has died since.
is_up() { [[ -e $folder/complete && -z $(stopped_components) ]]; }

need_up() {
  [[ -e $folder/complete ]] || die "the cluster is not up: start it with ${cluster_code}/up"
}

# credentials: certificates, and a kubeconfig for each part and the person
credentials() {
  certificates "IP:127.0.0.1,IP:10.96.0.1,IP:$node_ip,DNS:localhost,DNS:kubernetes.default.svc"
  signed_certificate kubelet-client /O=system:masters/CN=kube-apiserver extendedKeyUsage=clientAuth
  signed_certificate kubelet-server "/CN=$node" "subjectAltName=IP:$node_ip,DNS:$node"
  local name user group
  while read -r name user group; do
    kubeconfig "$api_port" "$(admit "$user" "$group")" >"$folder/$name"
  done <<WHO
${kubeconfig_file##*/} admin system:masters
kube-controller-manager.kubeconfig system:kube-controller-manager
kube-scheduler.kubeconfig system:kube-scheduler
kubelet.kubeconfig system:node:$node system:nodes
kube-proxy.kubeconfig system:kube-proxy
kwok.kubeconfig kwok system:masters
WHO
}

# start_component NAME: and waits until it serves
start_component() {
  case $1 in
    etcd) start_etcd "$etcd_port" "$etcd_peer_port" ;;
    kube-apiserver) start_cluster_api_server ;;
    kube-controller-manager)
      launch "$1" "$kubernetes_bin/$1" --kubeconfig "$folder/$1.kubeconfig" --leader-elect=false \
        --bind-address 127.0.0.1 --use-service-account-credentials --root-ca-file "$folder/ca.crt" \
        --flex-volume-plugin-dir "$folder/volume-plugins" \
        --service-account-private-key-file "$folder/accounts.key" --kube-api-qps="$controllers_qps" --kube-api-burst="$((2 * controllers_qps))"
      wait_for "$1" curl -fsSk --noproxy '*' https://127.0.0.1:10257/healthz
      ;;
    kube-scheduler)
      launch "$1" "$kubernetes_bin/$1" --config "$folder/kube-scheduler.yaml" --bind-address 127.0.0.1
      wait_for "$1" curl -fsSk --noproxy '*' https://127.0.0.1:10259/healthz
      ;;
    containerd)
      # Its shims are found by name.
      PATH=$containerd_bin:$PATH launch "$1" "$containerd_bin/containerd" --config "$folder/containerd.toml"
      wait_for "$1" ctr version
      ;;
    kubelet)
      launch "$1" "$kubernetes_bin/$1" --config "$folder/kubelet.yaml" --kubeconfig "$folder/$1.kubeconfig" \
        --root-dir "$folder/kubelet" --cert-dir "$folder/kubelet-certs" --node-ip "$node_ip" --hostname-override "$node"
      wait_for "$1" curl -fsS --noproxy '*' http://127.0.0.1:10248/healthz
      ;;
    kube-proxy)
      launch "$1" "$kubernetes_bin/$1" --config "$folder/kube-proxy.yaml"
      wait_for "$1" curl -fsS --noproxy '*' http://127.0.0.1:10256/livez
      ;;
    kwok)
      launch "$1" "$kwok_bin/kwok" --kubeconfig "$folder/$1.kubeconfig" --config "$kwok_bin/stages.yaml" \
        --manage-all-nodes=false --manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake \
        --server-address 127.0.0.1:10247
      wait_for "$1" curl -fsS --noproxy '*' http://127.0.0.1:10247/healthz
      ;;
  esac
}

start_cluster_api_server() {
  start_api_server "$etcd_port" "$api_port" --bind-address 0.0.0.0 --advertise-address "$node_ip" \
    --endpoint-reconciler-type lease --authorization-mode Node,RBAC --allow-privileged \
    --enable-admission-plugins NodeRestriction,OwnerReferencesPermissionEnforcement,PodSecurity,ResourceQuota \
    --service-account-issuer https://kubernetes.default.svc --client-ca-file "$folder/ca.crt" \
    --kubelet-preferred-address-types InternalIP --kubelet-certificate-authority "$folder/ca.crt" \
    --kubelet-client-certificate "$folder/kubelet-client.crt" --kubelet-client-key "$folder/kubelet-client.key" \
    --audit-policy-file "$cluster_code/manifests/audit-policy.yaml" --audit-log-path "$audit_log" --audit-log-maxsize 4096
}
