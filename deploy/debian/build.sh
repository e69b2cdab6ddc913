#!/usr/bin/env bash
# Makes the package for Debian and Ubuntu from the archive of a release, and prints its path. Its contents are in Cargo.toml.
#
#   deploy/debian/build.sh ARCHIVE [FOLDER]       FOLDER: the one of the archive
#
# Needs dpkg-dev for the versions of the libraries; installs cargo-deb in target/deploy.
set -euo pipefail
cd "$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)"
# shellcheck source=deploy/lib.sh
source deploy/lib.sh

main() {
  local archive=${1:?ARCHIVE} folder=${2:-} stage=target/package/debian
  folder=${folder:-$(dirname "$archive")}
  debian_packages dpkg-shlibdeps=dpkg-dev
  # Without its support for xz, which needs a C library.
  cargo_tool cargo-deb@3.8.0 --no-default-features
  rm -rf "$stage"
  mkdir -p "$stage"/{units,examples} "$folder"
  tar --extract --gzip --strip-components=1 --directory "$stage" --file "$archive"
  copyright >"$stage/copyright"
  cp deploy/systemd/* "$stage/examples"
  mv "$stage"/examples/*.{service,timer} "$stage/units"
  sed -i 's|/usr/local/bin/|/usr/bin/|' "$stage"/units/*.service
  SOURCE_DATE_EPOCH=$(git log -1 --format=%ct) cargo-deb --no-build --no-strip --output "$folder"
}

# Debian has the Apache license of all packages in one file.
copyright() {
  cat LICENSE-MIT
  echo
  echo 'Instead of these terms, you may choose those of the Apache License 2.0, in /usr/share/common-licenses/Apache-2.0.'
  echo 'The program contains other works: see NOTICES.txt beside this file.'
}

main "$@"
