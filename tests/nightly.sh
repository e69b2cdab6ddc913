#!/usr/bin/env bash
# Runs what takes too long for every change, in about five hours on two cores. `.ci/run` comes before it.
#
#   tests/nightly.sh [STEP]...        all steps, or those that are named; `tests/nightly.sh --list` prints the names
#
# Needs what `.ci/run` installs. A step that fails does not stop the others.
set -euo pipefail
cd "$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)"
exec </dev/null
export IIIF_PUBLISH_TEST_ALL=1 # a test that cannot run fails

readonly STEPS=(unit features deny fuzz long model servers power viewers collections release)

failed=()

main() {
  if [[ ${1:-} == --list ]]; then printf '%s\n' "${STEPS[@]}" && exit; fi
  if (($# == 0)); then set -- "${STEPS[@]}"; fi
  local step
  for step; do
    if ! [[ " ${STEPS[*]} " == *" $step "* ]]; then
      echo "nightly: no step \`$step\`; the steps are ${STEPS[*]}" >&2
      exit 2
    fi
  done
  for step; do run "$step"; done
  echo "nightly: $# steps in $SECONDS s, ${#failed[@]} failed${failed[*]:+: ${failed[*]}}"
  ((${#failed[@]} == 0))
}

# In a process of its own, because `set -e` does not apply inside of a condition.
run() { # STEP
  local begin=$SECONDS status=0
  echo "==> $1"
  bash -euo pipefail -c "$(declare -f "step_$1"); step_$1" || status=$?
  echo "==> $1: status $status after $((SECONDS - begin)) s"
  if ((status)); then failed+=("$1"); fi
}

# The inner loop, which builds without the command line.
step_unit() { tests/unit.sh; }

step_features() { tests/features.sh --each; }

# Licenses, sources and advisories of all crates. The advisories come from GitHub, which not every machine reaches.
step_deny() {
  # Built for one run: quickly rather than well.
  CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=256 \
    cargo install --quiet --locked --root target/deny --no-default-features cargo-deny@0.20.2
  target/deny/bin/cargo-deny --log-level error check licenses bans sources
  if git ls-remote --quiet https://github.com/rustsec/advisory-db HEAD >/dev/null 2>&1; then
    target/deny/bin/cargo-deny --log-level error check advisories
  else
    echo 'advisories: NOT checked, their database cannot be reached from here'
  fi
}

# Ten minutes for each group of decoders.
step_fuzz() {
  export IIIF_PUBLISH_TEST_FUZZ_SECONDS=600
  cargo test --test decoders -- fuzz:: --nocapture
  # Those that are not in the program.
  cargo test --test decoders --features heic,openjpeg -- damaged_heic damaged_jpeg_2000 --nocapture
}

# Storms and outages of up to a minute, 200 kills of each case, a bomb of 361 Mpixel.
step_long() { IIIF_PUBLISH_TEST_LONG=1 cargo test --test it -- faults:: kills:: watched:: limits::; }

# One more preemption, and more kills.
step_model() { IIIF_PUBLISH_TEST_LONG=1 cargo test --test model; }

# The kills on every server, and 300 pairs of runs that meet.
step_servers() { IIIF_PUBLISH_TEST_LONG=1 IIIF_PUBLISH_TEST_MEETINGS=300 localstack/test.sh; }

step_power() {
  local round
  for round in 1 2 3 4 5; do
    echo "round $round"
    tests/power.sh
  done
}

step_viewers() { tests/viewers.sh; }

step_collections() {
  cargo build --profile dist --quiet
  tests/bench/collection.py rows --rows 100000
  tests/bench/collection.py nights
}

# The wheel of a release, linked for an old glibc, everything that is made of it, and a second build that must be equal.
step_release() {
  local wheel archive
  wheel=$(deploy/release/build.sh target/nightly)
  deploy/pypi/test.sh "$wheel"
  archive=$(deploy/release/package.sh target/nightly "$wheel")
  deploy/debian/test.sh "$(deploy/debian/build.sh "$archive")"
  deploy/release/reproducible.sh "$wheel"
}

main "$@"
