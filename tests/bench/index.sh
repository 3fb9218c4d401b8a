#!/usr/bin/env bash
# index.sh [PACKAGES [RELEASES]]   What a large index costs: by default 100,000 packages with 10 releases each.
#
# index.py makes it; server.py serves it over smart HTTP on loopback and counts requests and bytes. For each step: wall
# milliseconds (of steps that can be repeated, the median of 9), requests, KB that came down, and the peak memory of cpm
# itself in MB. A search that is warm asks the server whether the index has changed; with --offline it does not.
set -euo pipefail
packages=${1:-100000} releases=${2:-10}
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"

mkdir -p "$work/served/acme"
repository=$work/served/acme/large.git
python3 "$root/tests/bench/index.py" "$repository" "$packages" "$releases"
git --git-dir="$repository" gc --quiet
echo "index of $packages packages with $releases releases each: a repository of $(du -sm "$repository" | cut -f1) MB"
serve
cd "$work/project"

form='%-38s %8s %9s %9s %7s\n'
# shellcheck disable=SC2059
printf "$form" '' ms requests KB 'peak MB'
# step NAME COUNT COMMAND…: one row
step() {
  local name=$1 count=$2 requests bytes
  shift 2
  ask_server count > "$work/counted"
  once "$@"
  read -r requests bytes < <(ask_server count)
  if [ "$count" -gt 1 ]; then took=$(median "$count" : "$@"); fi
  # shellcheck disable=SC2059
  printf "$form" "$name" "$took" "$requests" "$((bytes / 1000))" "$((peak / 1000))"
}
# in_cache KIND: how many objects of a kind the cache has of the index
in_cache() {
  git --git-dir="$(echo "$CPM_CACHE_DIR"/git-v1/*.git)" cat-file --batch-all-objects --batch-check='%(objecttype)' | grep -c "$1"
}
fresh() { rm -rf "$work/project" "$work/cache" && mkdir "$work/project" && cd "$work/project"; }
configure() { printf '[indexes]\nlarge = { git = "%s" }\n' "$origin/acme/large.git" > cpm.toml; }

step 'index add: first fetch, all names' 1 "$cpm" --project . index add large "$origin/acme/large.git"
fresh
configure
step 'install NAME: first fetch' 1 "$cpm" --project . install zebra-herder
echo "  files of the index in the cache: $(in_cache blob) (index.toml, the releases, the skill)"
step 'update, nothing new: no-op refresh' 9 "$cpm" --project . update
step 'search, first' 1 "$cpm" --project . search zebra
step 'search, warm' 9 "$cpm" --project . search zebra
step 'search, warm, three words' 9 "$cpm" --project . search review branch secret
step 'search, warm, what is in half of all' 9 "$cpm" --project . search a
step 'search, warm, --offline' 9 "$cpm" --project . --offline search zebra

# One package gets a release, as happens all day.
git clone --quiet --depth 1 --no-checkout "file://$repository" "$work/clone"
file=$(git -C "$work/clone" ls-tree -r --name-only HEAD packages | sed -n 777p)
{ git -C "$work/clone" show "HEAD:$file"; git -C "$work/clone" show "HEAD:$file" | tail -1 | sed 's/"version": "[0-9.]*"/"version": "9.0.0"/'; } > "$work/changed"
git -C "$work/clone" read-tree HEAD
git -C "$work/clone" update-index --cacheinfo "100644,$(git -C "$work/clone" hash-object -w "$work/changed"),$file"
git -C "$work/clone" commit --quiet -m release
git -C "$work/clone" push --quiet origin HEAD:main
step 'search after a change of one package' 1 "$cpm" --project . search zebra
