#!/bin/bash
# Make a database in /data with the account `hub`, and serve it to whoever knows its password.
set -Eeuo pipefail
bin=$(echo /usr/lib/postgresql/*/bin)
if [[ ! -d /data/db ]]; then
  "$bin/initdb" --pgdata=/data/db --username=hub --pwfile=/run/password/password --auth=scram-sha-256
  echo "host all all all scram-sha-256" >>/data/db/pg_hba.conf
fi
exec "$bin/postgres" -D /data/db -c listen_addresses='*' -c unix_socket_directories=/tmp
