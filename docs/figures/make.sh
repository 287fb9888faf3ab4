#!/bin/sh
# The runs and pictures of docs/what-weight-decay-does.md: about twenty minutes on one core.
#   sh docs/figures/make.sh build/release/ebb RUNS     (RUNS: a folder for the run directories)
set -eu
ebb=$1 runs=$2 here=$(dirname "$0")
train() { # NAME KEY=VALUE...
  name=$1
  shift
  for key; do set -- "$@" --set "$key"; shift; done
  [ -f "$runs/$name/summary.json" ] || "$ebb" train "$here/net.toml" --out "$runs/$name" --overwrite "$@" >/dev/null
}

# 1: a weight in front of a norm, without decay and with two strengths of it.
for lambda in 0 0.005 0.02; do train "norm-$lambda" lambda=$lambda; done
# 2: the end of a schedule.
for decay in decoupled_lr corrected; do train "end-$decay" schedule=cosine decay=$decay; done
# 3: one number in two places of Adam.
for decay in coupled_l2 decoupled_lr; do
  for lambda in 0.01 0.1 1; do
    train "adam-$decay-$lambda" epochs=10 optimizer=adam momentum=default nesterov=default lr=0.002 decay=$decay lambda=$lambda
  done
done
python3 -B "$here/draw.py" "$runs" "$here"
