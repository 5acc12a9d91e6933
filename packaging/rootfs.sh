#!/bin/sh
# Makes the root file system of the container image: rootfs.sh DIRECTORY
#
# The Dockerfile runs this, and so does tests/image/run.sh without Docker. The binary is linked
# against the static C library of the machine, jemalloc inside: it needs nothing but itself. (The
# GNU library rather than musl: its target is part of every Rust toolchain, and it looks names up
# in /etc/hosts and by DNS without further files.) PROFILE=dev makes a quick build for tests.
set -eu
root=$1
profile=${PROFILE:-release}
busybox=${BUSYBOX:-/bin/busybox}
cd "$(dirname "$0")/.."

if [ ! -x "$busybox" ] || readelf -l "$busybox" | grep -q INTERP; then
  echo "$busybox must be the static one (Debian: busybox-static)" >&2
  exit 1
fi

cargo build --locked --profile "$profile" --bin redis-server
folder=$profile
[ "$profile" = dev ] && folder=debug
binary=${CARGO_TARGET_DIR:-target}/$folder/redis-server
if readelf -l "$binary" | grep -q INTERP; then
  echo "$binary is not static: the C compiler has no libc.a (see build.rs)" >&2
  exit 1
fi

mkdir -p "$root/bin" "$root/etc" "$root/usr/local/bin" "$root/proc" "$root/dev" "$root/sys"
install -d -m 1777 "$root/tmp"
install -d -o 999 -g 1000 -m 755 "$root/data"

# Function names stay: a crash report without them says little.
strip --strip-debug -o "$root/usr/local/bin/redis-server" "$binary"
chmod 755 "$root/usr/local/bin/redis-server"
for name in redis-cli redis-check-aof redis-check-rdb docker-entrypoint docker-entrypoint.sh; do
  ln -sf redis-server "$root/usr/local/bin/$name"
done

# A shell and its tools, for health checks and commands in shell form.
install -m 755 "$busybox" "$root/bin/busybox"
for name in $("$busybox" --list); do
  [ "$name" = busybox ] || ln -sf busybox "$root/bin/$name"
done

cat >"$root/etc/passwd" <<END
root:x:0:0:root:/root:/bin/sh
redis:x:999:1000:redis:/data:/bin/sh
nobody:x:65534:65534:nobody:/:/bin/false
END
cat >"$root/etc/group" <<END
root:x:0:
redis:x:1000:
nogroup:x:65534:
END
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
