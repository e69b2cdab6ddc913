#!/usr/bin/env bash
# Counts the instructions of two small publishes with callgrind, and compares them with those in tests/instructions.json: more
# than 5 % above fails. `tests/instructions.sh --update` records the new counts, for a change that is worth its cost.
# Needs Python and valgrind, and builds the release.
set -euo pipefail
cd "$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)"

cargo build --release --quiet
exec python3 tests/instructions.py "${CARGO_TARGET_DIR:-$PWD/target}/release/iiif-publish" "$@"
