#!/usr/bin/env bash
# check-index.sh COPIES   Fetches every release of registry-index/ that points outside from the bare copies
# COPIES/OWNER/REPO.git and checks its checksum, by installing it with an empty cache. CPM is the binary.
set -euo pipefail
copies=$(cd "$1" && pwd) root=$(cd "$(dirname "$0")/../.." && pwd)
cpm=${CPM:?set it to the cpm binary}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/home"
printf '[url "file://%s/"]\n\tinsteadOf = https://github.com/\n' "$copies" > "$work/home/.gitconfig"
passed=0 failed=0
for file in $(cd "$root/registry-index/packages" && grep -rl '"git": "' . | sort); do
  name=$(basename "$file" .jsonl)
  rm -rf "$work/project"
  mkdir -p "$work/project"
  if (cd "$work/project" && env -i HOME="$work/home" PATH="$PATH" CPM_CACHE_DIR="$work/cache" \
      "$cpm" --quiet --project . install "$name"); then passed=$((passed + 1)); else failed=$((failed + 1)); fi
done
echo "index: $passed passed, $failed failed"
[ $failed = 0 ]
