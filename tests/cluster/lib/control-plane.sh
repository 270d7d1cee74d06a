# shellcheck shell=bash
# Sourced: etcd and kube-apiserver, as a control plane alone and a whole cluster both start them in $folder.

# start_etcd PORT PEER_PORT
start_etcd() {
  launch etcd etcd --data-dir "$folder/etcd" --unsafe-no-fsync --log-level error \
    --quota-backend-bytes 4294967296 --auto-compaction-mode periodic --auto-compaction-retention 5m \
    --listen-client-urls "http://127.0.0.1:$1" --advertise-client-urls "http://127.0.0.1:$1" \
    --listen-peer-urls "http://127.0.0.1:$2" --initial-advertise-peer-urls "http://127.0.0.1:$2" \
    --initial-cluster "default=http://127.0.0.1:$2"
  wait_for etcd curl -fsS --noproxy '*' "http://127.0.0.1:$1/health"
}

# start_api_server ETCD_PORT PORT FLAG…
# WatchList needs an etcd of 3.4.25 or later: on an older one the API server ends every watch from version 0, as KWOK's.
start_api_server() {
  local etcd_port=$1 port=$2
  shift 2
  launch kube-apiserver "$kubernetes_bin/kube-apiserver" --etcd-servers "http://127.0.0.1:$etcd_port" \
    --secure-port "$port" --tls-cert-file "$folder/server.crt" --tls-private-key-file "$folder/server.key" \
    --token-auth-file "$folder/tokens.csv" --cert-dir "$folder/certs" --service-cluster-ip-range 10.96.0.0/16 \
    --feature-gates WatchList=false \
    --service-account-key-file "$folder/accounts.key" --service-account-signing-key-file "$folder/accounts.key" "$@"
  wait_for kube-apiserver curl -fsS --noproxy '*' --cacert "$folder/ca.crt" "https://127.0.0.1:$port/readyz"
}
