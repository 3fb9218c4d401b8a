#!/usr/bin/env bash
# loaded.sh COPIES ORACLE [BASE]   Installs real packages from bare copies COPIES/OWNER/REPO.git, reached under their
# real URLs by `insteadOf`, in every scope, and prints what the real client loads, untrusted and trusted. BASE is the
# address that serves COPIES, such as http://127.0.0.1:8000/; file:// without it. CPM is the binary.
# Prints one block a package and scope; exits with 1 when cpm fails on any.
set -euo pipefail
oracle=$(cd "$2" && pwd) base=${3:-file://$(cd "$1" && pwd)/} here=$(cd "$(dirname "$0")" && pwd)
cpm=${CPM:?set it to the cpm binary}
CLAUDE_BIN=$("$oracle/install.sh")
export CLAUDE_BIN
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
work=$(cd "$work" && pwd -P)
failed=0
while IFS=$'\t' read -r repository how package path _; do
  case $repository in '#'*) continue ;; esac
  for scope in project local user; do
    for trust in untrusted trusted; do
      home=$work/home project=$work/project
      rm -rf "$home" "$project"
      mkdir -p "$home" "$project"
      git -C "$project" init -q
      printf '[url "%s"]\n\tinsteadOf = https://github.com/\n' "$base" > "$home/.gitconfig"
      if [ $trust = trusted ]; then
        printf '{"projects":{"%s":{"hasTrustDialogAccepted":true}}}' "$project" > "$home/.claude.json"
      fi
      run() { (cd "$project" && env -i HOME="$home" PATH="$PATH" CPM_CACHE_DIR="$work/cache" "$cpm" --quiet --scope $scope "$@"); }
      if [ "$how" = index ]; then
        installed=0; { run index add there "$repository" && run install "$package" --index there; } || installed=$?
      else
        installed=0; run install "$package" --git "$repository" --path "$path" || installed=$?
      fi
      echo "== $repository $package, $scope scope, $trust: cpm exit $installed"
      [ $installed = 0 ] || failed=1
      "$oracle/loaded.sh" "$home" "$project"
    done
  done
done < "$here/packages.tsv"
exit $failed
