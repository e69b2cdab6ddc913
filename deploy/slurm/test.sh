#!/usr/bin/env bash
# The scripts of this folder on a real Slurm: eight tasks publish a collection into SeaweedFS; meanwhile one of them is requeued
# and another one killed. The result must be exactly that of a single run.
# Installs Slurm from Debian packages, and starts it for this test only, without systemd, with files and ports of its own.
set -euo pipefail
cd "$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)"
# shellcheck source=deploy/lib.sh
source deploy/lib.sh

readonly BUCKET=tiles PUBLIC_URL=https://tiles.example.org IMAGES=120 TASKS=8
# Slow enough that every task still works when two of them are stopped: some 400 puts each.
readonly PUTS_PER_SECOND=${IIIF_PUBLISH_TEST_PUTS_PER_SECOND:-30}
readonly LIMIT_SECONDS=300
readonly REQUEUED=3 KILLED=5

run=        # what this run writes
socket=     # of munged
daemons=()  # process ids of munged, slurmctld and slurmd

main() {
  unset "${!SLURM_@}" "${!SBATCH_@}" AWS_PROFILE AWS_SESSION_TOKEN AWS_ENDPOINT_URL AWS_ENDPOINT_URL_S3
  export AWS_CONFIG_FILE=/nonexistent AWS_SHARED_CREDENTIALS_FILE=/nonexistent
  debian_packages munged=munge slurmctld=slurmctld slurmd=slurmd sbatch=slurm-client
  python_packages boto3 boto3==1.44.5
  mkdir -p "$HERE/slurm"
  run=$(mktemp -d "$HERE/slurm/XXXXXX")
  trap stop EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  start_slurm
  start_servers "$run" --only seaweedfs
  export IIIF_PUBLISH=${IIIF_PUBLISH:-$(built_program)} AWS_ENDPOINT_URL_S3=$ENDPOINT
  python3 deploy/slurm/collection.py "$run/masters" --images "$IMAGES"
  outcome create
  publish_by_slurm
  publish_alone
  outcome compare
}

# The same collection for both runs. Only the prefixes of the keys differ; the contents of the objects are equal.
arguments() { # PREFIX
  echo --table "$run/masters/images.csv" --bucket "$BUCKET" --prefix "$1" --public-url "$PUBLIC_URL" --label Test
}

publish_alone() {
  local words
  read -r -a words <<<"$(arguments alone)"
  "$IIIF_PUBLISH" ingest "${words[@]}" --progress none >/dev/null
}

publish_by_slurm() {
  local words jobs parts finish
  export IIIF_PUBLISH_REPORTS=$run/reports
  read -r -a words <<<"$(arguments slurm)"
  jobs=$(cd "$run" && "$OLDPWD/deploy/slurm/submit" "${words[@]}" --max-rps "$PUTS_PER_SECOND")
  read -r parts finish <<<"$jobs"
  [[ $parts && $finish ]] || fail "\`submit\` printed no two numbers: $jobs"
  wait_until_half_done "$parts" "$REQUEUED"
  wait_until_half_done "$parts" "$KILLED"
  say "requeueing task $REQUEUED and killing task $KILLED, while both run"
  scontrol requeue "${parts}_$REQUEUED"
  kill -KILL "$(pgrep -f -- "--report $IIIF_PUBLISH_REPORTS/part-$KILLED-start-0.jsonl")"
  wait_for "$parts" "$finish"
  expect_ended_well "$parts" "$finish"
}

# Some of its images are published, some are not, and Slurm says that it runs.
wait_until_half_done() { # JOB TASK
  local report=$IIIF_PUBLISH_REPORTS/part-$2-start-0.jsonl limit=$((SECONDS + LIMIT_SECONDS))
  until (($(lines '"published"' "$report") >= 3)); do
    ((SECONDS < limit)) || fail "task $2 has published nothing yet: $(squeue)"
    sleep 0.1
  done
  (($(lines '"published"' "$report") < $(lines '"planned"' "$report"))) || fail "task $2 has ended too early to be stopped"
  [[ $(scontrol show job "$1_$2") == *JobState=RUNNING* ]] || fail "task $2 does not run: $(scontrol show job "$1_$2")"
}

lines() { cat "$2" 2>/dev/null | grep -c "\"status\":$1" || true; } # STATUS FILE

wait_for() { # JOB...
  local limit=$((SECONDS + LIMIT_SECONDS)) jobs
  jobs=$(IFS=, && echo "$*")
  while [[ $(squeue --noheader --jobs "$jobs") ]]; do
    ((SECONDS < limit)) || fail "the jobs have not ended: $(squeue --jobs "$jobs")"
    sleep 0.5
  done
}

# All with exit code 0, and only the two that were stopped have begun a second time.
expect_ended_well() { # PARTS FINISH
  local task restarts job
  for ((task = 0; task < TASKS; task++)); do
    restarts=$((task == REQUEUED || task == KILLED))
    job=$(scontrol show job "$1_$task")
    [[ $job == *"JobState=COMPLETED"*"Restarts=$restarts "*"ExitCode=0:0"* ]] || fail "task $task: $job"
  done
  job=$(scontrol show job "$2")
  [[ $job == *"JobState=COMPLETED"*"ExitCode=0:0"* ]] || fail "the last job: $job"
}

outcome() { # create|compare
  "$HERE/boto3/bin/python" deploy/slurm/outcome.py "$1" --endpoint "$ENDPOINT" --bucket "$BUCKET" \
    --reports "$run/reports" --images "$IMAGES" --stopped "$REQUEUED" "$KILLED"
}

start_slurm() {
  local ports
  read -r -a ports <<<"$(free_ports 2)"
  mkdir "$run"/{state,spool}
  dd if=/dev/urandom of="$run/munge.key" bs=128 count=1 status=none
  chmod 400 "$run/munge.key"
  # Not in the folder of this run: the path of a socket has at most 107 characters.
  socket=$(mktemp -d)/munge
  chmod 755 "${socket%/*}" # munged insists
  slurm_conf "${ports[@]}" >"$run/slurm.conf"
  export SLURM_CONF=$run/slurm.conf
  daemon munged munged --foreground --socket="$socket" --key-file="$run/munge.key" --pid-file="$run/munged.pid" \
    --seed-file="$run/munged.seed" --log-file="$run/munged.log"
  wait_until 'munged answers' test -S "$socket"
  daemon slurmctld slurmctld -D -c
  wait_until 'slurmctld answers' scontrol ping
  daemon slurmd slurmd -D
  wait_until 'the node is idle' node_is_idle
}

# One node, which counts as 32 processors whatever it has: eight tasks of four each run at once.
slurm_conf() { # PORT PORT
  local host && host=$(hostname -s)
  cat <<CONF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$1
SlurmdPort=$2
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthType=auth/munge
# A requeued task waits until the credential of its first start is over: two minutes by default.
AuthInfo=socket=$socket,cred_expire=5
StateSaveLocation=$run/state
SlurmdSpoolDir=$run/spool
SlurmctldPidFile=$run/slurmctld.pid
SlurmdPidFile=$run/slurmd.pid
SlurmctldLogFile=$run/slurmctld.log
SlurmdLogFile=$run/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
MailProg=/bin/true
ReturnToService=2
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
NodeName=$host NodeAddr=127.0.0.1 CPUs=32 RealMemory=131072
PartitionName=test Nodes=ALL Default=YES MaxTime=INFINITE
CONF
}

node_is_idle() { [[ $(sinfo --noheader --format=%t 2>/dev/null) == idle ]]; }

free_ports() { # COUNT
  python3 - "$1" <<'PYTHON'
import random, socket, sys
probes = []
for port in random.sample(range(20_000, 32_000), 12_000):
    probe = socket.socket()
    try:
        probe.bind(("127.0.0.1", port))
        probes.append(probe)
    except OSError:
        probe.close()
    if len(probes) == int(sys.argv[1]):
        break
print(*(probe.getsockname()[1] for probe in probes))
PYTHON
}

daemon() { # NAME COMMAND...
  local path && path=$(PATH=$PATH:/usr/sbin:/sbin command -v "$2")
  setpriv --pdeathsig KILL "$path" "${@:3}" >"$run/$1.out" 2>&1 </dev/null &
  daemons+=($!)
  disown # so that bash says nothing when `stop` kills it
}

wait_until() { # WHAT COMMAND...
  local limit=$((SECONDS + 30))
  until "${@:2}" >/dev/null 2>&1; do
    ((SECONDS < limit)) || fail "waited in vain until $1: $(tail -n 20 "$run"/*.{out,log} 2>/dev/null)"
    sleep 0.2
  done
}

# In any case: first the jobs, then the daemons, then the servers.
stop() {
  local status=$?
  trap '' INT TERM HUP
  if ((status)); then tail -n 15 "$run"/slurm{ctld,d}.log "$run"/iiif-publish-*.log >&2 || true; fi
  local pid
  for pid in "${daemons[@]}"; do kill -KILL "$pid" 2>/dev/null || true; done
  # The processes of jobs outlive slurmd. They are known by the configuration in their environment.
  for pid in $(processes_of_this_run); do kill -KILL "$pid" 2>/dev/null || true; done
  stop_servers
  wait 2>/dev/null || true
  if [[ $socket ]]; then rm -rf "${socket%/*}"; fi
  if [[ $run ]]; then rm -rf "$run"; fi
  if ((status == 0)); then say 'Slurm: as one run'; fi
}

processes_of_this_run() {
  local environment
  for environment in /proc/[0-9]*/environ; do
    [[ $environment == "/proc/$$/environ" || $environment == "/proc/$BASHPID/environ" ]] && continue
    grep -qsFz "SLURM_CONF=$run/slurm.conf" "$environment" && basename "${environment%/environ}"
  done
}

main "$@"
