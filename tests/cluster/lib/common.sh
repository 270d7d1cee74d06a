# shellcheck shell=bash
# Sourced by every program of this folder: messages, waiting, and processes known by a name. The state of what a
# program starts is in $folder, which that program sets.

cluster_code=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache="${XDG_CACHE_HOME:-$HOME/.cache}/loads"
# Debian keeps nft, ip and the like where only root's shell looks.
PATH=$PATH:/usr/sbin:/sbin
# What a started process runs under: `setsid` for what outlives the terminal.
detach=()

say() { echo "${0##*/}: $*" >&2; }

die() {
  say "$*"
  exit 1
}

# usage CODE: the comment at the head of the program
usage() {
  sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" >&2
  exit "$1"
}

# need COMMAND:PACKAGE…: dies with all that is missing
need() {
  local pair missing=()
  for pair in "$@"; do
    command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
  done
  ((${#missing[@]} == 0)) || die "these Debian packages are missing: apt-get install --no-install-recommends ${missing[*]}"
}

# listening PORT: whether something accepts connections there
listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# free_ports N: that many different ports nobody listens on
free_ports() {
  local found=() port
  while ((${#found[@]} < $1)); do
    port=$((20000 + RANDOM % 12000))
    [[ " ${found[*]} " == *" $port "* ]] && continue
    listening "$port" || found+=("$port")
  done
  echo "${found[@]}"
}

# wait_for WHAT CHECK…: until CHECK succeeds, for a minute at most, while the process WHAT lives
wait_for() {
  local what=$1 deadline=$((SECONDS + 60))
  shift
  until "$@" >/dev/null 2>&1; do
    # Twice, for the words of a process are gone for a moment while it becomes another program.
    alive "$what" || { sleep 0.5; alive "$what"; } || { say "$what ended at once; its log: $(tail -n 5 "$folder/$what.log")"; return 1; }
    ((SECONDS < deadline)) || { say "$what was not ready within a minute; its log: $(tail -n 5 "$folder/$what.log")"; return 1; }
    sleep 0.2
  done
}

# launch NAME COMMAND…: in the background, with NAME.pid and NAME.log; COMMAND must name a path below $folder
launch() {
  local name=$1 pid
  shift
  # 9 is the lock of `up`: a process that kept it open would hold it for as long as it lives. And they speak to each
  # other only, never through a proxy.
  "${detach[@]}" env -u HTTP_PROXY -u HTTPS_PROXY -u http_proxy -u https_proxy "$@" \
    </dev/null >>"$folder/$name.log" 2>&1 9>&- &
  pid=$!
  echo "$pid" >"$folder/$name.pid"
  # At first it is a copy of this shell, which pid_of does not take for the program.
  until alive "$name" || ! kill -0 "$pid" 2>/dev/null; do sleep 0.01; done
}

# pid_of NAME: of the running process. A number alone may be another process' by now, after a reboot for example.
pid_of() {
  local pid words
  { read -r pid <"$folder/$1.pid" && mapfile -d '' -t words <"/proc/$pid/cmdline"; } 2>/dev/null || return 1
  [[ "${words[*]}" == *"$folder/"* ]] || return 1
  echo "$pid"
}

alive() { pid_of "$1" >/dev/null; }

# stop NAME [SIGNAL]: by force after 10 seconds
stop() {
  local pid
  if pid=$(pid_of "$1"); then
    kill -s "${2:-TERM}" "$pid" 2>/dev/null || true
    for _ in {1..100}; do
      alive "$1" || break
      sleep 0.1
    done
    kill -s KILL "$pid" 2>/dev/null || true
  fi
  rm -f "$folder/$1.pid"
}
