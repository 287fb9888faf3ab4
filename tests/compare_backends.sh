#!/bin/sh
# Same seed, same bits, on both backends of the parallel loops: builds the determinism test with oneTBB (the release
# preset) and with std::thread (build/threads), runs both, and compares the weights that their trainings end in. The
# second build takes the sources one by one, not in batches: each must include what it uses.
#   sh tests/compare_backends.sh
set -eu
cd -- "$(dirname -- "$0")/.."

cmake --preset release >/dev/null
cmake --preset release -B build/threads -DEBB_PARALLEL=threads -DEBB_UNITY=OFF -DEBB_BUILD_EXAMPLES=OFF >/dev/null
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
for build in release threads; do
  cmake --build "build/$build" --target test_determinism
  EBB_DETERMINISM_FILE="$results/$build" "build/$build/tests/test_determinism"
done
diff "$results/release" "$results/threads"
echo "$(wc -l <"$results/release") trainings end in the same bits with oneTBB and with std::thread"
