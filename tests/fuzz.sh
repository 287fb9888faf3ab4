#!/bin/sh
# Fuzzes the readers of the library with clang's libFuzzer (packages: sh tests/packages.sh run test fuzz):
#   sh tests/fuzz.sh 60                      each target for 60 seconds
#   sh tests/fuzz.sh 60 idx csv              these targets
#   sh tests/fuzz.sh --in-all 20             all targets within about 20 seconds
#   sh tests/fuzz.sh --inputs 1000000 csv    until so many inputs were tried
# Ends with a table; status 1 when an input crashes, hangs, takes too much memory or breaks a promise of its target. Such
# inputs lie in build/fuzz/findings; they belong into tests/fuzz/findings/TARGET when they are mended, where the
# test fuzz.fuzz runs them in every build. What was learned stays in build/fuzz/corpus, the count of all inputs in
# build/fuzz/history.
set -eu
exec </dev/null
cd -- "$(dirname -- "$0")/.."

usage() { sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2; }
positive() { case "$1" in '' | *[!0-9]* | 0*) usage ;; esac; }
all=$(ls tests/fuzz | sed -n 's/_target\.cpp$//p' | tr '\n' ' ')
in_all= seconds=60 inputs=
case "${1:-}" in
  '') ;;
  --in-all) positive "${2:-}"; in_all=$2; shift 2 ;;
  --inputs) positive "${2:-}"; inputs=$2; shift 2 ;;
  *) positive "$1"; seconds=$1; shift ;;
esac
targets=${*:-$all}
for target in $targets; do
  case " $all " in *" $target "*) ;; *) echo "fuzz: no target $target; there are: $all" >&2; exit 2 ;; esac
done
if [ -n "$in_all" ]; then
  # shellcheck disable=SC2086
  set -- $targets
  seconds=$(((in_all + $# - 1) / $#))
fi
if [ -n "$inputs" ]; then limit=-runs=$inputs; else limit=-max_total_time=$seconds; fi

build=build/fuzz
cmake --preset fuzz >/dev/null
# shellcheck disable=SC2046
cmake --build "$build" --target $(for target in $targets; do echo "fuzz_$target"; done)
mkdir -p "$build/findings"
# Stacks of allocations are of use in a finding that is looked at, and would cost a third of the speed here.
export ASAN_OPTIONS="malloc_context_size=2:quarantine_size_mb=16:detect_leaks=${EBB_FUZZ_LEAKS:-1}"

findings=0 sum=0 rows=
for target in $targets; do
  corpus=$build/corpus/$target seeds=$build/seeds/$target log=$build/$target.log
  mkdir -p "$corpus" "$seeds"
  "$build/tests/fuzz_$target" "--write-seeds=$seeds"
  set -- "$corpus" "$seeds" "$limit" -timeout=20 -rss_limit_mb=1024 -malloc_limit_mb=64 \
    -max_len=8192 -print_final_stats=1 "-artifact_prefix=$build/findings/$target-"
  [ ! -d "tests/fuzz/findings/$target" ] || set -- "$@" "tests/fuzz/findings/$target"
  words=$(sed -n "s/^$target \([a-z_-]*\).*/\1/p" tests/fuzz/dictionaries/others.txt)
  [ "$words" = - ] || set -- "$@" "-dict=tests/fuzz/dictionaries/${words:-$target}.dict"
  begin=$(date +%s) found=none
  if ! "$build/tests/fuzz_$target" "$@" >"$log" 2>&1; then
    found=$(sed -n "s|.*Test unit written to ||p" "$log" | tail -n 1)
    findings=$((findings + 1))
    grep -E 'what\(\)|ERROR|SUMMARY|runtime error|broken promise' "$log" | head -n 5 >&2
  fi
  took=$(($(date +%s) - begin))
  count=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  cover=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
  echo "$(date -u +%FT%TZ) $target ${count:-0} $took $found" >>"$build/history"
  sum=$((sum + ${count:-0}))
  rows="$rows$(printf '%-13s %12s %8s %8s   %s' "$target" "${count:-?}" "$took" "${cover:-?}" "${found:-see $log}")
"
done
printf '%-13s %12s %8s %8s   %s\n%s' target inputs seconds edges finding "$rows"
echo "$sum inputs, $findings findings; $(awk '{ n += $3 } END { printf "%d", n }' "$build/history") inputs in this folder so far"
[ "$findings" -eq 0 ]
