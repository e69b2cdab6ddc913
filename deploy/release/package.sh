#!/usr/bin/env bash
# Makes the archive of a release, iiif-publish-VERSION-TARGET.tar.gz: the program, its manual page and completions, and the notices
# of all included software. `cargo binstall` finds the program in it by the metadata in Cargo.toml.
#
#   deploy/release/package.sh [FOLDER]        (the default folder is target/package)
#
# Builds the program first, unless IIIF_PUBLISH names it.
set -euo pipefail
cd "$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)"

main() {
  local folder=${1:-target/package} program=${IIIF_PUBLISH:-} version target name
  if [[ ! $program ]]; then
    cargo build --release --locked
    program=${CARGO_TARGET_DIR:-target}/release/iiif-publish
  fi
  version=$("$program" --version | cut -d ' ' -f 2)
  target=$(rustc -vV | sed -n 's/^host: //p')
  name=iiif-publish-$version-$target
  rm -rf "${folder:?}/$name"
  mkdir -p "$folder/$name"/{completions,man/man1}
  cp "$program" README.md CHANGELOG.md LICENSE-* "$folder/$name"
  # Cargo's release profile strips symbols; a given program may have them.
  if command -v strip >/dev/null; then strip "$folder/$name/iiif-publish"; fi
  "$program" man >"$folder/$name/man/man1/iiif-publish.1"
  "$program" completions bash >"$folder/$name/completions/iiif-publish.bash"
  "$program" completions zsh >"$folder/$name/completions/_iiif-publish"
  "$program" completions fish >"$folder/$name/completions/iiif-publish.fish"
  python3 deploy/release/notices.py "$target" >"$folder/$name/NOTICES.txt"
  tar --create --gzip --owner=0 --group=0 --directory "$folder" --file "$folder/$name.tar.gz" "$name"
  (cd "$folder" && sha256sum "$name.tar.gz" >"$name.tar.gz.sha256")
  echo "$folder/$name.tar.gz"
}

main "$@"
