#!/bin/sh
# Trainings whose clock jumps by a year, back and forth, while they run (libfaketime; packages: sh tests/packages.sh run
# test night) must end in the same bits as one that nobody disturbs, and count no time below zero:
#   sh tests/clock_jumps.sh 5    so many
set -eu
exec </dev/null
cd -- "$(dirname -- "$0")/.."
count=${1:-5}
case "$count" in '' | *[!0-9]* | 0*) echo "usage: sh tests/clock_jumps.sh COUNT" >&2; exit 2 ;; esac
library=$(find /usr/lib -name libfaketime.so.1 2>/dev/null | head -n 1)
[ -n "$library" ] || { echo "clock_jumps: no libfaketime: sh tests/packages.sh night" >&2; exit 1; }

[ -n "${EBB_PROGRAM:-}" ] || { cmake --preset release >/dev/null; cmake --build --preset release --target ebb; }
program=${EBB_PROGRAM:-build/release/ebb}
folder=build/clock
rm -rf "$folder"
python3 -B tests/support/tiny_mnist.py "$folder/data"
train() {
  exec "$program" train mnist --data "$folder/data" --out "$folder/$1" --model lenet --batch 20 --epochs 40 \
    --threads 1 --set log_every=5 --set save_minutes=0.01 --set mixup=0.2 >"$folder/$1.out" 2>&1
}
state() { sed -n 's/.*"state_sha256": *"\([0-9a-f]*\)".*/\1/p' "$folder/$1/summary.json"; }

echo +1y >"$folder/ahead"
[ "$(LD_PRELOAD="$library" FAKETIME_TIMESTAMP_FILE="$folder/ahead" date +%Y)" -gt "$(date +%Y)" ] ||
  { echo "clock_jumps: $library moves no clock" >&2; exit 1; }
(train whole)
for number in $(seq "$count"); do
  clock=$folder/clock-$number
  echo +0 >"$clock"
  (
    # Steady clocks do not jump, only the time of day does.
    export LD_PRELOAD="$library" FAKETIME_TIMESTAMP_FILE="$clock" FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1
    train "run-$number"
  ) &
  run=$!
  jumps=0
  while kill -0 "$run" 2>/dev/null; do
    for offset in +1y -1y +3600 -3600 +0; do
      echo "$offset" >"$clock"
      jumps=$((jumps + 1))
      sleep 0.1
    done
  done
  wait "$run" || { echo "clock_jumps: run $number failed:" >&2; tail -n 5 "$folder/run-$number.out" >&2; exit 1; }
  [ "$(state whole)" = "$(state "run-$number")" ] || { echo "clock_jumps: run $number ended in other bits" >&2; exit 1; }
  if grep -E '"seconds": ?-' "$folder/run-$number/log.jsonl" "$folder/run-$number/summary.json" >&2; then
    echo "clock_jumps: run $number counted time backwards" >&2
    exit 1
  fi
done
echo "clock_jumps: $count runs under jumps of a year, $jumps in the last one: the same bits in all"
