#!/bin/sh
# Installs what is missing, builds the release preset and runs the tests:
#   sh tests/run.sh           all fast tests and every lint
#   sh tests/run.sh --slow    the slow tests too
set -eu
exec </dev/null
cd -- "$(dirname -- "$0")/.."

labels='^(fast|lint)$'
packages='run test'
case "${1:-}" in
  '') ;;
  --slow) labels=. packages='run test slow' ;;
  *) echo "usage: sh tests/run.sh [--slow]" >&2; exit 2 ;;
esac

sh tests/packages.sh $packages
cmake --preset release -DEBB_BUILD_TESTS=ON -DEBB_BUILD_EXAMPLES=ON
cmake --build --preset release
ctest --preset release -L "$labels" --no-tests=error -j "$(nproc)"
