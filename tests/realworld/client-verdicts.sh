#!/usr/bin/env bash
# client-verdicts.sh CORPUS CLIENT   What the real client says when it is asked to add each marketplace of a corpus:
# file, `loads` or `refused`, and its reason, one line each; then what it refuses of entries and of the files of plugins
# (package_verdicts.py). Its result is stored in client-verdicts.tsv, because asking 154 times takes minutes. Each
# marketplace is added by the address it has on GitHub, which leads to a folder here: the client looks at the owner too.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
corpus=$(realpath "$1") client=$(realpath "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

verdict() {
  local file=$1 repository=$2 dir=$work/$1
  mkdir -p "$dir/home" "$dir/hub/$repository.git/.claude-plugin"
  cp "$corpus/$file" "$dir/hub/$repository.git/.claude-plugin/marketplace.json"
  (
    cd "$dir/hub/$repository.git"
    git init -q -b main
    git add -f .
    git -c user.name=t -c user.email=t@example.com commit -q -m x
  )
  printf '[url "file://%s/hub/"]\n\tinsteadOf = https://github.com/\n\tinsteadOf = git@github.com:\n' "$dir" > "$dir/gitconfig"
  local said code=0
  said=$(cd "$dir" && env -i HOME="$dir/home" PATH="$PATH" GIT_CONFIG_GLOBAL="$dir/gitconfig" GIT_CONFIG_NOSYSTEM=1 \
    CLAUDE_CODE_PLUGIN_PREFER_HTTPS=1 DISABLE_AUTOUPDATER=1 CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 \
    timeout 60 "$client" plugin marketplace add "$repository" 2>&1 < /dev/null) || code=$?
  if [ "$code" = 0 ]; then
    printf '%s\tloads\t\n' "$file"
  else
    # What stands before the reason is the same for all, but for the paths of this run.
    said=$(printf '%s' "$said" | tr -s '\t\r\n' ' ' | sed "s#$dir##g; s#.*Failed to add marketplace: ##; s#Invalid schema: [^ ]* ##; s#Failed to parse marketplace file at [^ ]*: ##")
    printf '%s\trefused\t%s\n' "$file" "$said"
  fi
  rm -rf "$dir"
}

{ printf '# the answers of Claude Code %s\n' "$(env -i HOME="$work" PATH="$PATH" "$client" --version | cut -d' ' -f1)"
  while IFS=$'\t' read -r file repository _; do
    case $file in marketplaces/*) verdict "$file" "$repository" ;; esac
  done < "$corpus/INDEX.tsv" | LC_ALL=C sort; } | tee "$work/verdicts"
printf '# what else it refuses: entries, and files of plugins\n'
python3 -B "$here/package_verdicts.py" "$corpus" "$client" "$work/verdicts"
