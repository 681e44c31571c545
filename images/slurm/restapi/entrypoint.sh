#!/bin/bash
# Start slurmrestd; it knows no secret: callers bring a token.
set -Eeuo pipefail
# shellcheck source=images/slurm/lib.sh
source "${LIB:-$(dirname "${BASH_SOURCE[0]}")/lib.sh}"

start() {
  wait_for_controller
  export SLURM_JWT=daemon
  # It would leave namespaces for isolation, which needs a capability; it is alone in its pod anyway.
  export SLURMRESTD_SECURITY=disable_unshare_sysv,disable_unshare_files
  exec /usr/sbin/slurmrestd -a rest_auth/jwt "${LISTEN:-0.0.0.0:6820}"
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then start_or_run slurmrestd "$@"; fi
