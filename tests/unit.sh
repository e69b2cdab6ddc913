#!/usr/bin/env bash
# Runs the tests of the inner loop: those that need no program, no server and no client for S3, which is never linked.
# Uses cargo-nextest if it is installed. Arguments select tests, such as `tests/unit.sh tiff`.
set -euo pipefail
cd "$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)"

# All decoders, with those that are not in the program.
readonly TARGETS=(--lib --test decoders --no-default-features --features 'avif,heic,jp2,jxl,openjpeg,pdf,psd,webp')

if cargo nextest --version >/dev/null 2>&1; then
  exec cargo nextest run --status-level fail --no-tests pass "${TARGETS[@]}" -- "$@"
fi
exec cargo test --quiet "${TARGETS[@]}" -- "$@"
