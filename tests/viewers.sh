#!/usr/bin/env bash
# Publishes pictures of awkward sizes into SeaweedFS, in both versions of the Image API, and shows them in the viewers that
# institutions use, in headless Chromium: no request may fail, and no pixel be wrong. Prints a table.
#
#   tests/viewers.sh [--viewer NAME]... [--picture NAME]... [--screenshots FOLDER]
#
# Needs Python and Node, and installs Chromium where there is none (with apt-get, as root); all else goes to target/viewers.
set -euo pipefail
cd "$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)"
source tests/browser/install.sh

readonly FOLDER=$PWD/target/viewers
readonly BUCKET=viewers

server=

main() {
  trap stop EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  # Before the server is up, so that a failure leaves nothing running.
  install_browser "$FOLDER"
  mkdir -p "$FOLDER/pictures"
  node "$FOLDER/packages.mjs" "$FOLDER/packages"
  node "$FOLDER/pictures.mjs" "$FOLDER/pictures"
  # The program of the tests: `cargo build` by itself would compile everything once more, with other features of dependencies.
  cargo test --no-run --quiet
  start_server
  publish
  for version in current versions; do
    echo "==> the page of --html, $version"
    node "$FOLDER/preview.mjs" "$endpoint/$BUCKET/$version/viewer.html"
  done
  node "$FOLDER/viewers.mjs" --packages "$FOLDER/packages" --images "$endpoint/$BUCKET" "$@"
}

start_server() {
  rm -f "$FOLDER/server.env"
  localstack/test.sh --only seaweedfs --serve >"$FOLDER/server.env" 2>"$FOLDER/server.log" &
  server=$!
  until grep -q AWS_REGION "$FOLDER/server.env"; do
    if ! kill -0 "$server" 2>/dev/null; then cat "$FOLDER/server.log" >&2 && exit 1; fi
    sleep 0.2
  done
  source "$FOLDER/server.env"
  endpoint=${IIIF_PUBLISH_TEST_SERVERS#seaweedfs=}
}

stop() {
  if [[ $server ]]; then
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  fi
}

publish() {
  local program=${CARGO_TARGET_DIR:-$PWD/target}/debug/iiif-publish version
  node "$FOLDER/bucket.mjs" "$endpoint" "$BUCKET"
  "$program" bucket setup --bucket "$BUCKET" --endpoint-url "$endpoint" --cors --public-read --yes >"$FOLDER/setup.log"
  for version in 3 2; do
    "$program" ingest "$FOLDER/pictures" --bucket "$BUCKET" --endpoint-url "$endpoint" --prefix "v$version" \
      --iiif-version "$version" --progress none >/dev/null
  done
  page current
  page versions --versioned
}

page() { # PREFIX OPTION...
  "$program" --bucket "$BUCKET" --endpoint-url "$endpoint" --html --prefix "$1" "${@:2}" --progress none \
    "$FOLDER"/pictures/*.ppm >/dev/null
}

main "$@"
