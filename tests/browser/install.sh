# To be sourced: what scripts that drive a browser need. Chromium comes from Debian where there is none, all else from npm.

# install_browser FOLDER: the scripts of this folder with their packages, in FOLDER, and CHROMIUM.
install_browser() {
  if [[ ! ${CHROMIUM:-} ]]; then
    if ! command -v chromium >/dev/null; then
      local as_root=()
      if ((EUID != 0)); then as_root=(sudo); fi
      "${as_root[@]}" apt-get update --quiet
      "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install --quiet --yes --no-install-recommends chromium
    fi
    CHROMIUM=$(command -v chromium)
    export CHROMIUM
  fi
  mkdir -p "$1"
  cp tests/browser/package.json tests/browser/package-lock.json tests/browser/*.mjs tests/browser/viewers.json "$1"
  npm ci --prefix "$1" --silent --no-audit --no-fund
}
