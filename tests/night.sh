#!/bin/sh
# The long runs, one table at the end (packages: sh tests/packages.sh run test fuzz night):
#   sh tests/night.sh                        all of them, as they stand below
#   sh tests/night.sh kills=50 soak=5        these, with other counts
#   sh tests/night.sh faults                 one, with its own count
#
#   kills=1000      kills at random moments; every run must end in the bits of an undisturbed one
#   mpi_kills=200   kills of ranks and launchers of trainings on several processes, which go on with other numbers
#   soak=120        minutes of one training; memory, open files and threads must stay level
#   faults=1        every Nth call that writes fails: no space, quota, I/O error, read-only, interrupted, half, kill
#   clock=10        trainings whose clock jumps by a year
#   fuzz=60         seconds for each fuzz target
#   planted=all     planted faults that the fast tests must catch: all of them, or names with commas between them
#   study_faults=all, laboratory_faults=all, shard_faults=all    the same with faults of the studies, of audit and
#                   diagnosis, of trainings in shards
#   mutation=200    mutants of the core, of which 95 % must be killed
#   portability=debian13    system on which the tree is built and tested
#
# Logs and the table lie in build/night. Status 1 when a part fails.
set -u
exec </dev/null
cd -- "$(dirname -- "$0")/.." || exit 1

everything="kills=1000 mpi_kills=200 soak=120 faults=1 clock=10 fuzz=60 planted=all study_faults=all laboratory_faults=all"
everything="$everything shard_faults=all mutation=200 portability=debian13"
[ $# -gt 0 ] || set -- $everything
out=build/night
mkdir -p "$out"

# Plants the faults of a list: all of them, or names with commas between them.
plant() {
  if [ "$2" = all ]; then sh tests/planted.sh --list "$1"; else sh tests/planted.sh --list "$1" $(echo "$2" | tr , ' '); fi
}

run_part() {
  case "$1" in
    kills) EBB_KILLS=$2 build/release/tests/test_lab --run_test=resume_slow/killed_at_random_moments ;;
    mpi_kills) EBB_MPI_KILLS=$2 EBB_MPI_SIGNALS=$(($2 / 4)) build/release/tests/test_mpi --run_test=mpi_kills_slow ;;
    soak) sh tests/soak.sh "$2" ;;
    faults) EBB_FAULT_STRIDE=$2 build/release/tests/test_lab --run_test=write_faults_slow ;;
    clock) sh tests/clock_jumps.sh "$2" ;;
    fuzz) sh tests/fuzz.sh "$2" ;;
    planted) plant faults.txt "$2" ;;
    study_faults | laboratory_faults | shard_faults) plant "$1.txt" "$2" ;;
    mutation) sh tests/mutation.sh --count "$2" ;;
    portability) sh tests/portability.sh "$2" ;;
  esac
}

for argument in "$@"; do
  case " $everything " in
    *" ${argument%%=*}="*) ;;
    *) echo "night: no part \"${argument%%=*}\"; there are: $everything" >&2; exit 2 ;;
  esac
done
case " $* " in
  *kills* | *" faults"*) cmake --preset release >/dev/null && cmake --build --preset release --target test_lab test_mpi ebb || exit 1 ;;
esac

failed=0 rows=
for argument in "$@"; do
  name=${argument%%=*}
  case "$argument" in *=*) count=${argument#*=} ;; *) count=$(echo "$everything" | tr ' ' '\n' | sed -n "s/^$name=//p") ;; esac
  begin=$(date +%s)
  verdict=passed
  run_part "$name" "$count" >"$out/$name.log" 2>&1 || { verdict=FAILED failed=1; }
  minutes=$((($(date +%s) - begin + 30) / 60))
  figures=$(grep -v '^$' "$out/$name.log" | grep -v 'No errors detected' | tail -n 1)
  row=$(printf '| %-22s | %-7s | %4d min | %s' "$name=$count" "$verdict" "$minutes" "$figures")
  echo "$row"
  rows="$rows$row |
"
done
{
  echo "$(date -u +%F), sh tests/night.sh $*"
  printf '\n| part | result | time | figures |\n|---|---|---|---|\n%s' "$rows"
} | tee "$out/table.md"
exit "$failed"
