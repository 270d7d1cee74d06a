# shellcheck shell=bash
# Sourced: the keys of an API server in $folder, and who may come in.

# signed_certificate NAME SUBJECT EXTENSION: NAME.key and NAME.crt, by the authority in $folder
signed_certificate() {
  local name=$1
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "$2" \
    -keyout "$folder/$name.key" -out "$folder/$name.csr" 2>/dev/null
  openssl x509 -req -in "$folder/$name.csr" -CA "$folder/ca.crt" -CAkey "$folder/ca.key" -CAcreateserial -days 30 \
    -out "$folder/$name.crt" -extfile <(echo "$3") 2>/dev/null
}

# certificates NAMES: of an API server that is called by these, as subjectAltName lists them. rustls takes no
# certificate authority for a server, so authority and server have two certificates.
certificates() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=loads-test-ca \
    -keyout "$folder/ca.key" -out "$folder/ca.crt" 2>/dev/null
  signed_certificate server /CN=kube-apiserver "subjectAltName=$1"
  openssl genrsa -out "$folder/accounts.key" 2048 2>/dev/null
}

# admit USER [GROUP]: gives USER a token and prints it
admit() {
  local token
  token=$(openssl rand -hex 16)
  echo "$token,$1,$1${2:+,$2}" >>"$folder/tokens.csv"
  echo "$token"
}

# kubeconfig PORT TOKEN
kubeconfig() {
  cat <<YAML
apiVersion: v1
kind: Config
clusters: [{name: test, cluster: {server: "https://127.0.0.1:$1", certificate-authority-data: $(base64 -w0 "$folder/ca.crt")}}]
users: [{name: admin, user: {token: $2}}]
contexts: [{name: test, context: {cluster: test, user: admin}}]
current-context: test
YAML
}
