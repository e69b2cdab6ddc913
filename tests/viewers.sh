#!/usr/bin/env bash
# Publishes images of unusual sizes into SeaweedFS, in both versions of the Image API, and opens them in the viewers that
# institutions use, in headless Chromium: no request may fail, and no pixel may be wrong. Prints a table.
#
#   tests/viewers.sh [--viewer NAME]... [--picture NAME]... [--version 3|2]... [--screenshots FOLDER]
#
# Needs Python and Node, and installs Chromium if it is missing (with apt-get, as root); everything else goes to target/viewers.
set -euo pipefail
cd "$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)"
source tests/browser/lib.sh

main() {
  # All arguments are passed on to the viewers.
  # shellcheck disable=SC2119
  prepare
  publish
  for version in current versions; do
    echo "==> the page of --html, $version"
    node "$FOLDER/preview.mjs" "$endpoint/$BUCKET/$version/viewer.html"
  done
  node "$FOLDER/choosing.mjs" "$endpoint/$BUCKET/current/viewer.html"
  node "$FOLDER/walks.mjs" "$endpoint/$BUCKET/current/viewer.html"
  node "$FOLDER/accessibility.mjs" "$endpoint/$BUCKET/current/viewer.html"
  local_pages
  embed
  site
  node "$FOLDER/viewers.mjs" --packages "$FOLDER/packages" --images "$endpoint/$BUCKET" "$@"
}

publish() {
  local version input
  for version in 3 2; do
    for input in "$FOLDER/pictures" --table="$FOLDER/pictures/book.csv"; do
      "$program" ingest "$input" --exclude '*.csv' --bucket "$BUCKET" --endpoint-url "$endpoint" --prefix "v$version" \
        --iiif-version "$version" --progress none >/dev/null
    done
  done
  page current
  page versions --versioned
}

# `preview` of a folder, whose images appear one after the other, and `serve` of one that was published for another address.
local_pages() {
  local site=$FOLDER/local
  rm -rf "$site"
  "$program" --output "$site" --public-url https://tiles.example.org/iiif --html --quiet "$FOLDER"/pictures/*.ppm >/dev/null
  echo '==> the page of preview'
  walk_local "" preview "$FOLDER/pictures"
  echo '==> the page of serve'
  walk_local "" serve "$site"
  echo '==> the page of --html at another address'
  walk_local viewer.html serve "$site"
}

walk_local() { # PAGE COMMAND...
  local address pid status=0
  exec 3< <(exec "$program" "${@:2}" --port 0)
  pid=$!
  read -r address <&3
  node "$FOLDER/preview.mjs" "$address$1" || status=$?
  kill "$pid" 2>/dev/null || true
  exec 3<&-
  return "$status"
}

# The HTML that README and book tell readers to paste, and that of `--embed`.
embed() {
  local samples=$FOLDER/embed
  rm -rf "$samples"
  python3 tests/book/samples.py "$samples" "$program"
  (cd "$samples" && "$program" ingest photo.jpg masters --output site --public-url https://cdn.example.org --quiet)
  {
    echo '```html'
    (cd "$samples" && "$program" photo.jpg --output site --public-url https://cdn.example.org --embed --quiet) | sed /^https:/d
    echo '```'
  } >"$samples/embed.md"
  node "$FOLDER/embed.mjs" --packages "$FOLDER/packages" --site "$samples/site" README.md docs/src/show/embed.md "$samples/embed.md"
}

# The website of a collection: search, viewer and accessibility, with and without JavaScript.
site() {
  "$program" ingest --table "$FOLDER/pictures/site.csv" --bucket "$BUCKET" --endpoint-url "$endpoint" --prefix site --site \
    --site-name Sammlung --site-facet Type --site-caption Type --progress none >/dev/null
  echo '==> the site of --site'
  node "$FOLDER/site.mjs" "$endpoint/$BUCKET/site/"
}

page() { # PREFIX OPTION...
  "$program" --bucket "$BUCKET" --endpoint-url "$endpoint" --html --prefix "$1" "${@:2}" --progress none \
    "$FOLDER"/pictures/*.ppm >/dev/null
}

main "$@"
