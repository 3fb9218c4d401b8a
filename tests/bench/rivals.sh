#!/usr/bin/env bash
# rivals.sh COPIES   The same work done by cpm and by other package managers for skills that are on PATH, side by side.
#
# COPIES is a folder of bare repositories, OWNER/REPO.git, with anthropics/skills.git among them. All fetch from the same
# server, server.py, over TLS with an authority made for this run; there is no latency. Wall milliseconds, median of 5:
#   (v)  --version                                    floor: git --version
#   (a)  one skill of 3 files, nothing in any cache   floor: git clone --depth 1
#   (b)  50 skills of 3 files, nothing in any cache   floor: git clone --depth 1
#   (c)  skill `pdf` of anthropics/skills, cold       floor: git clone --depth 1
#   (d)  the 50 from the lock into an empty project   floor: cp -r
#   (e)  again, with nothing to do
# cpm has the 50 as one package of 50 skills and, in a row of its own, as 50 packages. A rival that is missing is named.
set -euo pipefail
[ -d "${1:-}" ] || { sed -n '2,12s/^# \{0,1\}//p' "$0"; exit 2; }
copies=$(cd "$1" && pwd)
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
runs=5

# Repositories: one skill, 50 skills, and the large one.
# make_skills OWNER/REPO COUNT: a repository with so many skills of three files
make_skills() {
  local source=$work/source/$1 name at
  for at in $(seq "$2"); do
    name=$(printf 's%02d' "$at")
    mkdir -p "$source/skills/$name/scripts"
    { printf -- '---\nname: %s\ndescription: Does %s when asked.\n---\n' "$name" "$name"
      head -c 6000 "$root/LICENSE"; } > "$source/skills/$name/SKILL.md"
    printf '#!/bin/sh\necho %s\n' "$name" > "$source/skills/$name/scripts/run.sh"
    printf 'Notes on %s.\n' "$name" > "$source/skills/$name/notes.md"
  done
  mkdir -p "$source/.claude-plugin" "$work/served/$(dirname "$1")"
  printf '{"name":"%s","version":"1.0.0"}\n' "$(basename "$1")" > "$source/.claude-plugin/plugin.json"
  git -C "$source" init --quiet --initial-branch=main
  git -C "$source" add .
  git -C "$source" commit --quiet -m one
  git clone --quiet --bare "$source" "$work/served/$1.git"
}
make_skills acme/one 1
make_skills acme/fifty 50
mkdir -p "$work/served/anthropics"
ln -s "$copies/anthropics/skills.git" "$work/served/anthropics/"

cd "$work"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=bench \
  -addext basicConstraints=critical,CA:TRUE 2> /dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out request.pem -subj /CN=localhost 2> /dev/null
printf 'subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n' > extensions
openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile extensions -out cert.pem 2> /dev/null
export SSL_CERT_FILE=$work/ca.pem
git config --global http.sslCAInfo "$work/ca.pem"
serve "$work/cert.pem" "$work/key.pem"
one=$origin/acme/one.git fifty=$origin/acme/fifty.git large=$origin/anthropics/skills.git

cold() { rm -rf "$work/project" "$work/home/.cache" "$work/cache" "$work/clone" && mkdir "$work/project" && cd "$work/project" && "$manifest"; }
# Cache and lock stay.
emptied() { rm -rf .claude .cpm .agents .skills; }

# row NAME VERSION A B C D E: the commands, each a function
row() {
  local name=$1 version=$2 install=$3 locked=$4 cells=()
  shift 4
  cells+=("$(median 20 : "$version")")
  for manifest in "$@"; do
    [ -n "$manifest" ] || { cells+=(-); continue; }
    cells+=("$(median $runs cold "$install")")
  done
  # The 50 come before the large one; they are what the lock is about.
  manifest=$2
  cold
  "$install" > /dev/null 2>&1
  cells+=("$(median $runs emptied "$locked")" "$(median $runs : "$install")")
  # shellcheck disable=SC2059
  printf "$form" "$name" "${cells[@]}"
}

form='%-22s %6s %6s %6s %6s %6s %6s\n'
# shellcheck disable=SC2059
printf "$form" '' '(v)' '(a)' '(b)' '(c)' '(d)' '(e)'

manifest=:
clone() { git clone --quiet --depth 1 "$1" "$work/clone"; }
# shellcheck disable=SC2059
printf "$form" floor "$(median 20 : git --version)" "$(median $runs cold clone "$one")" "$(median $runs cold clone "$fifty")" \
  "$(median $runs cold clone "$large")" "$(median $runs emptied cp -r "$work/source/acme/fifty/skills" .claude)" -

cpm_version() { "$cpm" --version; }
cpm_install() { "$cpm" --project . --quiet install; }
cpm_locked() { "$cpm" --project . --quiet install --frozen; }
cpm_one() { printf '[dependencies]\none = { git = "%s" }\n' "$one" > cpm.toml; }
cpm_fifty() { printf '[dependencies]\nfifty = { git = "%s" }\n' "$fifty" > cpm.toml; }
cpm_packages() {
  echo '[dependencies]' > cpm.toml
  local at
  for at in $(seq -f 's%02g' 50); do printf '%s = { git = "%s", path = "skills/%s" }\n' "$at" "$fifty" "$at" >> cpm.toml; done
}
cpm_large() { printf '[dependencies]\npdf = { git = "%s", path = "skills/pdf" }\n' "$large" > cpm.toml; }
row cpm cpm_version cpm_install cpm_locked cpm_one cpm_fifty cpm_large
row 'cpm, 50 packages' cpm_version cpm_install cpm_locked cpm_one cpm_packages cpm_large

skillcask_version() { skillcask --version; }
skillcask_install() { skillcask install; }
skillcask_locked() { skillcask install --frozen; }
skillcask_manifest() {
  printf '[repositories]\npackagist = false\n[policy]\nmin-release-age = "0d"\n[agents]\ntargets = ["claude"]\n[skills]\n'
}
skillcask_one() { { skillcask_manifest; printf '"acme/one" = { git = "%s" }\n' "$one"; } > skills.toml; }
skillcask_fifty() { { skillcask_manifest; printf '"acme/fifty" = { git = "%s" }\n' "$fifty"; } > skills.toml; }
skillcask_large() {
  { skillcask_manifest; printf '"anthropics/skills" = { git = "%s", skills = ["pdf"] }\n' "$large"; } > skills.toml
}
if type -P skillcask > /dev/null; then
  row skillcask skillcask_version skillcask_install skillcask_locked skillcask_one skillcask_fifty skillcask_large
fi

echo
for rival in skillcask agpm apm skills dotagents agr sx openskills skillkit agentslock skills-manager; do
  if ! type -P "$rival" > /dev/null; then
    echo "not found: $rival"
  elif ! declare -F "${rival}_install" > /dev/null; then
    echo "found, but this script does not know how to drive it: $rival"
  fi
done
