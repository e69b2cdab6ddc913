#!/usr/bin/env bash
# Installs a wheel into an empty virtual environment, shows a picture with it, and checks what it needs and contains.
#
#   deploy/pypi/test.sh WHEEL [PICTURE]
#
# Prints the glibc that the program needs, and the seconds from nothing to the first picture.
set -euo pipefail
cd "$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)"
# shellcheck source=deploy/lib.sh
source deploy/lib.sh

readonly TOOLS=(auditwheel==6.8.2)
run=

main() {
  local wheel=${1:?WHEEL} picture=${2:-} begin seconds
  run=$(mktemp -d)
  trap 'rm -rf "$run"' EXIT
  picture=${picture:-$(a_picture "$run")}
  python_packages audit "${TOOLS[@]}"
  check_platform "$wheel"
  check_contents "$wheel"
  begin=$(now)
  python3 -m venv "$run/venv"
  "$run/venv/bin/pip" install --quiet --no-index --disable-pip-version-check "$wheel"
  seconds=$(python3 deploy/first_picture.py "$begin" "$run/venv/bin/iiif-publish" preview "$picture")
  say "wheel: $(stat --format %s "$wheel") bytes, $seconds s from nothing to the first picture"
  "$run/venv/bin/iiif-publish" "$picture" --id dot --output "$run/out" --progress none >/dev/null
  [[ -s $run/out/dot/info.json ]] || fail 'the wheel published nothing'
}

# The tag, auditwheel and the linker agree about the oldest glibc.
check_platform() { # WHEEL
  local newest audited tag
  tag=$(grep -oE 'manylinux_2_[0-9]+' <<<"$1" | tail -n 1)
  audited=$("$(programs_of audit)/auditwheel" show "$1" | grep -oE '"manylinux_2_[0-9]+' | tr -d '"' | head -n 1)
  python3 -m zipfile -e "$1" "$run/parts"
  newest=$(readelf --version-info "$run"/parts/*.data/scripts/iiif-publish | grep -oE 'GLIBC_2\.[0-9]+' | sort --version-sort --unique | tail -n 1)
  say "wheel: tagged $tag, $audited by auditwheel, symbols up to $newest"
  [[ $tag && $tag == "$audited" ]] || fail "auditwheel finds $audited in a wheel for $tag"
  ((${newest#GLIBC_2.} <= ${tag#manylinux_2_})) || fail "$newest in a wheel for $tag"
}

check_contents() { # WHEEL
  local names path
  names=$(python3 -m zipfile --list "$1")
  for path in licenses/NOTICES.txt licenses/LICENSE-MIT licenses/LICENSE-APACHE sboms/{iiif-publish,bundled}.cyclonedx.json; do
    grep --quiet --fixed-strings ".dist-info/$path" <<<"$names" || fail "the wheel has no $path"
  done
}

main "$@"
