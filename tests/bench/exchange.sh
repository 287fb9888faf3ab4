#!/bin/sh
# How long two ranks take to add up gradients of LeNet, ResNet-20 and ResNet-18, through shared memory and through a loopback
# that is slowed down to a network's rate; needs root and Open MPI:
#   sh tests/bench/exchange.sh [BUILD]    the build folder, build/release unless said
set -eu
exec </dev/null
cd -- "$(dirname -- "$0")/../.."
build=$(cd -- "${1:-build/release}" && pwd)

if [ "${EBB_EXCHANGE_INSIDE:-}" != yes ]; then
  command -v mpirun.openmpi >/dev/null || { echo "exchange: skipped: no Open MPI"; exit 77; }
  EBB_EXCHANGE_INSIDE=yes unshare --net --mount sh tests/bench/exchange.sh "$build" || {
    status=$?
    [ "$status" -ne 1 ] || echo "exchange: a network of its own needs root"
    exit "$status"
  }
  exit
fi

ip link set lo up
run="mpirun.openmpi --allow-run-as-root --oversubscribe --bind-to none -np 2"
tcp="$run --mca btl self,tcp --mca btl_tcp_if_include lo"
for bytes in 246824 1089128 44696360; do
  echo "shared memory: $($run "$build/exchange" "$bytes" 2>/dev/null)"
done
for rate in 1gbit 100mbit; do
  tc qdisc replace dev lo root tbf rate "$rate" burst 256kb latency 500ms
  case $rate in 1gbit) per_ms=125000 ;; *) per_ms=12500 ;; esac
  for bytes in 246824 1089128 44696360; do
    rounds=10
    [ "$rate$bytes" != 100mbit44696360 ] || rounds=3
    said=$($tcp "$build/exchange" "$bytes" 8 "$rounds" 2>/dev/null)
    sent=$(echo "$said" | sed -n 's/.*each sends \([0-9]*\) bytes/\1/p')
    # Both ranks' messages go through the one loopback.
    echo "$rate: $said; 2 x that over the rate takes $((2 * sent / per_ms)) ms"
  done
done
