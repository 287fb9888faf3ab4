#!/bin/sh
# Libraries, program, examples and fast tests with Clang, in build/clang: without a warning, and the tests pass.
#   sh tests/other_compiler.sh
# Takes the Clang that there is, whatever its version; without one the answer is 77 (skipped, for CTest).
set -eu
exec </dev/null
cd -- "$(dirname -- "$0")/.."

clang=
for name in clang++ $(ls /usr/bin | sed -n '/^clang++-[0-9]*$/p' | sort -V -r); do
  if command -v "$name" >/dev/null; then clang=$name && break; fi
done
if [ -z "$clang" ]; then
  echo "other_compiler: skipped: there is no clang++; sh tests/packages.sh clang" >&2
  exit 77
fi

cmake --preset check -B build/clang -DCMAKE_CXX_COMPILER="$clang"
cmake --build build/clang -j "$(nproc)"
ctest --test-dir build/clang --output-on-failure -L '^fast$' --no-tests=error -j "$(nproc)"
