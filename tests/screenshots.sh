#!/usr/bin/env bash
# Takes the screenshots of the preview page for README and book, with fractals that it draws itself, in headless Chromium.
# Needs Node, and installs Chromium if it is missing (with apt-get, as root); everything else goes to target/viewers.
set -euo pipefail
cd "$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)"
source tests/browser/lib.sh

readonly FRACTALS=$PWD/target/fractals

preview=

main() {
  trap stop EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  install_browser
  mkdir -p "$FRACTALS"
  node "$FOLDER/fractals.mjs" "$FRACTALS"
  cargo test --no-run --quiet
  exec 3< <(exec "$program" preview --quiet "$FRACTALS"/*.ppm)
  preview=$!
  local address
  read -r address <&3
  node "$FOLDER/screenshots.mjs" "$address" docs/src/images
}

stop() {
  if [[ $preview ]]; then kill "$preview" 2>/dev/null || true; fi
}

main "$@"
