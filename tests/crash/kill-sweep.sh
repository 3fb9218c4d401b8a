#!/usr/bin/env bash
# kill-sweep.sh   Kills `cpm update` at every call of each system call that changes something, lets the next command
# recover, and checks that the project is all old or all new, verifies, and holds no debris. CPM is the binary; needs
# strace. An update of two skills and an MCP entry; prints each violation and a count.
set -uo pipefail
cpm=${CPM:?set it to the cpm binary}
work=$(mktemp -d -p "$([ -w /dev/shm ] && echo /dev/shm || echo /tmp)")
trap 'rm -rf "$work"' EXIT
project=$work/project kit=$work/kit
export HOME=$work/home CPM_CACHE_DIR=$work/cache GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
mkdir -p "$HOME" "$project" "$kit/skills/a" "$kit/skills/b" "$kit/.claude-plugin"

run() { (cd "$project" && "$cpm" --quiet --project . "$@"); }
commit() { git -C "$kit" add . && git -C "$kit" -c user.name=t -c user.email=t@example.com commit -q -m "$1"; }
# The bytes of everything but cpm's own state.
state() { (cd "$1" && find . -path ./.cpm -prune -o -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum); }
content() { # WORD ARGS: the two skills and the server
  for skill in a b; do printf -- '---\nname: %s\ndescription: d\n---\n%s\n' $skill "$1" > "$kit/skills/$skill/SKILL.md"; done
  printf '{"mcpServers":{"s":{"command":"true","args":[%s]}}}' "$2" > "$kit/.mcp.json"
}

git -C "$kit" init -q
printf '{"name":"kit","version":"1.0.0"}' > "$kit/.claude-plugin/plugin.json"
content one '' && commit one && run install --git "$kit" || exit 1
cp -a "$project" "$work/old"
content two '"x"' && commit two && run update --accept && run verify || exit 1
old=$(state "$work/old") new=$(state "$project")
[ "$old" != "$new" ] || { echo "the update changes nothing"; exit 1; }

kills=0 olds=0 news=0 bad=0
violation() { bad=$((bad + 1)); echo "VIOLATION at $call:$n: $1"; }
for call in write openat rename renameat renameat2 unlink unlinkat rmdir mkdir fsync syncfs fchmod fchmodat; do
  for n in $(seq 200); do
    rm -rf "$project" && cp -a "$work/old" "$project"
    { (cd "$project" && strace -f -qq -o /dev/null -e trace=$call -e "inject=$call:signal=KILL:when=$n" \
      "$cpm" --quiet --project . update --accept --offline) > /dev/null; } 2> /dev/null
    ended=$?
    [ $ended = 0 ] && break
    # 137 is the kill; anything else means that nothing was swept.
    [ $ended = 137 ] || { violation "the update ended by itself with $ended"; break; }
    kills=$((kills + 1))
    run install > /dev/null 2>&1 || violation "the next command failed"
    case $(state "$project") in "$old") olds=$((olds + 1)) ;; "$new") news=$((news + 1)) ;; *) violation "a mix" ;; esac
    run verify > /dev/null 2>&1 || violation "it does not verify"
    ls -A "$project/.cpm" | grep -qv '^\(lock\|\.gitignore\|receipt-project\.json\|undo-project\.json\)$' && violation "debris in .cpm"
  done
done
echo "kill sweep: $kills kills, $olds old, $news new, $bad violations"
[ $olds -gt 0 ] && [ $news -gt 0 ] && [ $bad = 0 ]
