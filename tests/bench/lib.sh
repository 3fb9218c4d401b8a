# shellcheck shell=bash
# lib.sh   What the benchmarks over HTTP share: a release build, a home of their own, a server, and how to measure.
# A script sources it after `set -euo pipefail`. Wants python3 and curl.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cargo build --quiet --release --manifest-path "$root/Cargo.toml"
cpm=$root/target/release/cpm
work=$(mktemp -d)
server=
# By its number: nobody else's process is touched.
trap '[ -z "$server" ] || kill "$server"; rm -rf "$work"' EXIT
mkdir -p "$work/home" "$work/project" "$work/served"
# cargo needs the real home; from here on nothing does, nor the settings of the network.
unset GIT_SSL_CAINFO SSL_CERT_DIR CURL_CA_BUNDLE http_proxy https_proxy HTTP_PROXY HTTPS_PROXY all_proxy ALL_PROXY
export HOME=$work/home CPM_CACHE_DIR=$work/cache GIT_CONFIG_NOSYSTEM=1 GIT_TERMINAL_PROMPT=0
git config --global user.name bench
git config --global user.email bench@example.com

# serve [CERTIFICATE KEY]: starts the server for $work/served; its address is then in $origin
serve() {
  local port
  python3 "$root/tests/bench/server.py" "$work/served" "$@" > "$work/port" &
  server=$!
  until [ -s "$work/port" ]; do sleep 0.05; done
  port=$(cat "$work/port")
  origin=http$([ $# = 0 ] || echo s)://127.0.0.1:$port
}

# ask_server PATH: one of the server's own pages
ask_server() { curl --silent --insecure "$origin/-/$1"; }

# times COUNT PREPARE COMMAND…: the microseconds of so many runs, sorted; PREPARE runs before each, untimed
times() {
  local count=$1 prepare=$2 start end
  shift 2
  for _ in $(seq "$count"); do
    eval "$prepare"
    start=${EPOCHREALTIME/./}
    "$@" > "$work/out" 2>&1 || { cat "$work/out" >&2; return 1; }
    end=${EPOCHREALTIME/./}
    echo $((end - start))
  done | sort -n
}

# median COUNT PREPARE COMMAND…: in milliseconds, or that it fails
median() { { times "$@" || echo fails; } | awk '{ t[NR] = $1 } /fails/ { print; exit } END { if (!/fails/) printf "%.0f", t[int((NR + 1) / 2)] / 1000 }'; }

# ratio A B: A / B with two digits
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", (b ? a / b : 0) }'; }

# once COMMAND…: runs it, and sets $took to its milliseconds and $peak to the most memory, in KB, that it had itself: what
# git needs beside it is not counted
once() {
  local start=${EPOCHREALTIME/./} process status now
  "$@" > "$work/out" 2>&1 &
  process=$!
  peak=0
  while status=$(cat "/proc/$process/status" 2> /dev/null); do
    now=$(awk '/^VmHWM/ { print $2 }' <<< "$status")
    if [ -n "$now" ]; then peak=$now; else break; fi
  done
  wait "$process" || { cat "$work/out" >&2; return 1; }
  took=$(((${EPOCHREALTIME/./} - start) / 1000))
}
