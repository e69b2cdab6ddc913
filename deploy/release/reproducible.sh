#!/usr/bin/env bash
# Builds the last commit twice, in different folders, and compares the programs byte for byte. Takes two builds of `dist`.
#
#   deploy/release/reproducible.sh [WHEEL]       WHEEL: of a build of the same commit, instead of the first of the two
set -euo pipefail
cd "$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)"
# shellcheck source=deploy/lib.sh
source deploy/lib.sh

run=

main() {
  local wheel=${1:-} one two
  mkdir -p "$HERE"
  run=$(mktemp -d "$HERE/reproducible.XXXXXX")
  trap 'rm -rf "$run"' EXIT
  if [[ ! $wheel ]]; then wheel=$(built_in one); fi
  one=$(program_in "$wheel" one)
  two=$(program_in "$(built_in a/folder/with/a/longer/name)" two)
  sha256sum "$one" "$two" >&2
  cmp "$one" "$two" || fail 'two builds of the same commit differ'
  say 'reproducible: two builds in different folders are equal'
}

# Uses the installed tools, but neither sources nor built files of this folder.
built_in() { # FOLDER
  git clone --quiet --no-hardlinks . "$run/$1"
  mkdir "$run/$1/target"
  ln -s "$HERE" "$run/$1/target/deploy"
  (cd "$run/$1" && env -u CARGO_TARGET_DIR deploy/release/build.sh "$run/wheels-${1##*/}")
}

program_in() { # WHEEL NAME
  python3 -m zipfile -e "$1" "$run/parts-$2"
  echo "$run/parts-$2"/*.data/scripts/iiif-publish
}

main "$@"
