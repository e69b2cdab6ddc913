#!/usr/bin/env bash
# Makes the archive of a release, the one that `cargo binstall`, Homebrew and the installers download, for the machine that it runs on:
# program, manual page, completions, licenses and notices, and a list of all crates. Beside it, the folder that it contains and its
# checksum. Prints the path of the archive.
#
#   deploy/release/package.sh [FOLDER [WHEEL]]       FOLDER: target/package; without WHEEL, build.sh makes one
set -euo pipefail
cd "$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)"

main() {
  local folder=${1:-target/package} wheel=${2:-} parts=target/package/parts program version target tree
  if [[ ! $wheel ]]; then wheel=$(deploy/release/build.sh "$folder"); fi
  rm -rf "$parts"
  python3 -m zipfile -e "$wheel" "$parts"
  program=$(find "$parts" -path '*.data/scripts/iiif-publish*')
  chmod +x "$program"
  version=$("$program" --version | cut -d ' ' -f 2)
  target=$(rustc -vV | sed -n 's/^host: //p')
  tree=$folder/iiif-publish-$version-$target
  rm -rf "$tree"
  mkdir -p "$tree"/{completions,man/man1}
  cp "$program" README.md CHANGELOG.md SECURITY.md LICENSE-* "$tree"
  cp "$parts"/*.dist-info/licenses/NOTICES.txt "$tree"
  cp "$parts"/*.dist-info/sboms/*.cyclonedx.json "$tree"
  "$program" man >"$tree/man/man1/iiif-publish.1"
  "$program" completions bash >"$tree/completions/iiif-publish.bash"
  "$program" completions zsh >"$tree/completions/_iiif-publish"
  "$program" completions fish >"$tree/completions/iiif-publish.fish"
  python3 deploy/release/archive.py "$tree"
}

main "$@"
