#!/bin/sh
# One training for a long time, with all that has a state: memory, open files and threads must stay level.
#   sh tests/soak.sh 120    minutes; builds the program if need be
# Samples stand in build/soak/samples (seconds, KiB of memory, open files, threads, epochs). Status 1 when memory
# grows from the end of the first quarter on by more than 1 MiB an hour and 1 KiB an epoch (the record of a run has a
# point for each, see docs/reliability.md), when files or threads do, or when the run does not end as stopped runs do.
set -eu
exec </dev/null
cd -- "$(dirname -- "$0")/.."
minutes=${1:-120}
case "$minutes" in '' | *[!0-9]* | 0*) echo "usage: sh tests/soak.sh MINUTES" >&2; exit 2 ;; esac

[ -n "${EBB_PROGRAM:-}" ] || { cmake --preset release >/dev/null; cmake --build --preset release --target ebb; }
program=${EBB_PROGRAM:-build/release/ebb}
folder=build/soak
rm -rf "$folder"
python3 -B tests/support/tiny_mnist.py "$folder/data"
: >"$folder/samples"
"$program" train mnist --data "$folder/data" --out "$folder/run" --model lenet --batch 20 --epochs 1000000 --threads 1 \
  --set flip=random --set crop=2 --set mixup=0.2 --set ema=0.99 --set prefetch=2 --set schedule=constant \
  --set evaluate_every=10 --set log_every=50 --set save_minutes=1 >"$folder/output" 2>&1 &
run=$!
trap 'kill -KILL "$run" 2>/dev/null || :' EXIT
begin=$(date +%s)
# Twelve samples a minute for short soaks, one for long ones.
pause=$((minutes < 10 ? 5 : 60))
while [ $(($(date +%s) - begin)) -lt $((60 * minutes)) ]; do
  sleep "$pause"
  # One that has ended stays there as a zombie, without memory.
  grep -q '^VmRSS' "/proc/$run/status" || { echo "soak: the training ended by itself:" >&2; tail -n 5 "$folder/output" >&2; exit 1; }
  echo "$(($(date +%s) - begin)) $(awk '/^VmRSS/ { print $2 }' "/proc/$run/status")" \
    "$(ls "/proc/$run/fd" | wc -l) $(awk '/^Threads/ { print $2 }' "/proc/$run/status")" \
    "$(grep -c '"event":"epoch"' "$folder/run/log.jsonl")" >>"$folder/samples"
done
kill -TERM "$run"
status=0
wait "$run" || status=$?
trap - EXIT
# A line through the samples behind the first quarter: how memory grows in an hour. Files and threads come and go with
# checkpoints and epochs: the least of them in the second half is that of the first.
awk -v status="$status" '
  { s[NR] = $1; m[NR] = $2; f[NR] = $3; t[NR] = $4; e[NR] = $5 }
  END {
    for (i = int(NR / 4) + 1; i <= NR; ++i) { n += 1; x += s[i]; y += m[i]; xx += s[i] * s[i]; xy += s[i] * m[i] }
    slope = n > 2 ? 3600 * (n * xy - x * y) / (n * xx - x * x) : 0
    first = int(NR / 4) + 1
    most = 1024 + (s[NR] > s[first] ? 3600 * (e[NR] - e[first]) / (s[NR] - s[first]) : 0)
    for (i = 1; i <= NR; ++i) {
      half = i > NR / 2
      if (!(half in files) || f[i] < files[half]) files[half] = f[i]
      if (!(half in threads) || t[i] < threads[half]) threads[half] = t[i]
    }
    bad = slope > most || files[1] > files[0] || threads[1] > threads[0] || status != 143 || n < 3
    printf "soak: %d epochs in %d min, %d KiB at the end, %+.0f KiB an hour (at most %.0f), %d files, %d threads, status %d: %s\n",
           e[NR], s[NR] / 60, m[NR], slope, most, files[1], threads[1], status, bad ? "FAILED" : "level"
    exit bad
  }' "$folder/samples"
