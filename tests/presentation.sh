#!/usr/bin/env bash
# Publishes collections into a folder, and validates their manifests and collections with another program: iiif-prezi3, the
# reference library of Presentation API 3. Needs Python; installs the library in target/presentation.
set -euo pipefail
cd "$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)"

readonly JUDGE=iiif-prezi3==3.1.1
readonly FOLDER=$PWD/target/presentation

if [[ $(cat "$FOLDER/contents" 2>/dev/null) != "$JUDGE" ]]; then
  python3 -m venv --clear "$FOLDER"
  "$FOLDER/bin/python" -m pip install --quiet --no-input --disable-pip-version-check "$JUDGE"
  echo "$JUDGE" >"$FOLDER/contents"
fi
# The program of the tests: `cargo build` by itself would compile everything once more, with other features of dependencies.
cargo test --no-run --quiet
exec "$FOLDER/bin/python" tests/presentation.py "${CARGO_TARGET_DIR:-$PWD/target}/debug/iiif-publish"
