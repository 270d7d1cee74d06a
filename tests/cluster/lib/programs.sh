# shellcheck shell=bash
# Sourced: the Go programs of the cluster, built once and kept in the user's cache folder by version.

kubernetes_version=$(sed -n 's|^[[:space:]]*k8s.io/kubernetes \(v[0-9.]*\).*|\1|p' "$cluster_code/go.mod" | head -n 1)
containerd_version=v2.4.2
coredns_version=v1.14.7
kwok_version=v0.8.0

kubernetes_bin=$cache/kubernetes-$kubernetes_version
containerd_bin=$cache/containerd-$containerd_version
coredns_bin=$cache/coredns-$coredns_version
kwok_bin=$cache/kwok-$kwok_version

kubernetes_programs=(kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl)

# missing_in FOLDER PROGRAM…: those that are not there
missing_in() {
  local bin=$1 program
  shift
  for program in "$@"; do [[ -x $bin/$program ]] || echo "$program"; done
}

# build_into FOLDER PROGRAMS BUILDER…: calls `BUILDER FOLDER.part PROGRAM…` for those missing in FOLDER. One build at a
# time for each folder; nothing half-built is ever seen in it.
build_into() {
  local bin=$1 wanted missing lock
  read -ra wanted <<<"$2"
  shift 2
  [[ $(missing_in "$bin" "${wanted[@]}") ]] || return 0
  mkdir -p "$bin"
  exec {lock}>"$bin.lock"
  flock "$lock"
  mapfile -t missing < <(missing_in "$bin" "${wanted[@]}")
  if ((${#missing[@]} > 0)); then
    command -v go >/dev/null || die "building ${missing[*]} needs Go: install it, or put the programs into $bin"
    say "building ${missing[*]} (minutes, only the first time)"
    rm -rf "$bin.part"
    mkdir -p "$bin.part"
    "$@" "$bin.part" "${missing[@]}" || die "the build of ${missing[*]} failed"
    mv "$bin.part"/* "$bin/"
    rmdir "$bin.part"
    say "built ${missing[*]}"
  fi
  exec {lock}>&-
}

# The version is set as Kubernetes' own build does: clients and kubelet compare it.
go_build_kubernetes() {
  local into=$1 flags="-s -w"
  shift
  flags+=" -X k8s.io/component-base/version.gitVersion=$kubernetes_version"
  flags+=" -X k8s.io/component-base/version.gitMajor=1"
  flags+=" -X k8s.io/component-base/version.gitMinor=$(cut -d. -f2 <<<"$kubernetes_version")"
  # In one call: the programs share most of their packages.
  (cd "$cluster_code" && CGO_ENABLED=0 go build -trimpath -ldflags "$flags" -o "$into/" "${@/#/k8s.io/kubernetes/cmd/}")
}

build_kubernetes() { build_into "$kubernetes_bin" "$*" go_build_kubernetes; }

# go_install INTO VERSION PACKAGE…
go_install() {
  local into=$1 version=$2
  shift 2
  CGO_ENABLED=0 GOBIN=$into go install -trimpath -ldflags "-s -w" "${@/%/@$version}"
}

go_install_containerd() {
  local into=$1
  shift
  go_install "$into" "$containerd_version" "${@/#/github.com/containerd/containerd/v2/cmd/}"
}

go_install_coredns() { go_install "$1" "$coredns_version" github.com/coredns/coredns; }

go_install_kwok() { go_install "$1" "$kwok_version" sigs.k8s.io/kwok/cmd/kwok; }

# kwok takes its stages (what happens to a pretended pod or node, and when) as one file; they come with its module.
fetch_kwok_stages() {
  local stages=$kwok_bin/stages.yaml module stage
  [[ -s $stages ]] && return
  module=$(go mod download -json "sigs.k8s.io/kwok@$kwok_version" | sed -n 's/^[[:space:]]*"Dir": "\(.*\)",\{0,1\}$/\1/p')
  for stage in "$module"/kustomize/stage/{pod/fast,node/fast,node/heartbeat}/*.yaml; do
    [[ $stage == */kustomization.yaml ]] || { echo "---"; cat "$stage"; echo; }
  done >"$stages.part"
  mv "$stages.part" "$stages"
}

build_programs() {
  build_kubernetes "${kubernetes_programs[@]}"
  build_into "$containerd_bin" "containerd containerd-shim-runc-v2 ctr" go_install_containerd
  build_into "$coredns_bin" coredns go_install_coredns
  build_into "$kwok_bin" kwok go_install_kwok
  fetch_kwok_stages
}
