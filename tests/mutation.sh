#!/bin/sh
# Mutation testing of optimizers, tape, ops and files, headers included: each mutant is a change of one operator, constant,
# comparison or statement in a copy of the tree (build/spoiled), and should make a fast test fail:
#   sh tests/mutation.sh --count 200 --seed 1              so many of all, chosen by the seed
#   sh tests/mutation.sh --count 50 optim framework/io     of these parts
set -eu
exec </dev/null
cd -- "$(dirname -- "$0")/.."
exec python3 -B tests/planted/mutate.py "$@"
