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
