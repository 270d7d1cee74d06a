# shellcheck shell=bash
# Sourced: images made without a registry, and the way into the node.

pause_image=localhost/pause:loads
pause_archive=$cache/pause-$(sha256sum "$cluster_code/pause/pause.c" | cut -c1-12)/image.tar
coredns_image=localhost/coredns:$coredns_version
coredns_archive=$coredns_bin/image.tar

# image_of PROGRAM NAME ARCHIVE: an image with nothing but PROGRAM, which is its entry point
image_of() {
  local container
  container=$(buildah from scratch)
  buildah copy --quiet "$container" "$1" /program >/dev/null
  buildah config --entrypoint '["/program"]' "$container"
  mkdir -p "${3%/*}"
  buildah commit --quiet --rm "$container" "docker-archive:$3.part:$2" >/dev/null
  mv "$3.part" "$3"
}

build_node_images() {
  [[ -s $pause_archive && -s $coredns_archive ]] && return
  need buildah:buildah cc:build-essential
  local folder_of_pause=${pause_archive%/*}
  if [[ ! -s $pause_archive ]]; then
    mkdir -p "$folder_of_pause"
    cc -Os -s -static -o "$folder_of_pause/pause" "$cluster_code/pause/pause.c"
    image_of "$folder_of_pause/pause" "$pause_image" "$pause_archive"
  fi
  [[ -s $coredns_archive ]] || image_of "$coredns_bin/coredns" "$coredns_image" "$coredns_archive"
}

# import_archive FILE: the node has its images from then on
import_archive() { ctr images import --no-unpack=false "$1" >/dev/null; }

# load_image NAME: of buildah's store
load_image() {
  local archive
  archive=$(mktemp --suffix .tar)
  # buildah does not write over a file.
  rm "$archive"
  buildah push --quiet "$1" "docker-archive:$archive:$1" || { rm -f "$archive"; return 1; }
  import_archive "$archive" || { rm -f "$archive"; return 1; }
  rm "$archive"
}
