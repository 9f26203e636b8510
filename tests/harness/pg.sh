#!/bin/sh
# A scratch PostgreSQL for one test run: own folder, Unix socket only, no fsync unless asked.
#
#     pg.sh start DIR [fsync]   prints the conninfo of its superuser
#     pg.sh stop DIR            ends it and removes DIR
set -eu
umask 022
bin=$(pg_config --bindir)
port=5432 # names the socket in DIR; nothing listens on TCP

as_postgres() { # PostgreSQL refuses to run as root
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid=postgres --regid=postgres --clear-groups "$@"
    else
        "$@"
    fi
}

start() {
    mkdir -p "$1"
    if [ "$(id -u)" = 0 ]; then chown postgres: "$1"; fi
    cd "$1"
    as_postgres "$bin/initdb" --pgdata=data --username=postgres --auth=trust --encoding=UTF8 \
        --locale=C --no-sync >initdb.log
    cat >>data/postgresql.conf <<CONF
listen_addresses = ''
unix_socket_directories = '$1'
port = $port
fsync = $2
max_connections = 100
shared_buffers = 32MB
timezone = UTC
deadlock_timeout = 50ms
CONF
    as_postgres "$bin/pg_ctl" --pgdata=data --log=server.log --wait --silent start
    echo "host=$1 port=$port user=postgres dbname=postgres"
}

stop() {
    cd "$1"
    as_postgres "$bin/pg_ctl" --pgdata=data --mode=immediate --wait --silent stop || true
    cd /
    rm -rf "$1"
}

case "${1-} ${3-}" in
"start fsync") start "$2" on ;;
"start ") start "$2" off ;;
"stop ") stop "$2" ;;
*) sed -n '2,5s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
