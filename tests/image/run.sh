#!/usr/bin/env bash
# Builds the root file system of the image as the Dockerfile does and runs it under chroot, without
# Docker. Needs root for that, and says so otherwise.
set -eu
cd "$(dirname "$0")/../.."

if [ "$(id -u)" != 0 ]; then
  echo 'image: not tested, since changing the root directory is for root alone'
  exit 0
fi

work=$(mktemp -d)
root=$work/root
server=
cleanup() {
  [ -z "$server" ] || kill -9 "$server" 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT

fail() {
  echo "image: $1" >&2
  [ ! -f "$work/log" ] || cat "$work/log" >&2
  exit 1
}

# Makes the comparison and shows both sides: WHAT GOT WANTED
same() {
  [ "$2" = "$3" ] || fail "$1: got '$2', expected '$3'"
  passed=$((passed + 1))
}
passed=0

# A quick build does to see whether it runs; it is several times the size of what is shipped, and
# only PROFILE=release shows that size.
export PROFILE=${PROFILE:-dev}
limit=40
[ "$PROFILE" = dev ] || limit=15
packaging/rootfs.sh "$root"
kilobytes=$(du -sk "$root" | cut -f1)
[ "$kilobytes" -le $((limit * 1024)) ] || fail "$kilobytes KB are more than $limit MB"
echo '127.0.0.1 localhost redis-host' >"$root/etc/hosts"

# A command in the image, as the container runtime would start it: USER:GROUP COMMAND... It takes
# the place of the (sub)shell, so that the shell's child is the command itself.
inside() {
  local user=$1
  shift
  exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    REDSTART_DEFAULTS='protected-mode no' \
    chroot --userspec="$user" "$root" /bin/sh -c 'cd /data; exec "$@"' sh "$@"
}

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("", 0)); print(s.getsockname()[1])')
cli() { inside 0:0 redis-cli -p "$port" "$@"; }

# Starts the server in the background and waits for its word: USER:GROUP ARGUMENT...
start() {
  : >"$work/log"
  inside "$@" >"$work/log" 2>&1 &
  server=$!
  for _ in $(seq 200); do
    grep -q 'Ready to accept connections' "$work/log" && return
    kill -0 "$server" 2>/dev/null || fail 'the server ended'
    sleep 0.05
  done
  fail 'the server is not ready'
}

stop() {
  kill -TERM "$server"
  wait "$server" || fail 'the server did not end well'
  server=
}

ids() { awk '/^(Uid|Gid|Groups):/ { print $1, $2 }' "/proc/$server/status" | xargs; }

# As root, with files of root in the volume, and options alone.
mkdir "$root/data/sub"
touch "$root/data/sub/dump.rdb"
start 0:0 docker-entrypoint --port "$port"
same 'user of the server' "$(ids)" 'Uid: 999 Gid: 1000 Groups:'
same 'owner of the volume' "$(stat -c %u:%g "$root/data/sub/dump.rdb")" 999:1000
same 'health check' "$(cli ping)" PONG
same 'health check in shell form' "$(inside 0:0 sh -c "redis-cli -p $port ping | grep -c PONG")" 1
same 'health check by name' "$(cli -h redis-host ping)" PONG
same 'protected mode' "$(cli config get protected-mode | tail -1)" no
same 'working directory' "$(cli config get dir | tail -1)" /data
stop

# A configuration file has the last word.
printf 'protected-mode yes\nport %s\n' "$port" >"$root/etc/my.conf"
start 0:0 docker-entrypoint /etc/my.conf
same 'protected mode of the file' "$(cli config get protected-mode | tail -1)" yes
stop

# Started as another user, nothing is handed over: neither what was saved nor the place to save.
same 'data of the first run' "$(stat -c %u:%g "$root/data/dump.rdb")" 999:1000
rm "$root/data/dump.rdb"
touch "$root/data/sub/theirs"
start 1234:1234 docker-entrypoint.sh redis-server --port "$port" --save ''
same 'chosen user' "$(ids)" 'Uid: 1234 Gid: 1234 Groups:'
same 'untouched owner' "$(stat -c %u "$root/data/sub/theirs")" 0
stop

# Other commands are left alone; the files of the server are its own.
same 'another command' "$(inside 0:0 docker-entrypoint sh -c 'id -u; umask')" "$(printf '0\n0077')"
same 'no such command' "$( (inside 0:0 docker-entrypoint nothing-here 2>/dev/null) || echo $?)" 127
same 'user by name' "$(inside 0:0 id -u redis)" 999

echo "image: $passed passed, $((kilobytes / 1024)) MB"
