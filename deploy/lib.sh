# Shared by check.sh and slurm/test.sh: packages, the program, servers. Sourced in the top folder of the repository.
# shellcheck shell=bash

readonly HERE=$PWD/target/deploy
servers_pid=

say() { echo "deploy: $*" >&2; }

fail() {
  say "FAILED: $*"
  exit 1
}

# Prints the path of the program that `cargo test` or `cargo build` built last.
built_program() {
  local target=${CARGO_TARGET_DIR:-$PWD/target} newest='' built
  for built in "$target"/{debug,release,dist}/iiif-publish; do
    if [[ -x $built && (! $newest || $built -nt $newest) ]]; then newest=$built; fi
  done
  [[ $newest ]] || fail 'cargo build comes first, or IIIF_PUBLISH names the program'
  echo "$newest"
}

# Installs packages whose commands are missing.
debian_packages() { # COMMAND=PACKAGE...
  local pair packages=() as_root=()
  for pair in "$@"; do command -v "${pair%%=*}" >/dev/null || packages+=("${pair#*=}"); done
  if ((${#packages[@]} == 0)); then return 0; fi
  if ((EUID != 0)); then as_root=(sudo); fi
  say "installing ${packages[*]}"
  "${as_root[@]}" apt-get update --quiet=2
  # Run level 1 starts no service.
  "${as_root[@]}" env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
    apt-get install --quiet=2 --yes --no-install-recommends "${packages[@]}" >&2
}

# Makes the virtual environment NAME with these packages, unless this Python has made it already.
python_packages() { # NAME PACKAGE...
  local directory=$HERE/$1 contents
  contents="$(python3 --version) ${*:2}"
  if [[ $(cat "$directory/contents" 2>/dev/null) == "$contents" ]]; then return 0; fi
  say "installing $1 in target/deploy/$1"
  python3 -m venv --clear "$directory"
  "$(programs_of "$1")/python" -m pip install --quiet --no-input --no-cache-dir --disable-pip-version-check "${@:2}" >&2
  echo "$contents" >"$directory/contents"
}

# Prints the folder of the commands of a virtual environment.
programs_of() { # NAME
  if [[ -d $HERE/$1/Scripts ]]; then echo "$HERE/$1/Scripts"; else echo "$HERE/$1/bin"; fi
}

# Compiles a command from crates.io, quickly rather than well, and puts it in PATH.
cargo_tool() { # NAME@VERSION ARGUMENT...
  PATH=$HERE/cargo/bin:$PATH
  if grep --quiet --fixed-strings "\"${1/@/ } " "$HERE/cargo/.crates.toml" 2>/dev/null; then return 0; fi
  say "compiling $1"
  # Not into the target folder that is shared with the program, nor with its flags.
  env -u CARGO_TARGET_DIR -u RUSTFLAGS -u CFLAGS CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off \
    CARGO_PROFILE_RELEASE_CODEGEN_UNITS=256 cargo install --quiet --locked --root "$HERE/cargo" "$@" >&2
}

now() { date +%s.%N; }

# Writes a picture that needs several tiles into a folder, and prints its path.
a_picture() { # FOLDER
  { printf 'P6 1600 1200 255\n' && head --bytes=$((1600 * 1200 * 3)) /dev/zero; } >"$1/picture.ppm"
  echo "$1/picture.ppm"
}

# Starts servers, exports the variables that localstack/test.sh prints, and ENDPOINT of the first one. `stop_servers` ends them.
start_servers() { # FOLDER ARGUMENT...
  local limit=$((SECONDS + 180)) tether=()
  if command -v setpriv >/dev/null; then tether=(setpriv --pdeathsig TERM); fi
  # Earlier servers may have written to this file, and the background job only empties it once it starts.
  : >"$1/servers.env"
  # It uses its own folder, and reports errors on stderr.
  "${tether[@]}" localstack/test.sh "${@:2}" --serve >"$1/servers.env" </dev/null &
  servers_pid=$!
  until grep -q AWS_REGION "$1/servers.env"; do
    kill -0 "$servers_pid" 2>/dev/null || fail 'the servers did not start'
    ((SECONDS < limit)) || fail 'the servers are not ready yet'
    sleep 0.2
  done
  # shellcheck disable=SC1091
  source "$1/servers.env"
  export ENDPOINT=${IIIF_PUBLISH_TEST_SERVERS#*=} AWS_DEFAULT_REGION=$AWS_REGION
}

stop_servers() {
  if [[ ! $servers_pid ]]; then return 0; fi
  kill -TERM "$servers_pid" 2>/dev/null || true
  wait "$servers_pid" 2>/dev/null || true
  servers_pid=
}
