#!/usr/bin/env bash
# Power failures: publishes into a folder on a disk that is a file, copies that file at twenty moments during and after a
# publish and a replacement, and mounts each copy as a machine does after a power failure.
#
# In every copy, an image that has an info.json is complete, and one more run makes it the new image.
# Needs root, loop devices, mkfs.xfs, mkfs.ext4 and strace; what cannot run is skipped and counted.
#
# usage: tests/power.sh [PROGRAM]   default: target/debug/iiif-publish, after building it
set -euo pipefail

cd "$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)"

readonly DURING=12                       # copies while the program runs, at most
readonly DURING_PAUSE=0.05               # seconds between them
readonly AFTER=(0 0.1 0.5 1 2 5 8 12)    # seconds after its end; the kernel writes on its own after 5 to 30
readonly MOMENTS=20
readonly OUTER_SIZE=8G INNER_SIZE=400M   # sparse; 300M is the least that XFS takes
readonly URL=https://example.org/iiif

work=
mounts=()
checked=0 without=0 failed=0 skipped=0
readonly all=${IIIF_PUBLISH_TEST_ALL:-0} # 1 if nothing may be skipped

main() {
  local missing && missing=$(missing_tools)
  if [[ $missing ]]; then
    echo "power: 3 skipped (no $missing)"
    exit "$all"
  fi
  local program=${1:-}
  if [[ -z $program ]]; then
    # With the tests, as CI has built it already.
    cargo test --quiet --test it --no-run
    program=target/debug/iiif-publish
  fi
  program=$(realpath "$program")
  readonly program
  mkdir -p target
  work=$(mktemp -d "$PWD/target/power.XXXXXX")
  trap clean_up EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  if ! mount_outer; then
    echo 'power: 3 skipped (no loop device can be mounted)'
    exit "$all"
  fi
  picture 1900 1400 >"$work/a.ppm"
  picture 1700 1200 >"$work/b.ppm"
  publish a "$work/reference-a" && publish b "$work/reference-b"
  local kind
  for kind in ext4 xfs; do failures_on "$kind"; done
  order_of_calls
  echo "power: $checked copies whole, $without without info.json yet, $failed failed, $skipped skipped"
  ((failed == 0 && skipped * all == 0))
}

missing_tools() {
  local tool missing=()
  if ((EUID != 0)); then missing+=(root); fi
  if ! [[ -e /dev/loop-control || -e /dev/loop0 ]]; then missing+=('loop devices'); fi
  for tool in losetup mkfs.xfs mkfs.ext4 strace python3; do
    command -v "$tool" >/dev/null || missing+=("$tool")
  done
  echo "${missing[*]}"
}

clean_up() {
  local index
  for ((index = ${#mounts[@]} - 1; index >= 0; index--)); do
    umount "${mounts[index]}" 2>/dev/null || umount -l "${mounts[index]}" 2>/dev/null || true
  done
  rm -rf "$work"
}

# Copies of files cost nothing on a file system with reflinks, and are of one moment.
mount_outer() {
  truncate -s "$OUTER_SIZE" "$work/outer.img"
  mkfs.xfs -q -m reflink=1 "$work/outer.img" && mkdir "$work/outer" &&
    mount_at "$work/outer" "$work/outer.img" loop
}

mount_at() { # DIRECTORY FILE OPTIONS
  mkdir -p "$1"
  mount -o "$3" "$2" "$1" && mounts+=("$1")
}

unmount() { # DIRECTORY
  umount "$1"
  local kept=() directory
  for directory in "${mounts[@]}"; do [[ $directory == "$1" ]] || kept+=("$directory"); done
  mounts=("${kept[@]}")
}

# Noise in blocks, so that tiles are neither empty nor huge; always the same.
picture() { # WIDTH HEIGHT
  python3 - "$1" "$2" <<'PYTHON'
import random, sys
width, height = int(sys.argv[1]), int(sys.argv[2])
random.seed(width)
out = sys.stdout.buffer
out.write(b"P6 %d %d 255\n" % (width, height))
for y in range(height):
    if y % 8 == 0:
        row = b"".join(random.randbytes(3) * 8 for _ in range(width // 8 + 1))[: 3 * width]
    out.write(row)
PYTHON
}

publish() { # PICTURE FOLDER
  "$program" --quiet --output "$2" --public-url "$URL" --id scan "$work/$1.ppm" >/dev/null
}

# Both phases on a file system of one kind.
failures_on() { # KIND
  local kind=$1 disk=$work/outer/disk.img phase
  truncate -s "$INNER_SIZE" "$disk"
  "mkfs.$kind" -q "$disk"
  mount_at "$work/inner" "$disk" loop
  for phase in publish replace; do
    local picture=a
    if [[ $phase == replace ]]; then picture=b; fi
    copies_while "$picture" "$disk"
    check_copies "$kind" "$phase"
  done
  unmount "$work/inner"
  rm "$disk"
}

# Publishes a picture, and copies the disk meanwhile and afterwards.
copies_while() { # PICTURE DISK
  local number=0 pause began
  publish "$1" "$work/inner/out" &
  local process=$!
  while ((number < DURING)) && kill -0 "$process" 2>/dev/null; do
    copy "$2" $((number++))
    sleep "$DURING_PAUSE"
  done
  wait "$process"
  began=$(date +%s.%N)
  for pause in "${AFTER[@]}"; do
    sleep_until "$began" "$pause"
    copy "$2" $((number++))
  done
  # Moments that were too fast to be copied in the middle are copied at the end.
  while ((number < MOMENTS)); do
    sleep 0.2
    copy "$2" $((number++))
  done
}

copy() { cp --reflink=always "$1" "$work/outer/copy-$(printf %02d "$2").img"; } # DISK NUMBER

sleep_until() { # BEGAN SECONDS
  sleep "$(awk -v from="$1" -v after="$2" -v now="$(date +%s.%N)" \
    'BEGIN { left = from + after - now; print (left > 0 ? left : 0) }')"
}

check_copies() { # KIND PHASE
  local copy options=loop
  # The file system that it is a copy of is still mounted.
  if [[ $1 == xfs ]]; then options=loop,nouuid; fi
  for copy in "$work"/outer/copy-*.img; do
    mount_at "$work/copy" "$copy" "$options"
    check "$1 $2 $(basename "$copy" .img)" "$2"
    unmount "$work/copy"
    rm "$copy"
  done
}

check() { # NAME PHASE
  local said
  if ! said=$(compare "$2" "$work/copy/out/scan"); then
    echo "power: $1: $said"
    failed=$((failed + 1))
  elif [[ $said == none ]]; then
    without=$((without + 1))
  else
    checked=$((checked + 1))
  fi
  # The next run must only trust marks that are true.
  local picture=a
  if [[ $2 == replace ]]; then picture=b; fi
  if ! publish "$picture" "$work/copy/out" || ! said=$(compare "last-$picture" "$work/copy/out/scan"); then
    echo "power: $1: after one more run: $said"
    failed=$((failed + 1))
  fi
}

# Compares an image with what was published without failures. While one picture replaces another, both may be seen, but
# every object is one of either, and none is missing.
compare() { # PHASE FOLDER
  python3 - "$work" "$1" "$2" 2>&1 <<'PYTHON'
import os, sys

work, phase, folder = sys.argv[1:]

def objects(root):
    found = {}
    for directory, _, names in os.walk(root):
        for name in names:
            if not name.startswith("."):
                path = os.path.join(directory, name)
                with open(path, "rb") as file:
                    found[os.path.relpath(path, root)] = file.read()
    return found

a, b, seen = (objects(path) for path in (f"{work}/reference-a/scan", f"{work}/reference-b/scan", folder))
info = seen.get("info.json")
if phase.startswith("last-"):
    wanted = a if phase == "last-a" else b
    wrong = [key for key in wanted.keys() | seen.keys() if wanted.get(key) != seen.get(key)]
elif info is None and phase == "publish":
    print("none")
    sys.exit()
elif info is None or info not in (a["info.json"], b["info.json"]):
    sys.exit(f"info.json is {'missing' if info is None else f'damaged: {len(info)} bytes'}")
else:
    wanted = a if info == a["info.json"] else b
    others = b if phase == "replace" and wanted is a else wanted
    wrong = [key for key in wanted if seen.get(key) not in (wanted[key], others.get(key, wanted[key]))]
if wrong:
    empty = sum(seen.get(key) == b"" for key in wrong)
    missing = sum(key not in seen for key in wrong)
    sys.exit(f"{len(wrong)} of {len(wanted)} objects are wrong ({empty} empty, {missing} missing), such as {sorted(wrong)[0]}")
print("whole")
PYTHON
}

# The pictures are synced after the last of them got its name and before info.json gets its own.
order_of_calls() {
  local log=$work/strace.log
  if ! strace -f -qq -e trace=rename,renameat,renameat2,fsync,fdatasync,syncfs -o "$log" \
    "$program" --quiet --output "$work/traced" --public-url "$URL" --id scan "$work/a.ppm" >/dev/null 2>"$work/strace.err"; then
    echo "power: strace cannot run here: $(tail -n 1 "$work/strace.err")"
    skipped=$((skipped + 1))
    return
  fi
  if awk '
    /rename.*\.jpg"/ { pictures = NR; synced = 0 }
    /(syncfs|fsync).*= 0$/ { if (pictures) synced = NR }
    /rename.*\/info\.json"/ { ordered = synced > pictures && pictures > 0; info = NR }
    /syncfs.*= 0$/ { if (info && NR > info) durable = 1 }
    END { exit !(ordered && durable) }' "$log"; then
    checked=$((checked + 1))
  else
    echo 'power: info.json is not renamed between two syncs'
    tail -n 8 "$log"
    failed=$((failed + 1))
  fi
}

main "$@"
