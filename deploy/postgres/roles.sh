#!/bin/sh
# Runs once, on an empty database: one role and its own databases for the orders, one for Temporal.
set -eu
psql --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
    --set recourse_password="$RECOURSE_DB_PASSWORD" --set temporal_password="$TEMPORAL_DB_PASSWORD" <<'SQL'
CREATE ROLE recourse LOGIN PASSWORD :'recourse_password';
CREATE ROLE temporal LOGIN PASSWORD :'temporal_password';
CREATE DATABASE recourse OWNER recourse;
CREATE DATABASE temporal OWNER temporal;
CREATE DATABASE temporal_visibility OWNER temporal;
REVOKE CONNECT ON DATABASE recourse, temporal, temporal_visibility FROM PUBLIC;
SQL
