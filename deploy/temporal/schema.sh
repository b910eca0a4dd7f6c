#!/bin/sh
# Brings Temporal's two databases to the schema of the server's version; changes nothing where that is done.
# SQL_HOST, SQL_PORT, SQL_USER, SQL_PASSWORD and SQL_PLUGIN say where they are.
set -eu
set_up() {
    temporal-sql-tool --db "$1" setup-schema --version 0.0
    temporal-sql-tool --db "$1" update-schema --schema-name "$2"
}
set_up temporal postgresql/v12/temporal
set_up temporal_visibility postgresql/v12/visibility
