#!/bin/sh
# Installs what is missing, builds the program, and trains LeNet-5 on Fashion-MNIST.
set -eu
cd "$(dirname "$0")/.."
sh tests/packages.sh run
# A checkout that is already configured keeps its settings; a fresh one needs nothing of the tests.
if [ ! -f build/release/CMakeCache.txt ]; then
  cmake --preset release -DEBB_BUILD_TESTS=OFF -DEBB_BUILD_EXAMPLES=OFF
fi
cmake --build --preset release --target ebb
exec build/release/ebb train fashion-mnist --out runs/quickstart --overwrite "$@"
