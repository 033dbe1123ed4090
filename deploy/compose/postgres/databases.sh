#!/bin/bash
# Run once, on an empty data volume: a role and a database of its own for each service, named by the
# files that hold their passwords. Nobody else may connect to it.
set -euo pipefail

for file in /run/parts/*; do
  name=$(basename "$file")
  [ "$name" != superuser ] || continue
  # psql reads the file itself: no password is on a command line
  PASSWORD_FILE=$file psql -q -v ON_ERROR_STOP=1 -U postgres -v name="$name" <<'SQL'
\set password `cat "$PASSWORD_FILE"`
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
done
