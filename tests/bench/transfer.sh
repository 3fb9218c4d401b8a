#!/usr/bin/env bash
# transfer.sh COPIES   Measures what cpm fetches and how long that takes, on copies of real repositories.
#
# COPIES is a folder of bare repositories, OWNER/REPO.git. They are served over smart HTTP on loopback by server.py, which
# counts requests and bytes and can wait before each answer. Of each repository the packages with the fewest, a middling
# number of and the most files are installed from their lock with an empty cache:
#   requests, KB      what the install took, from the server's own count
#   /bar              bytes against the bar: 1.5 x a pack of the package's blobs and trees and of the trees above it
#   /clone            bytes against `git clone --depth 1`
#   ms at 60          the whole run with 60 ms before every answer, median of 5; then against `git clone --depth 1`
# Then several packages of one repository, ten repositories against the slowest of them alone, and the peak memory of
# cpm itself. Nothing outside a temporary folder is touched.
set -euo pipefail
[ -d "${1:-}" ] || { sed -n '2,13s/^# \{0,1\}//p' "$0"; exit 2; }
copies=$(cd "$1" && pwd)
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
runs=5 delay=60

for repository in "$copies"/*/*.git; do
  owner=$(basename "$(dirname "$repository")")
  mkdir -p "$work/served/$owner"
  ln -s "$repository" "$work/served/$owner/"
done
serve
cd "$work/project"

# packages REPOSITORY: "FILES FOLDER" of everything that can be installed, by number of files
packages() {
  git --git-dir="$1" ls-tree -r --name-only -z HEAD | tr '\0' '\n' | awk '
    { files[NR] = $0 }
    match($0, /\/(\.claude-plugin\/plugin\.json|SKILL\.md)$/) { folders[substr($0, 1, RSTART - 1)] = 0 }
    END {
      for (at = 1; at <= NR; at++) {
        folder = files[at]
        while (sub(/\/[^\/]*$/, "", folder)) if (folder in folders) folders[folder]++
      }
      for (folder in folders) print folders[folder], folder
    }' | sort -n
}

# lock NAME URL FOLDER: makes manifest and lock; fails when cpm refuses the package
lock() { "$cpm" --project . --quiet install "$1" --git "$2" --path "$3" > "$work/out" 2>&1; }
fresh() { rm -rf "$work/project" && mkdir "$work/project" && cd "$work/project" && rm -rf "$work/cache"; }
cold() { rm -rf .claude .cpm .mcp.json "$work/cache" "$work/clone"; }
locked() { "$cpm" --project . --quiet install --locked; }

# least REPOSITORY FOLDER…: bytes of a pack of the folders' objects, the trees above them, and the commit
least() {
  local git=(git "--git-dir=$1") folder above
  shift
  {
    "${git[@]}" rev-parse HEAD 'HEAD^{tree}'
    for folder in "$@"; do
      above=$folder
      while [ "$above" != . ]; do "${git[@]}" rev-parse "HEAD:$above" && above=$(dirname "$above"); done
      "${git[@]}" ls-tree -r -t "HEAD:$folder" | awk '$2 != "commit" { print $3 }'
    done
  } | "${git[@]}" pack-objects --stdout -q | wc -c
}

# counted COMMAND…: runs it cold and sets $requests and $bytes
counted() {
  cold
  ask_server count > /dev/null
  "$@" > /dev/null 2>&1
  read -r requests bytes < <(ask_server count)
}

row='%-34s %-32s %5s %3s %8s %6s %7s %7s %7s\n'
# shellcheck disable=SC2059
printf "$row" repository package files req KB /bar /clone "ms at $delay" /clone
for repository in "$copies"/*/*.git; do
  name=$(basename "$(dirname "$repository")")/$(basename "$repository" .git)
  url=$origin/$name
  mapfile -t found < <(packages "$repository")
  counted git clone --quiet --depth 1 "$url" "$work/clone"
  clone_bytes=$bytes
  ask_server delay/$delay > /dev/null
  clone_ms=$(median $runs cold git clone --quiet --depth 1 "$url" "$work/clone")
  ask_server delay/0 > /dev/null
  for start in 0 $((${#found[@]} / 2)) $((${#found[@]} - 1)); do
    # A package that the content gate refuses is passed over; from the end, backwards.
    step=1
    [ $((start + 1)) -lt ${#found[@]} ] || step=-1
    at=$start
    while [ -n "${found[at]:-}" ] && [ "$at" -ge 0 ]; do
      read -r files folder <<< "${found[at]}"
      fresh
      if lock package "$url" "$folder"; then break; fi
      at=$((at + step))
      folder=
    done
    [ -n "$folder" ] || continue
    counted locked
    bar=$(($(least "$repository" "$folder") * 3 / 2))
    ask_server delay/$delay > /dev/null
    ms=$(median $runs cold locked)
    ask_server delay/0 > /dev/null
    # shellcheck disable=SC2059
    printf "$row" "$name" "${folder##*/}" "$files" "$requests" "$(ratio "$bytes" 1024)" "$(ratio "$bytes" "$bar")" \
      "$(ratio "$bytes" "$clone_bytes")" "$ms" "$(ratio "$ms" "$clone_ms")"
  done
done

echo
for repository in "$copies"/*/*.git; do
  name=$(basename "$(dirname "$repository")")/$(basename "$repository" .git)
  fresh
  chosen=()
  while read -r _ folder && [ ${#chosen[@]} -lt 5 ]; do
    # Of nested packages only the inner one: its name is the folder's.
    if lock "p${#chosen[@]}" "$origin/$name" "$folder"; then chosen+=("$folder"); fi
  done < <(packages "$repository")
  counted locked
  bar=$(($(least "$repository" "${chosen[@]}") * 3 / 2))
  echo "$name, ${#chosen[@]} packages: $requests requests, $bytes bytes, $(ratio "$bytes" "$bar") of the bar"
done

echo
fresh
ten=()
for at in $(seq 0 9); do
  all=("$copies"/*/*.git)
  repository=${all[at % ${#all[@]}]}
  mkdir -p "$work/served/ten"
  ln -sfn "$repository" "$work/served/ten/r$at.git"
  while read -r _ folder; do
    # Names of skills must differ, or the packages collide.
    if lock "p$at" "$origin/ten/r$at" "$folder"; then
      ten+=("p$at")
      break
    fi
  done < <(packages "$repository" | awk -v skip="$at" 'NR > skip')
done
cp cpm.toml cpm.lock "$work/"
counted locked
ask_server delay/$delay > /dev/null
all_ms=$(median $runs cold locked)
ask_server delay/0 > /dev/null
slowest=0
for package in "${ten[@]}"; do
  fresh
  cp "$work/cpm.toml" "$work/cpm.lock" .
  for other in "${ten[@]}"; do
    [ "$other" = "$package" ] || "$cpm" --project . --quiet remove "$other" > /dev/null
  done
  ask_server delay/$delay > /dev/null
  ms=$(median $runs cold locked)
  ask_server delay/0 > /dev/null
  if [ "$ms" -gt "$slowest" ]; then slowest=$ms; fi
done
echo "${#ten[@]} repositories at $delay ms: $requests requests, $all_ms ms; the slowest of them alone: $slowest ms; ratio $(ratio "$all_ms" "$slowest")"

fresh
cp "$work/cpm.toml" "$work/cpm.lock" .
cold
once "$cpm" --project . --quiet install --locked
echo "peak memory of cpm itself for these: $peak KB"
