#!/usr/bin/env bash
# Publishes collections into a folder, and validates their manifests and collections with other programs: iiif-prezi3 and
# iiif-prezi, the reference libraries of Presentation API 3 and 2.1. Needs Python; installs them in target/presentation.
set -euo pipefail
cd "$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)"

# iiif-prezi has the context of version 2 with it, but newer versions of PyLD don't load it.
readonly JUDGES=(iiif-prezi3==3.1.1 iiif-prezi==0.3.0 PyLD==1.0.5)
readonly FOLDER=$PWD/target/presentation

if [[ $(cat "$FOLDER/contents" 2>/dev/null) != "${JUDGES[*]}" ]]; then
  python3 -m venv --clear "$FOLDER"
  "$FOLDER/bin/python" -m pip install --quiet --no-input --disable-pip-version-check "${JUDGES[@]}"
  echo "${JUDGES[*]}" >"$FOLDER/contents"
fi
# The program of the tests: `cargo build` by itself would compile everything once more, with other features of dependencies.
cargo test --no-run --quiet
exec "$FOLDER/bin/python" tests/presentation.py "${CARGO_TARGET_DIR:-$PWD/target}/debug/iiif-publish"
