#!/bin/bash
# Start MariaDB with one database and one account; the account's password is set at every start, so that the Secret rules.
set -Eeuo pipefail

data=${DATA_DIR:-/var/lib/mysql}/data

main() {
  case ${1:-mariadbd} in
    mariadbd) start ;;
    *) exec "$@" ;;
  esac
}

start() {
  mkdir -p "$data" && chmod 0700 "$data"
  if [[ ! -d $data/mysql ]]; then make_database; fi
  (umask 077 && account_statements >/run/mysqld/account.sql)
  # The options are words of the release, no text of a user.
  # shellcheck disable=SC2086
  exec mariadbd --no-defaults --datadir="$data" --socket=/run/mysqld/mysqld.sock --tmpdir=/tmp \
    --pid-file=/run/mysqld/mysqld.pid --init-file=/run/mysqld/account.sql --skip-name-resolve \
    --performance-schema=OFF ${DATABASE_OPTIONS:-}
}

# In a folder of its own, renamed when complete: a pod killed meanwhile leaves no half database.
make_database() {
  rm -rf "$data.new"
  mariadb-install-db --no-defaults --datadir="$data.new" --auth-root-authentication-method=socket --skip-test-db >&2
  rmdir "$data"
  mv "$data.new" "$data"
}

account_statements() {
  local name=${DATABASE_NAME:-slurm_acct_db} user=${DATABASE_USER:-slurm} password
  password=$(cat "${DATABASE_PASSWORD_FILE:?path of the password}")
  password=${password//\\/\\\\}
  password=${password//\'/\\\'}
  cat <<SQL
CREATE DATABASE IF NOT EXISTS \`$name\`;
CREATE USER IF NOT EXISTS '$user'@'%';
ALTER USER '$user'@'%' IDENTIFIED BY '$password';
GRANT ALL ON \`$name\`.* TO '$user'@'%';
FLUSH PRIVILEGES;
SQL
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then main "$@"; fi
