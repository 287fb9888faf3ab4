#!/bin/sh
# Plants plausible faults one by one into a copy of the tree (build/spoiled) and runs the fast tests on each:
#   sh tests/planted.sh            all
#   sh tests/planted.sh NAME...    these of tests/planted/faults.txt
#   sh tests/planted.sh --list study_faults.txt [NAME...]    those of another list of that folder
# Every fault must be caught; the table names the suite that saw it and the time from the edit to the failing test.
set -eu
exec </dev/null
cd -- "$(dirname -- "$0")/.."
exec python3 -B tests/planted/planted.py "$@"
