#!/usr/bin/env bash
# Runs the tests of applications: redis-py 5.0.1 and the newest release, RESP2 and RESP3, with and
# without its parser in C; Flask-Session and Celery of both times; Socket.IO servers that share
# rooms; redis-cli; the server's start.
#
#   run.sh [PYTEST-ARGUMENT...]
#
# Environments are made under target/venvs and used again by later runs.
#   REDIS_SERVER    binary under test (default: the newer one of the debug and release builds)
set -eu
cd "$(dirname "$0")/../.."
target=${CARGO_TARGET_DIR:-target}

if [ -z "${REDIS_SERVER:-}" ]; then
  REDIS_SERVER=$(ls -t "$target/debug/redis-server" "$target/release/redis-server" 2>/dev/null |
    head -n 1 || true)
fi
if [ -z "$REDIS_SERVER" ]; then
  cargo build --bin redis-server
  REDIS_SERVER=$target/debug/redis-server
fi
# The name it is called by matters to some servers, so links stay as they are.
REDIS_SERVER=$(realpath -s "$REDIS_SERVER")
export REDIS_SERVER PYTHONDONTWRITEBYTECODE=1 PIP_DISABLE_PIP_VERSION_CHECK=1

python3 -c 'import venv, ensurepip' 2>/dev/null || {
  echo "tests/apps: python3 with venv is missing; on Debian: apt-get install python3-venv" >&2
  exit 1
}

venvs=$target/venvs
for age in old new; do
  folder=$venvs/$age list=tests/apps/requirements-$age.txt
  if ! cmp -s "$list" "$folder/installed.txt"; then
    python3 -m venv --clear "$folder"
    "$folder/bin/python" -m pip install --quiet -r "$list"
    cp "$list" "$folder/installed.txt"
  fi
done
# Beside the environments, so that one of them can be used with and without it.
list=tests/apps/requirements-hiredis.txt
if ! cmp -s "$list" "$venvs/hiredis/installed.txt"; then
  "$venvs/old/bin/python" -m pip install --quiet --upgrade --target "$venvs/hiredis" -r "$list"
  cp "$list" "$venvs/hiredis/installed.txt"
fi

failed=0
# run AGE WHAT FILE...: the tests of these files in one environment.
run() {
  local age=$1 what=$2
  shift 2
  echo "$what, $("$venvs/$age/bin/python" -c 'import redis; print("redis-py", redis.__version__)')"
  "$venvs/$age/bin/python" -m pytest -q -p no:cacheprovider --timeout 120 \
    -W ignore::DeprecationWarning "${@/#/tests/apps/test_}" "${arguments[@]}" || failed=1
}
arguments=("$@")
snippets=(portal.py booking.py platform.py reference.py fastapi_cache.py two_pools.py)

run old "RESP2" "${snippets[@]}" redis_py.py between.py flask_session.py celery.py
PROTOCOL=3 run old "RESP3" "${snippets[@]}"
PYTHONPATH=$venvs/hiredis run old "hiredis" "${snippets[@]}"
run new "RESP2" "${snippets[@]}" redis_py.py between.py socketio.py flask_session.py celery.py \
  redis_cli.py server_start.py
exit "$failed"
