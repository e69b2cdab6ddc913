#!/usr/bin/env bash
# Installs a package into a new Debian, uses it as an ordinary user, and purges it, which leaves nothing.
#
#   deploy/debian/test.sh PACKAGE [PICTURE]
#
# Needs root for a chroot, and a mirror of Debian. Prints the seconds from nothing to the first picture.
set -euo pipefail
cd "$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)"
# shellcheck source=deploy/lib.sh
source deploy/lib.sh

readonly RELEASE=bookworm MIRROR=http://deb.debian.org/debian
# Records of dpkg and apt themselves, and the cache of the linker.
readonly RECORDS='^\./(var/(lib/(dpkg|apt|systemd/deb-systemd-helper-enabled|systemd/deb-systemd-helper-masked)|cache|log)(/|$)|etc/ld\.so\.cache$|etc/\.pwd\.lock$)'

run=
root=

main() {
  local package=${1:?PACKAGE} picture=${2:-} before
  if ((EUID != 0)); then fail 'a chroot needs root'; fi
  run=$(mktemp -d)
  root=$run/root
  trap stop EXIT
  picture=${picture:-$(a_picture "$run")}
  debian_packages debootstrap=debootstrap systemd-analyze=systemd
  new_debian
  before=$(state)
  use "$package" "$picture"
  check_units
  # As an administrator and the service would leave it.
  inside sh -c 'mkdir -p /etc/iiif-publish /var/lib/private/iiif-publish && touch /etc/iiif-publish/credentials /var/lib/private/iiif-publish/report.jsonl'
  inside ln -s private/iiif-publish /var/lib/iiif-publish
  systemctl --quiet --root="$root" enable iiif-publish.timer
  [[ -L $root/etc/systemd/system/timers.target.wants/iiif-publish.timer ]] || fail 'the timer cannot be enabled'
  inside apt-get purge --quiet=2 --yes --autoremove iiif-publish >"$run/log" 2>&1 || fail "$(cat "$run/log")"
  diff <(echo "$before") <(state) >&2 || fail 'the purged package has left files'
  say 'deb: purged, nothing is left'
}

# Without links through /proc, or anything below it.
stop() {
  umount --quiet "$root/proc" 2>/dev/null || true
  rm -rf --one-file-system "$run"
}

inside() { chroot "$root" /usr/bin/env DEBIAN_FRONTEND=noninteractive PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/ "$@"; }

# With what every Debian with systemd has, and the certificates.
new_debian() {
  debootstrap --variant=minbase --include=init-system-helpers,ca-certificates "$RELEASE" "$root" "$MIRROR" >"$run/log" 2>&1 ||
    fail "$(tail -n 5 "$run/log")"
  mount -t proc proc "$root/proc"
  mkdir -p "$root/var/lib/private" # made by systemd with the state of the first service
}

state() { (cd "$root" && find . -path ./proc -prune -o -print) | grep -vE "$RECORDS" | sort; }

use() { # PACKAGE PICTURE
  local begin seconds
  cp "$1" "$root/tmp/iiif-publish.deb"
  install --mode 644 -D "$2" "$root/tmp/picture/${2##*/}"
  begin=$(now)
  inside apt-get install --quiet=2 --yes --no-install-recommends /tmp/iiif-publish.deb >"$run/log" 2>&1 || fail "$(cat "$run/log")"
  seconds=$(python3 deploy/first_picture.py "$begin" chroot --userspec=65534:65534 "$root" /usr/bin/iiif-publish preview "/tmp/picture/${2##*/}")
  say "deb: $(stat --format %s "$1") bytes, $seconds s from nothing to the first picture in $RELEASE"
  local path
  for path in man/man1/iiif-publish.1.gz bash-completion/completions/iiif-publish zsh/vendor-completions/_iiif-publish \
    fish/vendor_completions.d/iiif-publish.fish doc/iiif-publish/{copyright,CHANGELOG.md.gz,NOTICES.txt.gz,iiif-publish.cyclonedx.json.gz}; do
    [[ -s $root/usr/share/$path || -s $root/usr/share/${path%.gz} ]] || fail "the package has no $path"
  done
  compgen -G "$root/usr/share/doc/iiif-publish/examples/*" >/dev/null || fail 'the package has no example of its settings'
  rm -r "$root"/tmp/{iiif-publish.deb,picture}
}

check_units() {
  local text units=("$root"/usr/lib/systemd/system/iiif-publish.{service,timer})
  # systemd looks for the program here, where it is not installed.
  mkdir "$run/units"
  cp "${units[@]}" "$run/units"
  sed -i "s|^ExecStart=/usr/bin/|ExecStart=$root/usr/bin/|" "$run/units/iiif-publish.service"
  text=$(systemd-analyze verify --man=no "$run"/units/* 2>&1) || fail "systemd-analyze: $text"
  [[ ! $text ]] || fail "systemd-analyze: $text"
  [[ ! -e $root/etc/systemd/system/timers.target.wants/iiif-publish.timer ]] || fail 'the timer runs without settings'
}

main "$@"
