# shellcheck shell=bash
# Sourced: the cluster's start and end.

cluster_up() {
  local port
  if is_up; then
    say "the cluster is up already"
    return
  fi
  if [[ -e $folder ]]; then
    say "taking down what is left of an earlier cluster"
    cluster_down
  fi
  for port in "${ports[@]}"; do
    ! listening "$port" || die "something listens on port $port, which the cluster needs; is another Kubernetes on this machine?"
  done
  mkdir -p "$folder"
  # Others may pass through, to a kubeconfig of theirs.
  chmod 711 "$folder"
  say "starting; logs are in $folder"
  network_up
  (umask 077 && credentials)
  chown "${SUDO_UID:-0}" "$kubeconfig_file"
  node_config
  all_of "start etcd, then the API server" start_node_images start_control_plane
  all_of "start the other parts" "start_component kube-controller-manager" "start_component kube-scheduler" \
    "start_component kubelet" "start_component kube-proxy" "start_component kwok"
  sed "s|COREDNS_IMAGE|$coredns_image|" "$cluster_code/manifests/coredns.yaml" | kubectl create -f - >/dev/null
  say "waiting for the node and its DNS"
  await "the node $node to be ready" node_is_ready
  await "a pod's service account" kubectl --namespace default get serviceaccount default
  await "DNS to answer on $dns_ip" dns_answers
  touch "$folder/complete"
  say "up after $SECONDS s"
}

start_control_plane() {
  start_component etcd
  start_component kube-apiserver
}

start_node_images() {
  start_component containerd
  import_archive "$pause_archive"
  import_archive "$coredns_archive"
}

# all_of WHAT COMMAND…: side by side; dies when one fails
all_of() {
  local what=$1 command pids=() pid failed=0
  shift
  for command in "$@"; do
    # shellcheck disable=SC2086 # a function and its argument
    (set -e; $command) &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
  ((failed == 0)) || die "could not $what; the logs are in $folder"
}

# await WHAT CHECK…: for two minutes at most
await() {
  local what=$1 deadline=$((SECONDS + 120))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || die "waited two minutes for $what; the logs are in $folder"
    sleep 0.2
  done
}

node_is_ready() {
  [[ $(kubectl get node "$node" -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}') == True ]]
}

# Asks for kubernetes.default.svc.cluster.local as a pod would, over the Service's address; the answer is 10.96.0.1.
dns_answers() (
  exec 3<>"/dev/udp/$dns_ip/53"
  printf '\x4c\x44\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00' >"$folder/question"
  printf '\x0akubernetes\x07default\x03svc\x07cluster\x05local\x00\x00\x01\x00\x01' >>"$folder/question"
  # One datagram, so one write.
  dd if="$folder/question" bs=512 count=1 status=none >&3
  timeout 1 dd bs=512 count=1 status=none <&3 | od -An -v -tx1 | tr -d ' \n' | grep -q 0a600001$
)

cluster_down() {
  local index
  # Backwards, and by force: nothing of it is kept, and an API server waits long for its watchers.
  for ((index = ${#components[@]} - 1; index >= 0; index--)); do stop "${components[index]}" KILL; done
  pods_down
  leavings_down
  network_down
  rm -rf --one-file-system "$folder"
}
