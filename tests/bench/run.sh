#!/usr/bin/env bash
# run.sh   Measures the bars of the project on this machine, in release builds: start-up against a program that is
# nothing but clap, a run with nothing to do, a warm install of a 60-file plugin, and the size of the binary.
# Times are the least of many runs; ratios are what counts.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
cargo build --quiet --release --manifest-path "$root/Cargo.toml"
cpm=$root/target/release/cpm
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/home"

# least MICROSECONDS of COUNT runs of a command; PREPARE runs before each, untimed
least() {
  local count=$1 prepare=$2 best=999999999 start end
  shift 2
  for _ in $(seq "$count"); do
    eval "$prepare"
    start=${EPOCHREALTIME/./}
    "$@" > /dev/null
    end=${EPOCHREALTIME/./}
    if [ $((end - start)) -lt $best ]; then best=$((end - start)); fi
  done
  echo "$best"
}

mkdir -p "$work/clap-only/src"
{ printf '[package]\nname = "clap-only"\nversion = "0.1.0"\nedition = "2024"\n[dependencies]\n'
  sed -n 's/^clap = /clap = /p' "$root/Cargo.toml"
  sed -n '/^\[profile.release\]/,/^$/p' "$root/Cargo.toml"; } > "$work/clap-only/Cargo.toml"
printf 'use clap::Parser;\n#[derive(Parser)]\n#[command(version)]\nstruct Cli {\n    name: Option<String>,\n}\nfn main() {\n    println!("{}", Cli::parse().name.unwrap_or_default());\n}\n' > "$work/clap-only/src/main.rs"
cargo build --quiet --release --manifest-path "$work/clap-only/Cargo.toml" --target-dir "$work/target"
# cargo needs the real home; from here on nothing does.
export HOME=$work/home CPM_CACHE_DIR=$work/cache GIT_CONFIG_GLOBAL=/dev/null
clap=$(least 200 : "$work/target/release/clap-only" --version)
version=$(least 200 : "$cpm" --version)
echo "cpm --version: $version us, clap only: $clap us, ratio $((100 * version / clap)) %"

mkdir -p "$work/project" "$work/plugin/.claude-plugin" "$work/plugin/commands"
printf '{"name":"sixty","version":"1.0.0"}' > "$work/plugin/.claude-plugin/plugin.json"
for n in $(seq 59); do head -c 9000 /dev/zero | tr '\0' 'x' > "$work/plugin/commands/c$n.md"; done
git -C "$work/plugin" init -q
git -C "$work/plugin" add .
git -C "$work/plugin" -c user.name=t -c user.email=t@example.com commit -q -m one
cd "$work/project"
"$cpm" --quiet --project . install sixty --git "file://$work/plugin"
echo "install with nothing to do: $(least 100 : "$cpm" --project . install) us"
warm=$(least 50 'rm -rf .claude .cpm' "$cpm" --project . install --frozen)
echo "warm install of 60 files: $warm us"
echo "binary: $(stat -c %s "$cpm") bytes"
