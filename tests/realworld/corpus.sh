#!/usr/bin/env bash
# corpus.sh ARCHIVE   Unpacks an archive of real manifests outside the project and reads them all (corpus.rs).
set -euo pipefail
archive=$(realpath "$1")
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tar xzf "$archive" -C "$work"
cargo run --quiet --example corpus -- "$work"/*/
