#!/bin/sh
# Two programs `ebb` of different processors read each other's files: what each writes of a run, of its weights and of its
# newest checkpoint with the optimizer is the same to the last byte, whichever of them trained, and each goes on with the
# other's run.
#   sh tests/exchange.sh build/release/ebb build/arm64/ebb
# An emulated program finds its libraries by QEMU_LD_PREFIX. EBB_EXCHANGE_DATA names another data set than fashion-mnist.
set -eu
if [ $# -ne 2 ]; then
  echo "usage: sh tests/exchange.sh PROGRAM OTHER" >&2
  exit 2
fi
for program; do
  case $("$program" --version 2>&1) in
    [0-9]*) ;;
    *) echo "exchange: $program does not run here" >&2; exit 1 ;;
  esac
done
folder=$(mktemp -d)
trap 'rm -rf -- "$folder"' EXIT
trap 'exit 130' INT TERM
compared=0

# same FILE OTHER: equal bytes.
same() {
  cmp -- "$1" "$2"
  compared=$((compared + 1))
}

# quietly COMMAND...: its output only when it fails.
quietly() {
  "$@" >"$folder/said" 2>&1 || { echo "exchange: failed: $*" >&2; cat "$folder/said" >&2; exit 1; }
}

# write PROGRAM RUN FOLDER: everything that is written of a run.
write() {
  mkdir -p "$3"
  quietly "$1" export "$2" --npz "$3/weights.npz"
  quietly "$1" export "$2" --torch "$3/weights.safetensors"
  quietly "$1" export "$2" --torch "$3/state.safetensors" --with-optimizer
  quietly "$1" export "$2" --onnx "$3/graph.onnx"
  quietly "$1" export "$2" --csv "$3/tables"
  quietly "$1" import --torch "$3/weights.safetensors" --like "$2" --out "$3/again.safetensors"
}

# both RUN NAME: both programs write the run, the same.
both() {
  write "$first" "$1" "$folder/$2.first"
  write "$second" "$1" "$folder/$2.second"
  for file in weights.npz weights.safetensors state.safetensors graph.onnx again.safetensors; do
    same "$folder/$2.first/$file" "$folder/$2.second/$file"
  done
  for file in "$folder/$2.first/tables"/*; do same "$file" "$folder/$2.second/tables/${file##*/}"; done
}

# exchange TRAINING GOING_ON NAME: a run of one program, which the other goes on with.
exchange() {
  run=$folder/$3
  cat >"$folder/recipe.toml" <<RECIPE
data = "${EBB_EXCHANGE_DATA:-fashion-mnist}"
train_samples = 600
model = "lenet"
optimizer = "adamw"
lr = 0.002
batch = 50
epochs = 1
seed = 7
threads = 1
RECIPE
  quietly "$1" train "$folder/recipe.toml" --out "$run"
  both "$run" "$3"
  quietly "$2" resume "$run" --set epochs=2 --allow-change
  both "$run" "$3.on"
  if cmp -s "$folder/$3.first/state.safetensors" "$folder/$3.on.first/state.safetensors"; then
    echo "exchange: a run of $1 that $2 went on with has the weights that it had" >&2
    exit 1
  fi
  quietly "$1" resume "$run" --set epochs=3 --allow-change
  both "$run" "$3.back"
}

first=$1
second=$2
exchange "$first" "$second" forth
exchange "$second" "$first" back
echo "exchange: $compared files are the same from both programs, and each went on with the other's run"
