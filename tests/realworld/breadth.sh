#!/usr/bin/env bash
# breadth.sh COPIES ORACLE WORK [OWNER/REPO…]   Installs every plugin of every marketplace among the bare copies
# COPIES/OWNER/REPO.git twice, with cpm (project and user scope) and with the real client, asks the client what it loads
# of each, and prints where the two differ and why, with the tables of docs/compatibility.md. CPM is the binary to test.
# ORACLE has install.sh (prints the client's path) and loaded.sh HOME PROJECT (prints what a session of it lists).
# Exits 1 when a difference has no reason in breadth/reasons.tsv.
#
# The copies are served under their real URLs on a loopback that is the only network there is, and all processes are in
# a process namespace that ends with this script. Hooks are compared, never run; a program that an MCP entry starts by
# its bare name is replaced by breadth/stub.py. So nothing of a plugin runs but a server that is a file inside of it.
# What was observed is kept in WORK: an interrupted run goes on, and a new build of cpm asks only its own half again.
# Remove WORK/kept when these scripts observe something else than before.
# Wants python3, git, node, and unshare and ip of Linux.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
if [ -z "${BREADTH_INSIDE:-}" ]; then
  : "${CPM:?set it to the cpm binary}"
  # The client is installed while there is a network.
  CLAUDE_BIN=$("$2/install.sh")
  export CLAUDE_BIN BREADTH_INSIDE=1
  map=; [ "$(id -u)" = 0 ] || map=--map-root-user
  exec unshare $map --net --pid --fork --kill-child --mount --mount-proc "$0" "$@"
fi
copies=$(cd "$1" && pwd) oracle=$(cd "$2" && pwd)
mkdir -p "$3"
work=$(cd "$3" && pwd -P)
shift 3
ip link set lo up
port=$work/port
rm -f "$port"
python3 "$here/../bench/server.py" "$copies" > "$port" &
for _ in $(seq 200); do [ -s "$port" ] && break; sleep 0.05; done
[ -s "$port" ] || { echo "breadth.sh: the server of the copies did not start" >&2; exit 2; }
export BREADTH_ORIGIN="http://127.0.0.1:$(cat "$port")/" BREADTH_COPIES=$copies BREADTH_ORACLE=$oracle BREADTH_WORK=$work
# No `exec`: this shell is the process that the server ends with.
code=0
python3 "$here/breadth" "$@" || code=$?
exit $code
