# shellcheck shell=bash
# Sourced by the programs that work on the whole cluster.
lib=${BASH_SOURCE[0]%/*}
# shellcheck source=lib/common.sh
source "$lib/common.sh"
# shellcheck source=lib/programs.sh
source "$lib/programs.sh"
# shellcheck source=lib/certificates.sh
source "$lib/certificates.sh"
# shellcheck source=lib/control-plane.sh
source "$lib/control-plane.sh"
# shellcheck source=lib/images.sh
source "$lib/images.sh"
# shellcheck source=lib/network.sh
source "$lib/network.sh"
# shellcheck source=lib/cluster.sh
source "$lib/cluster.sh"
# shellcheck source=lib/node.sh
source "$lib/node.sh"
# shellcheck source=lib/life.sh
source "$lib/life.sh"
