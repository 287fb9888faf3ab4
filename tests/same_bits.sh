#!/bin/sh
# A training ends in the same bits on 1, 2 and 3 threads, and when it is stopped on the way and resumed on another number
# of them; each of two programs `ebb` of different processors does so, and both come to the same accuracy within 0.3
# points: LeNet after an epoch of Fashion-MNIST, ResNet-8 after 50 steps.
#   sh tests/same_bits.sh build/release/ebb build/arm64/ebb
# An emulated program finds its libraries by QEMU_LD_PREFIX.
set -eu
if [ $# -ne 2 ]; then
  echo "usage: sh tests/same_bits.sh PROGRAM OTHER" >&2
  exit 2
fi
folder=$(mktemp -d)
trap 'rm -rf -- "$folder"' EXIT
trap 'exit 130' INT TERM

# fail WORDS...: with what the last command said.
fail() {
  echo "same_bits: $*" >&2
  cat "$folder/said" >&2
  exit 1
}

# bits RUN: the digest of its weights.
bits() { sha256sum <"$1/model.safetensors" | cut -d ' ' -f 1; }

# stopped PROGRAM RUN OPTIONS...: trains on 2 threads until there is a checkpoint, and goes on with it on 3.
stopped() {
  program=$1
  run=$2
  shift 2
  "$program" train fashion-mnist "$@" --set save_steps=5 --threads 2 --out "$run" >"$folder/said" 2>&1 &
  training=$!
  while ! ls "$run"/checkpoints/*.safetensors >/dev/null 2>&1; do
    kill -0 "$training" 2>/dev/null || fail "$program trained without a checkpoint"
    sleep 0.1
  done
  kill -TERM "$training"
  status=0
  wait "$training" || status=$?
  [ "$status" -eq 143 ] || fail "$program was to be stopped by SIGTERM, with status 143; its status is $status"
  "$program" resume "$run" --threads 3 >"$folder/said" 2>&1 || fail "$program cannot resume"
}

# trainings PROGRAM NAME OPTIONS...: leaves its accuracy in the file NAME.
trainings() {
  program=$1
  name=$2
  shift 2
  first=
  for threads in 1 2 3 stopped; do
    run=$folder/run
    rm -rf -- "$run"
    if [ "$threads" = stopped ]; then
      stopped "$program" "$run" "$@"
    else
      "$program" train fashion-mnist "$@" --threads "$threads" --out "$run" >"$folder/said" 2>&1 || fail "$program cannot train"
    fi
    : "${first:=$(bits "$run")}"
    [ "$(bits "$run")" = "$first" ] || fail "$program, $*: on 1 thread $first, on $threads $(bits "$run")"
  done
  sed -n 's/^test accuracy \([0-9.]*\) %.*/\1/p' "$folder/said" >"$folder/$name"
  echo "same_bits: $program, $*: $first four times, accuracy $(cat "$folder/$name") %"
}

# compare OPTIONS...: both programs.
compare() {
  trainings "$first_program" first "$@"
  trainings "$second_program" second "$@"
  awk -v a="$(cat "$folder/first")" -v b="$(cat "$folder/second")" \
    'BEGIN { d = a - b; exit !(a > 0 && b > 0 && d <= 0.3 && d >= -0.3) }' ||
    fail "$*: accuracies are $(cat "$folder/first") and $(cat "$folder/second") %, more than 0.3 points apart"
}

first_program=$1
second_program=$2
compare --model lenet --epochs 1
compare --model resnet8 --set train_samples=3200 --batch 64 --epochs 1
