#!/bin/sh
# The share of lines and branches of the libraries and the program that the fast tests reach:
#   sh tests/coverage.sh
# prints the figures, and leaves a page for each source in build/coverage/report/index.html.
set -eu
exec </dev/null
cd -- "$(dirname -- "$0")/.."

sh tests/packages.sh run test coverage
cmake --preset coverage
# Counts of an older build are none of this one's, and those made while building are none of the tests'.
forget() { find build/coverage -name '*.gcda' -exec rm -f {} +; }
forget
cmake --build --preset coverage --target tests
forget
# What the compiler says of objects that are no more, as of a batch that was longer once, contradicts what there is.
ninja -C build/coverage -t cleandead >/dev/null
find build/coverage -name '*.gcno' | while read -r notes; do [ -e "${notes%.gcno}.o" ] || rm -f "$notes"; done
passed=0
ctest --preset coverage -j "$(nproc)" || passed=$?
mkdir -p build/coverage/report
gcovr --root . --filter '(framework|optim|data|models|lab)/' --exclude-unreachable-branches --exclude-throw-branches \
  --html-details build/coverage/report/index.html --print-summary --txt build/coverage/report/lines.txt build/coverage
[ "$passed" -eq 0 ] || { echo "coverage: tests failed: the figures are of what ran" >&2; exit 1; }
