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

# Each rank says how large its world is and where it is. Ranks without a CPU would wait for ever, so there are none.
mpi_world_is_whole() {
  local idle cpus up ranks nodes spread=() said world hosts why=
  read -r idle cpus up < <(nodes_of_default_partition)
  # Where no node is idle, Slurm chooses, and the job waits as any would.
  ((idle)) || cpus=$up
  if ((cpus == 0)); then echo 'no node of the default partition is up' && return 1; fi
  ranks=$((MPI_TASKS < cpus ? MPI_TASKS : cpus))
  nodes=$((idle < ranks ? idle : ranks))
  if ((nodes)); then spread=(-N "$nodes"); fi
  if ((ranks < MPI_TASKS)); then why=" (of test.mpiTasks=$MPI_TASKS: no more CPUs are free)"; fi
  said=$(srun -t 2 "${spread[@]}" -n "$ranks" /opt/env/bin/python -c \
    'from mpi4py import MPI; print(MPI.COMM_WORLD.size, MPI.Get_processor_name())' | sort | uniq -c)
  world=$(awk -v size="$ranks" '{ ranks += $1 } $2 != size { broken = 1 } END { print ranks, broken + 0 }' <<<"$said")
  if [[ $world != "$ranks 0" ]]; then echo "$said" && return 1; fi
  hosts=$(wc -l <<<"$said")
  if ((nodes && hosts != nodes)); then echo "ranks=$ranks nodes=$hosts, not on the $nodes that were idle" && return 1; fi
  echo "ranks=$ranks nodes=$hosts$why"
}

# How many nodes are idle, how many CPUs these have, and how many all have that are up; nodes that clean up after a job are idle soon.
nodes_of_default_partition() {
  for _ in {1..30}; do
    [[ -z $(sinfo -h -t completing -o %N) ]] && break
    sleep 1
  done
  sinfo -h -N -p "$(sinfo -h -o %P | sed -n 's/\*$//p')" -o '%t %c %N' | awk '
    $1 == "idle" { idle++; cpus += $2 }
    $1 ~ /^(idle|mix|alloc|comp|plnd)-?$/ { up += $2 }
    END { print idle + 0, cpus + 0, up + 0 }'
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
