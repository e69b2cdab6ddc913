#!/usr/bin/env bash
# run.sh: runs the examples and compares what they print.
set -euo pipefail
cd "$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# 1000x700 gray pixels: 2 x 2 tiles of 512 pixels, and smaller sizes.
{ printf 'P5 1000 700 255\n'; head -c 700000 /dev/zero; } >"$folder/gray.pgm"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')

main() {
  cargo build --quiet --examples
  local objects
  run publish_one "$folder/gray.pgm" "$folder/site" "http://localhost:$port" >"$folder/publish_one"
  # Without the hidden file that describes the image to the next run.
  objects=$(find "$folder/site/gray" -type f ! -name '.*' | wc -l)
  expect publish_one "1000x700 pixels, $objects objects"
  expect publish_one "20 of $objects"
  expect publish_one "stored $objects objects"
  expect publish_one "http://localhost:$port/gray/info.json"
  run plan_and_verify "$folder/gray.pgm" "$folder/site" "$port" >"$folder/plan_and_verify"
  expect plan_and_verify "planned: PNM, 1000x700, $objects objects"
  expect plan_and_verify "verified: $objects of $objects objects, 0 problems"
  run own_store "$folder/gray.pgm" "$folder/missing.tif" >"$folder/own_store"
  expect own_store "gray: $objects objects"
  expect own_store "missing: could not open \`$folder/missing.tif\`"
  expect own_store "$objects objects in the store"
  echo 'the examples print what they should'
}

run() { # EXAMPLE ARGUMENTS...
  "${CARGO_TARGET_DIR:-target}/debug/examples/$1" "${@:2}"
}

expect() { # EXAMPLE LINE
  grep -qxF -- "$2" "$folder/$1" || {
    echo "run.sh: $1 did not print \`$2\`, but:" >&2
    cat "$folder/$1" >&2
    exit 1
  }
}

main
