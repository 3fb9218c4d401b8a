#!/usr/bin/env bash
# doctor.sh ORACLE   Asks the real Claude Code client whether findings of `cpm doctor` are true: each case is found and
# the client does not load LINE; after the fix nothing is found and the client loads it. ORACLE is a folder with
# install.sh (prints the client's path) and loaded.sh (prints what it loads). CPM is the binary to test.
set -euo pipefail
oracle=$(cd "$1" && pwd)
cpm=${CPM:?set it to the cpm binary}
CLAUDE_BIN=$("$oracle/install.sh")
export CLAUDE_BIN
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
work=$(cd "$work" && pwd -P)
home=$work/home project=$work/project passed=0 failed=0

here() { (cd "$project" && env -i HOME="$home" PATH="$PATH" CPM_CACHE_DIR="$work/cache" "$@"); }
doctor() { here "$cpm" doctor --json || true; }
loads() { "$oracle/loaded.sh" "$home" "$project"; }
servers() { here timeout 60 "$CLAUDE_BIN" mcp list 2>&1 || true; }

# case NAME TOPIC LINE SHOW BREAK FIX: SHOW prints what the client loads, BREAK and FIX are shell text.
case_of() {
  rm -rf "$home" "$project"
  mkdir -p "$home/.claude/skills" "$project/.claude/skills"
  git -C "$project" init -q
  eval "$5"
  local told without with after
  told=$(doctor) without=$($4)
  eval "$6"
  after=$(doctor) with=$($4)
  if [[ $told == *"\"topic\":\"$2\""* && $without != *"$3"* && $after != *'"topic"'* && $with == *"$3"* ]]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    printf 'FAILED: %s\nbroken: %s\n%s\nmended: %s\n%s\n' "$1" "$told" "$without" "$after" "$with"
  fi
}

skill() { mkdir -p "$(dirname "$1")"; printf -- '---\nname: x\ndescription: Does x.\n---\nx\n' > "$1"; }
plugin() { mkdir -p "$1/.claude-plugin" "$1/commands"; echo "{\"name\":\"$2\"${3:-}}" > "$1/.claude-plugin/plugin.json"; echo go > "$1/commands/go.md"; }
trust() { echo "{\"projects\":{\"$project\":{\"hasTrustDialogAccepted\":true}}}" > "$home/.claude.json"; }
S=$home/.claude/skills settings=$home/.claude/settings.json T=$project/.claude/skills
entry='{"mcpServers":{"srv":{"command":"true"}}}'
approved='{"enableAllProjectMcpServers":true}'

# Settings count as a whole: `on` is what the file would switch on.
on='"enabledPlugins":{"p@skills-dir":true}'
for bad in "{// no
$on}" "{$on,}" "[{$on}]" "{$on,\"permissions\":{\"deny\":\"x\"}}" "{$on,\"permissions\":{\"ask\":\"x\"}}" "{$on,\"env\":\"x\"}" \
  "{\"enabledPlugins\":{\"p@skills-dir\":true,\"a@b\":1}}" "{$on,\"extraKnownMarketplaces\":{\"a\":{}}}"; do
  case_of "settings $bad" settings 'command p:go' loads \
    'plugin $S/p p ",\"defaultEnabled\":false"; printf %s "$bad" > $settings' 'echo "{$on}" > $settings'
done
case_of 'plugin off by default' plugins 'command p:go' loads 'plugin $S/p p ",\"defaultEnabled\":false"' \
  'here "$CLAUDE_BIN" plugin enable p@skills-dir > $work/out'
case_of 'plugin switched off' plugins 'command p:go' loads \
  'plugin $S/p p; echo "{\"enabledPlugins\":{\"p@skills-dir\":false}}" > $settings' 'rm $settings'
case_of 'plugin hidden by the user' plugins 'command p:ours' loads \
  'plugin $S/p p; plugin $T/p p; echo go > $T/p/commands/ours.md; trust' 'rm -r $S/p'
case_of 'two plugins of one name' plugins 'command r:go' loads 'plugin $S/p p; plugin $S/q p' \
  'echo "{\"name\":\"r\"}" > $S/q/.claude-plugin/plugin.json'
case_of 'broken plugin' plugins 'command p:go' loads 'plugin $S/p p ,' 'plugin $S/p p'
case_of 'untrusted project' trust 'command p:go' loads 'plugin $T/p p' trust
case_of 'skill.md' skills 'skill x' loads 'skill $S/x/skill.md' 'mv $S/x/skill.md $S/x/SKILL.md'
case_of 'flat skill' skills 'skill x' loads 'skill $S/x.md' 'mkdir $S/x && mv $S/x.md $S/x/SKILL.md'
case_of 'nested skill' skills 'skill x' loads 'skill $S/g/x/SKILL.md' 'mv $S/g/x $S/x'
case_of 'folder of another name' skills 'skill x' loads 'skill $S/y/SKILL.md' 'mv $S/y $S/x'
case_of 'no description' skills 'skill x' loads 'mkdir $S/x; echo text > $S/x/SKILL.md' 'skill $S/x/SKILL.md'
case_of 'no end' skills 'skill x' loads 'skill $S/x/SKILL.md; sed -i 4d $S/x/SKILL.md' 'skill $S/x/SKILL.md'
case_of 'two links to one' skills 'skill x' loads 'skill $S/x/SKILL.md; ln -s x $S/a' 'rm $S/a'
case_of 'mcp comment' servers 'srv: true' servers 'echo $approved > $settings; echo "{// no
}" > $project/.mcp.json' 'echo $entry > $project/.mcp.json'
case_of 'mcp without the key' servers 'srv: true' servers \
  'echo $approved > $settings; echo ${entry/mcpServers/servers} > $project/.mcp.json' 'echo $entry > $project/.mcp.json'
case_of 'no type' servers 'srv: http' servers \
  'echo "{\"mcpServers\":{\"srv\":{\"url\":\"http://127.0.0.1:9\"}}}" > $home/.claude.json' \
  'echo "{\"mcpServers\":{\"srv\":{\"type\":\"http\",\"url\":\"http://127.0.0.1:9\"}}}" > $home/.claude.json'
case_of 'reserved name' servers 'srv: true' servers 'echo ${entry/srv/workspace} > $home/.claude.json' \
  'echo $entry > $home/.claude.json'
case_of 'pending' approval 'srv: true  - ✘' servers 'echo $entry > $project/.mcp.json' 'echo $approved > $settings'
case_of 'rejected' approval 'srv: true  - ✘' servers \
  'echo $entry > $project/.mcp.json; echo "{\"disabledMcpjsonServers\":[\"srv\"]}" > $settings' 'echo $approved > $settings'
case_of 'hidden by the project' servers 'srv: mine' servers \
  'echo ${entry/true/mine} > $home/.claude.json; echo $entry > $project/.mcp.json; echo $approved > $settings' \
  'rm $project/.mcp.json'
case_of 'unset variable' variables 'srv: cat ${HERE:-x}' servers \
  'echo ${entry/true/cat\",\"args\":[\"\$\{HERE\}\"],\"type\":\"stdio} > $home/.claude.json' \
  'sed -i "s/HERE/HERE:-x/" $home/.claude.json'
echo "doctor: $passed passed, $failed failed"
[ $failed = 0 ]
