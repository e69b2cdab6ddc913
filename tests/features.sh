#!/usr/bin/env bash
# features.sh [--each]: checks that the library builds without warnings with no feature, with some and with all (with `--each`, also
# with each one alone), that the optional decoders work, and that the features for libraries bring neither the command line nor an
# HTTP server.
set -euo pipefail
cd "$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)"

# Crates that only the command line needs, and the AWS SDK.
readonly COMMAND_LINE='clap|clap_complete|clap_mangen|console|deunicode|indicatif|open|sysinfo|textwrap|toml|wild'
readonly SDK='aws-(config|runtime|sdk-[a-z0-9]*|smithy-[a-z0-9-]*|types)'

main() {
  local sets=('' 'jp2,webp' heic openjpeg pdf 'serve,spreadsheets,web' s3)
  if [[ ${1:-} == --each ]]; then sets+=(avif jp2 jxl psd serve spreadsheets web webp); fi
  for features in "${sets[@]}"; do
    builds "$features"
  done
  cargo clippy --quiet --lib --test decoders --all-features -- -D warnings
  cargo test --quiet --lib --no-default-features feature
  # The decoders that are not in the program.
  tests/unit.sh heic heif jp2 jpeg_2000 matrix
  lacks s3 "$COMMAND_LINE|reqwest|hayro|hayro-jpeg2000"
  lacks jp2,pdf,spreadsheets,web,webp "$COMMAND_LINE|$SDK"
  # `hyper` itself is the client of the SDK and of `web`; the server is a feature of it.
  cargo tree --quiet -e normal,features --no-default-features --features s3,web -i hyper |
    { grep 'hyper feature "server"' || true; } | none "an HTTP server with s3 and web"
  echo 'every feature builds, and brings only what it needs'
}

builds() { # FEATURES
  echo "features: ${1:-none}"
  cargo check --quiet --lib --no-default-features --features "$1" 2>&1 | none "warnings with the features \`$1\`"
}

lacks() { # FEATURES CRATES
  cargo tree --quiet -e normal --no-default-features --features "$1" --prefix none --format '{p}' |
    { grep -E "^($2) " || true; } | sort -u | none "crates that \`$1\` does not need"
}

none() { # WHAT
  local lines
  lines=$(cat)
  [[ -z $lines ]] && return
  echo "features.sh: $1:" >&2
  echo "$lines" >&2
  return 1
}

main "$@"
