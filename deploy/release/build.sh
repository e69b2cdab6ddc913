#!/usr/bin/env bash
# Builds the wheel that everything else of a release comes from (package.sh). It has the program of the profile `dist`, the notices,
# and a CycloneDX list of all crates, which cargo-auditable also writes into the program. Prints the path of the wheel.
#
#   deploy/release/build.sh [--plain | --program FILE] [FOLDER]       FOLDER: target/package
#
# On Linux, zig links the program for glibc 2.17, that is for every distribution since 2014.
#   --plain         use the linker of this system: the program needs its glibc or a newer one
#   --program FILE  build nothing, and pack this program: for tests of the packages, never for a release
#
# Needs Rust, a C compiler, nasm and Python; installs the rest in target/deploy.
set -euo pipefail
cd "$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)"
# shellcheck source=deploy/lib.sh
source deploy/lib.sh

readonly MATURIN=maturin==1.16.0 ZIG=ziglang==0.17.1 AUDITABLE=cargo-auditable@0.7.7
readonly MANYLINUX=manylinux_2_17

linker=zig
program=
folder=target/package

main() {
  parse "$@"
  if [[ $(uname -s) != Linux ]]; then linker=system; fi
  local stage=target/package/wheel arguments
  arguments=(--profile dist --locked --out "$PWD/$stage/out" --sbom-include bundled.cyclonedx.json)
  install_tools
  stage_wheel "$stage"
  CARGO=$PWD/target/package/cargo
  export CARGO
  if [[ $program ]]; then pretend_to_build; else release_environment; fi
  if [[ $linker == zig ]]; then arguments+=(--zig --compatibility "$MANYLINUX"); fi
  (cd "$stage" && maturin build "${arguments[@]}") >&2
  mkdir -p "$folder"
  cp "$stage"/out/*.whl "$folder"
  echo "$folder/$(basename "$stage"/out/*.whl)"
}

parse() {
  while (($#)); do
    case $1 in
      --plain) linker=system ;;
      --program) linker=system program=${2:?} && shift ;;
      -*) fail "there is no option $1" ;;
      *) folder=$1 ;;
    esac
    shift
  done
}

install_tools() {
  python_packages release "$MATURIN" "$ZIG"
  PATH=$(programs_of release):$PATH
  if [[ ! $program ]]; then cargo_tool "$AUDITABLE"; fi
}

# maturin takes licenses from the folder of pyproject.toml only.
stage_wheel() { # FOLDER
  rm -rf "$1"
  mkdir -p "$1/out"
  cp deploy/pypi/{pyproject.toml,README.md} LICENSE-* "$1"
  "$(programs_of release)/python" deploy/release/notices.py >"$1/NOTICES.txt"
  "$(programs_of release)/python" deploy/release/bundled.py >"$1/bundled.cyclonedx.json"
}

# A `cargo` for maturin that reports the program as built.
pretend_to_build() {
  local manifest=$PWD/Cargo.toml copy=$PWD/target/package/program/iiif-publish id
  install -D "$program" "$copy"
  id=$(cargo metadata --locked --no-deps --format-version 1 | python3 -c 'import json, sys; print(json.load(sys.stdin)["packages"][0]["id"])')
  cat >"$CARGO" <<SCRIPT
#!/bin/sh
if [ "\$1" != rustc ]; then exec cargo "\$@"; fi
cat <<'JSON'
{"reason": "compiler-artifact", "package_id": "$id", "manifest_path": "$manifest", "target": {"kind": ["bin"], "crate_types": ["bin"], "name": "iiif-publish", "src_path": "$PWD/src/main.rs", "edition": "2024", "doc": true, "doctest": false, "test": true}, "profile": {"opt_level": "3", "debuginfo": 0, "debug_assertions": false, "overflow_checks": false, "test": false}, "features": [], "filenames": ["$copy"], "executable": "$copy", "fresh": true}
{"reason": "build-finished", "success": true}
JSON
SCRIPT
  chmod +x "$CARGO"
}

# Two builds of the same commit are equal, wherever they are made: see reproducible.sh.
release_environment() {
  local crates=${CARGO_HOME:-$HOME/.cargo}/registry/src target=${CARGO_TARGET_DIR:-$PWD/target}
  export RUSTFLAGS="--remap-path-prefix=$crates=/registry --remap-path-prefix=$target=/target --remap-path-prefix=$PWD=/source"
  SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
  export SOURCE_DATE_EPOCH
  case $(uname -s) in
    Linux | Darwin)
      export CFLAGS="-ffile-prefix-map=$crates=/registry -ffile-prefix-map=$target=/target"
      # shellcheck disable=SC2016
      printf '#!/bin/sh\nexec cargo-auditable auditable "$@"\n' >"$CARGO"
      chmod +x "$CARGO"
      ;;
    *)
      # Without the runtime of Visual C++, which not every Windows has.
      RUSTFLAGS+=' -C target-feature=+crt-static'
      CARGO=$(cygpath --windows "$CARGO").cmd
      printf '@cargo-auditable auditable %%*\r\n' >"$CARGO"
      ;;
  esac
}

main "$@"
