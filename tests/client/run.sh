#!/usr/bin/env bash
# run.sh ORACLE   Installs packages of the built-in index in every scope and compares what the real Claude Code client
# loads with what is expected. ORACLE is a folder with install.sh (prints the client's path) and loaded.sh (prints what
# it loads). CPM is the binary to test.
set -euo pipefail
oracle=$(cd "$1" && pwd)
cpm=${CPM:?set it to the cpm binary}
CLAUDE_BIN=$("$oracle/install.sh")
export CLAUDE_BIN
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
work=$(cd "$work" && pwd -P)
passed=0 failed=0

# check NAME HOME PROJECT WANTED: what the client loads is exactly WANTED
check() {
  if got=$("$oracle/loaded.sh" "$2" "$3") && [ "$got" = "$4" ]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    printf '%s\nwanted:\n%s\ngot:\n%s\n' "FAILED: $1" "$4" "$got"
  fi
}

cpm() { # HOME PROJECT ARGS…
  local home=$1 project=$2
  shift 2
  (cd "$project" && env -i HOME="$home" PATH="$PATH" CPM_CACHE_DIR="$work/cache" "$cpm" --quiet "$@")
}

# The GitHub server is remote and there is no token, so the client can only try it.
github='mcp-status github failed
skill github-issue-triage
skill github-pr-review
skill github-release-notes'
plugin='agent safe-git:history-surgeon
command safe-git:preflight
plugin safe-git safe-git@skills-dir'

for scope in project local user; do
  for trust in untrusted trusted; do
    home=$work/$scope-$trust/home project=$work/$scope-$trust/project
    mkdir -p "$home" "$project"
    git -C "$project" init -q
    if [ $trust = trusted ]; then
      printf '{"projects":{"%s":{"hasTrustDialogAccepted":true}}}' "$project" > "$home/.claude.json"
    fi
    cpm "$home" "$project" --scope $scope install github-tools
    check "github-tools, $scope scope, $trust" "$home" "$project" "$github"
    cpm "$home" "$project" --scope $scope install safe-git
    # A plugin in a project loads only where the client trusts the project.
    wanted=$github
    if [ $scope = user ] || [ $trust = trusted ]; then wanted=$(printf '%s\n%s' "$github" "$plugin" | LC_ALL=C sort); fi
    check "safe-git, $scope scope, $trust" "$home" "$project" "$wanted"
    cpm "$home" "$project" --scope $scope remove github-tools safe-git
    check "removed, $scope scope, $trust" "$home" "$project" ""
  done
done
echo "client: $passed passed, $failed failed"
[ $failed = 0 ]
