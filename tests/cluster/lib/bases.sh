# shellcheck shell=bash
# Sourced: base images without a registry, made of the machine's own Debian packages, and the project's images on them.

# The release of this machine: the programs were linked with its C library.
suite=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
base_packages=apache2-utils,ca-certificates,passwd,python3,python3-venv,wrk
base_folder=$cache/base-image-$suite-$(sha256sum <<<"$base_packages" | cut -c1-12)
base_tag=${base_folder##*/}
agent_base=localhost/loads-agent-base:$base_tag
operator_base=localhost/loads-operator-base:$base_tag

has_image() { buildah inspect --type image "$1" >/dev/null 2>&1; }

build_rootfs() {
  local lock
  [[ -s $base_folder/rootfs.tar ]] && return
  need mmdebstrap:mmdebstrap
  [[ $suite ]] || die "/etc/os-release names no VERSION_CODENAME: the base image is made from Debian packages, on Debian or Ubuntu"
  mkdir -p "$base_folder"
  exec {lock}>"$base_folder.lock"
  flock "$lock"
  if [[ ! -s $base_folder/rootfs.tar ]]; then
    say "making a base image of $suite (a minute, only the first time)"
    mmdebstrap --quiet --variant=minbase --include="$base_packages" --dpkgopt='path-exclude=/usr/share/doc/*' \
      --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
      "$suite" "$base_folder/part.tar" || die "mmdebstrap could not make the base image"
    mv "$base_folder/part.tar" "$base_folder/rootfs.tar"
  fi
  exec {lock}>&-
}

# base_image NAME CONTENT ENVIRONMENT…: CONTENT is a folder or an archive
base_image() {
  local name=$1 content=$2 container variable
  shift 2
  container=$(buildah from scratch)
  buildah add --quiet "$container" "$content" / >/dev/null
  for variable in "$@"; do buildah config --env "$variable" "$container"; done
  buildah commit --quiet --rm "$container" "$name" >/dev/null
}

build_bases() {
  local root
  need buildah:buildah
  build_rootfs
  has_image "$agent_base" || base_image "$agent_base" "$base_folder/rootfs.tar" \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  has_image "$operator_base" && return
  root=$(mktemp -d)
  distroless "$root"
  base_image "$operator_base" "$root" PATH=/usr/local/bin SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
  rm -rf "$root"
}

# distroless FOLDER: the C library, certificate authorities and nothing to run
distroless() {
  tar -xf "$base_folder/rootfs.tar" -C "$1" --wildcards \
    './usr/lib*/ld-*.so*' './usr/lib/*/ld-*.so*' './usr/lib/*/libgcc_s.so.1' './usr/lib/*/libnss_dns.so.2' \
    './usr/lib/*/libnss_files.so.2' './usr/lib/*/lib[cm].so.6' './usr/lib/*/lib'{dl,pthread,resolv,rt}'.so.?' \
    ./usr/lib/os-release ./etc/nsswitch.conf ./etc/ssl/certs/ca-certificates.crt 2>/dev/null || true
  [[ -s $1/etc/ssl/certs/ca-certificates.crt ]] || die "the base image $base_folder/rootfs.tar is broken: remove it"
  ln -s usr/lib "$1/lib"
  [[ ! -d $1/usr/lib64 ]] || ln -s usr/lib64 "$1/lib64"
  mkdir -p "$1/home/nonroot" "$1/tmp"
  chmod 1777 "$1/tmp"
  chmod 755 "$1"
  chown 65532:65532 "$1/home/nonroot"
  printf '%s\n' root:x:0:0:root:/root:/sbin/nologin nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin >"$1/etc/passwd"
  printf '%s\n' root:x:0: nonroot:x:65532: >"$1/etc/group"
}

# image_context FOLDER PROGRAMS: what the Dockerfile takes, without the rest of the working tree
image_context() {
  local root=$cluster_code/../..
  mkdir -p "$1/agent-image/python" "$1/programs"
  cp -a "$root/.dockerignore" "$1/"
  cp -a "$root/agent-image/python/"{requirements.txt,requirements-dev.txt,pyproject.toml,src} "$1/agent-image/python/"
  # Debug information is most of a program, and would go into each image.
  strip -o "$1/programs/loads" "$2/loads"
  strip -o "$1/programs/loads-operator" "$2/loads-operator"
}

# pip_settings FOLDER: prints buildah's options for the machine's own way to a package index, if it has one
pip_settings() {
  local key value name
  local -A settings
  while IFS== read -r key value; do
    value=${value#\'}
    settings[${key##*.}]=${value%\'}
  done < <(python3 -m pip config list 2>/dev/null)
  echo "[global]" >"$1/pip.conf"
  for name in cert find-links index-url extra-index-url trusted-host proxy; do
    value=${settings[$name]:-}
    [[ ! $value ]] || echo "$name = $value" >>"$1/pip.conf"
    [[ ! -e $value ]] || echo "--volume=$value:$value:ro"
  done
  echo "--volume=$1/pip.conf:/etc/pip.conf:ro"
}

# build_image TARGET FOLDER OPTION…: localhost/loads-TARGET:test
build_image() {
  local target=$1 context=$2
  shift 2
  buildah bud --quiet --isolation chroot --network host --layers --force-rm --pull-never --target "$target" \
    --build-arg PROGRAMS=local --build-arg "OPERATOR_BASE=$operator_base" --build-arg "AGENT_BASE=$agent_base" \
    "$@" --tag "localhost/loads-$target:test" --file "$cluster_code/../../Dockerfile" "$context" >/dev/null
}

dangling_images() { buildah images --quiet --no-trunc --filter dangling=true 2>/dev/null | sort -u || true; }

# prune_images BEFORE: removes what the last call's builds left without a name, and remembers what these did. Layers
# that a build may use again belong to a named image, so buildah keeps them.
prune_images() {
  local left=$cache/images-left image
  touch "$left"
  # Without a name still: the cache may have given it back to a build of the same programs.
  while read -r image; do buildah rmi "$image" >/dev/null 2>&1 || true; done < <(comm -12 "$left" <(dangling_images))
  comm -13 <(echo "$1") <(dangling_images) >"$left"
}
