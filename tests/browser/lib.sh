# shellcheck shell=bash
# To be sourced in the top folder: what scripts that drive a browser need. Chromium comes from Debian where there is none, all else
# from npm, and a server from localstack/test.sh.

readonly FOLDER=$PWD/target/viewers
readonly BUCKET=viewers

# The program of the tests: `cargo build` by itself would compile everything once more, with other features of dependencies.
program=${CARGO_TARGET_DIR:-$PWD/target}/debug/iiif-publish
server=

# Everything that is to be there before images are published: a server with a bucket, the program, the viewers, and what is named.
prepare() { # [COMMAND]
  trap stop_server EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  # Before the server is up, so that a failure leaves nothing running.
  install_browser
  install_viewers
  "$@"
  cargo test --no-run --quiet
  start_server
}

# The scripts of this folder with their packages, in FOLDER, and CHROMIUM.
install_browser() {
  if [[ ! ${CHROMIUM:-} ]]; then
    if ! command -v chromium >/dev/null; then
      local as_root=()
      if ((EUID != 0)); then as_root=(sudo); fi
      "${as_root[@]}" apt-get update --quiet
      "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install --quiet --yes --no-install-recommends chromium
    fi
    CHROMIUM=$(command -v chromium)
    export CHROMIUM
  fi
  mkdir -p "$FOLDER/pictures"
  cp tests/browser/package.json tests/browser/package-lock.json tests/browser/*.mjs tests/browser/viewers.json "$FOLDER"
  npm ci --prefix "$FOLDER" --silent --no-audit --no-fund
}

# The viewers, and the pictures to show.
install_viewers() {
  node "$FOLDER/packages.mjs" "$FOLDER/packages"
  node "$FOLDER/pictures.mjs" "$FOLDER/pictures"
}

# Starts SeaweedFS with a bucket that everyone may read, from every site.
start_server() {
  rm -f "$FOLDER/server.env"
  localstack/test.sh --only seaweedfs --serve >"$FOLDER/server.env" 2>"$FOLDER/server.log" &
  server=$!
  until grep -q AWS_REGION "$FOLDER/server.env"; do
    if ! kill -0 "$server" 2>/dev/null; then cat "$FOLDER/server.log" >&2 && exit 1; fi
    sleep 0.2
  done
  # shellcheck disable=SC1091
  source "$FOLDER/server.env"
  endpoint=${IIIF_PUBLISH_TEST_SERVERS#seaweedfs=}
  node "$FOLDER/bucket.mjs" "$endpoint" "$BUCKET"
  "$program" bucket setup --bucket "$BUCKET" --endpoint-url "$endpoint" --cors --public-read --yes >"$FOLDER/setup.log"
}

stop_server() {
  if [[ $server ]]; then
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  fi
}
