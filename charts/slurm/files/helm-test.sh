#!/bin/bash
# What `helm test` runs: real jobs on the real cluster. One line per check: name, ok or FAILED, detail; tabs between.
set -uo pipefail
failed=0

main() {
  /usr/sbin/sackd -D --conf-server "$CONTROLLER_ADDRESS" >/tmp/sackd.log 2>&1 &
  until [[ -S /run/slurm/sack.socket ]]; do sleep 0.2; done
  cd /tmp || exit 1
  printf 'check\tresult\tdetail\n'
  check configuration newest_configuration_is_in_use
  check nodes nodes_are_idle
  check sbatch batch_job_ends
  check array array_ends
  check mpi mpi_world_is_whole
  if [[ -n ${ACCOUNTING_HOST:-} ]]; then check accounting job_is_accounted; fi
  if [[ -n ${REST_ADDRESS:-} ]]; then check rest rest_api_answers; fi
  exit "$failed"
}

check() {
  local name=$1 detail result=ok
  detail=$("$2" 2>&1) || { result=FAILED && failed=1; }
  printf '%s\t%s\t%s\n' "$name" "$result" "$(tr '\n\t' '  ' <<<"$detail")"
}

# slurmctld gives its clients the configuration that it uses; it keeps an old one when it cannot read the newest.
newest_configuration_is_in_use() {
  if ! diff <(sort /etc/hpc/slurm/slurm.conf) <(sort /run/slurm/conf/slurm.conf); then
    echo 'the newest slurm.conf was refused (see the log of container keeper) or is not loaded yet'
    return 1
  fi
}

nodes_are_idle() {
  for _ in {1..60}; do
    [[ -n $(sinfo -h -t idle,mixed,alloc -o %N) ]] && break
    sleep 1
  done
  sinfo -h -N -o '%N=%T'
  [[ -n $(sinfo -h -t idle,mixed,alloc -o %N) ]]
}

batch_job_ends() { sbatch --parsable --wait -t 2 -o /dev/null --wrap true | tee /tmp/job; }

array_ends() { sbatch --parsable --wait -t 2 -a 0-3 -o /dev/null --wrap true; }

mpi_world_is_whole() {
  local said
  said=$(srun -t 2 -n "$MPI_TASKS" /opt/env/bin/python -c 'from mpi4py import MPI; print(MPI.COMM_WORLD.size)' | sort | uniq -c)
  echo "$said"
  [[ $said =~ ^\ *"$MPI_TASKS $MPI_TASKS"$ ]]
}

job_is_accounted() {
  for _ in {1..60}; do
    [[ $(sacct -n -X -P -j "$(cat /tmp/job)" -o State) == COMPLETED ]] && break
    sleep 1
  done
  sacct -n -X -P -j "$(cat /tmp/job)" -o JobID,Account,State | grep COMPLETED
}

rest_api_answers() {
  /opt/env/bin/python - "$REST_ADDRESS" "$(scontrol token lifespan=60 | cut -d= -f2)" <<'PYTHON'
import sys, urllib.request
address, token = sys.argv[1:]
request = urllib.request.Request(f"http://{address}/slurm/v0.0.42/ping", headers={"X-SLURM-USER-TOKEN": token})
print(urllib.request.urlopen(request, timeout=60).status)
PYTHON
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then main "$@"; fi
