#!/bin/sh
# The roles and databases of an installation, for its superuser. Run once by a container of PostgreSQL that starts empty;
# may be run again, such as to change a password. Each program logs in as the one role that it needs. Nobody logs in as
# recourse_keeper, for `recourse privacy erase`, before you say so: ALTER ROLE recourse_keeper LOGIN PASSWORD '…'.
set -eu
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
    --set migrate_password="$RECOURSE_MIGRATE_DB_PASSWORD" --set worker_password="$RECOURSE_WORKER_DB_PASSWORD" \
    --set web_password="$RECOURSE_WEB_DB_PASSWORD" --set reader_password="$RECOURSE_READER_DB_PASSWORD" \
    --set temporal_password="$TEMPORAL_DB_PASSWORD" <<'SQL'
SELECT format('CREATE ROLE %I', name) FROM unnest(ARRAY[
    'recourse_migrator', 'recourse_app', 'recourse_web', 'recourse_reader', 'recourse_keeper', 'temporal'
]) AS name WHERE to_regrole(name) IS NULL \gexec
ALTER ROLE recourse_migrator LOGIN PASSWORD :'migrate_password';
ALTER ROLE recourse_app LOGIN PASSWORD :'worker_password';
ALTER ROLE recourse_web LOGIN PASSWORD :'web_password';
ALTER ROLE recourse_reader LOGIN PASSWORD :'reader_password';
ALTER ROLE temporal LOGIN PASSWORD :'temporal_password';
SELECT format('CREATE DATABASE %I OWNER %I', name, owner) FROM (VALUES
    ('recourse', 'recourse_migrator'), ('temporal', 'temporal'), ('temporal_visibility', 'temporal')
) AS wanted (name, owner) WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = name) \gexec
-- Nobody needs temporary tables, which a session looks into before all others.
REVOKE CONNECT, TEMPORARY ON DATABASE recourse, temporal, temporal_visibility FROM PUBLIC;
GRANT CONNECT ON DATABASE recourse TO recourse_app, recourse_web, recourse_reader, recourse_keeper;
SQL
