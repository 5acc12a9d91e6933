#!/usr/bin/env bash
# Runs the tests of real clients with redis-py 5.0.1 and with the newest release.
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
export REDIS_SERVER

python3 -c 'import venv, ensurepip' 2>/dev/null || {
  echo "tests/apps: python3 with venv is missing; on Debian: apt-get install python3-venv" >&2
  exit 1
}

# The environment for one requirement of redis-py; pip decides whether there is work to do.
environment() {
  local folder=$target/venvs/$1 requirement=$2
  [ -x "$folder/bin/python" ] || python3 -m venv "$folder"
  "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade \
    -r tests/apps/requirements.txt "$requirement"
}

for version in 5.0.1 newest; do
  case $version in
    newest) environment "redis-$version" redis ;;
    *) environment "redis-$version" "redis==$version" ;;
  esac
  python=$target/venvs/redis-$version/bin/python
  echo "redis-py $("$python" -c 'import redis; print(redis.__version__)') against $REDIS_SERVER"
  PYTHONDONTWRITEBYTECODE=1 "$python" -m pytest -q -p no:cacheprovider \
    -W ignore::DeprecationWarning tests/apps "$@"
done
