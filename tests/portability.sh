#!/bin/sh
# Tries Ebb on a bare Debian, made by debootstrap in a folder; needs root and a mirror.
#   sh tests/portability.sh SYSTEM [FOLDER]
#     debian12, debian13    both commands of README.md
#     packages              the packages that cpack makes of build/release, installed on a bare system of this one's version:
#                           it trains, and a user's project is built
#     arm64                 the preset arm64 on Debian 12, compiled there for ARM64; the fast tests run in an emulator, it and
#                           this machine read each other's files, and trainings have the same bits on any number of threads
#                           and come to this machine's accuracy
#     arm64-debian12, arm64-debian13    both commands of README.md on a Debian for ARM64, in an emulator
# The folder is empty, or has the system of a trial before, which is used again; without one a temporary folder is made, and
# removed at the end. What is built is a copy of this tree in the new system. With CCACHE_DIR set, the compiler runs under
# ccache with that folder.
#
# A compiler takes a day in an emulator. So in a system for ARM64 those of Debian's cross compiler of the same version stand in
# for the compiler proper (cc1plus), the assembler and the linker: they run on this machine's processor, with the new system's
# headers and libraries, and are called by its own g++, CMake and Ninja, which are emulated like everything else.
set -eu
exec </dev/null
cd -- "$(dirname -- "$0")/.."

usage() {
  echo "usage: sh tests/portability.sh SYSTEM [FOLDER]    (debian12 debian13 packages arm64 arm64-debian12 arm64-debian13)" >&2
  exit 2
}
case "${1:-}" in
  debian12 | arm64 | arm64-debian12) suite=bookworm ;;
  debian13 | arm64-debian13) suite=trixie ;;
  packages) suite=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release) ;;
  *) usage ;;
esac
[ $# -le 2 ] || usage
what=$1

# 77: skipped, for CTest.
for tool in debootstrap unshare chroot; do
  if ! PATH=$PATH:/usr/sbin command -v "$tool" >/dev/null || [ "$(id -u)" -ne 0 ]; then
    echo "portability: skipped: making a system needs root and the package debootstrap" >&2
    exit 77
  fi
done

# In a mount namespace of its own: what is mounted in the new system is gone when the process is.
if [ "${EBB_PORTABILITY_INSIDE:-}" != yes ]; then
  folder=${2:-}
  if [ -n "$folder" ]; then
    mkdir -p -- "$folder"
    if [ -n "$(ls -A -- "$folder")" ] && [ ! -d "$folder/ebb" ]; then
      echo "portability: $folder is neither empty nor the system of a trial before" >&2
      exit 2
    fi
  else
    folder=$(mktemp -d)
    trap 'rm -rf -- "$folder"' EXIT
    trap 'exit 130' INT TERM
  fi
  EBB_PORTABILITY_INSIDE=yes unshare --mount --propagation private sh tests/portability.sh "$what" "$folder"
  exit
fi

root=$(cd -- "$2" && pwd)
if [ "$what" = packages ]; then
  echo "== packages of build/release"
  sh tests/packages.sh run package
  cmake --preset release >/dev/null
  cmake --build --preset release
  rm -rf build/release/packages
  (cd build/release && cpack -B packages)
fi

# bare FOLDER OPTIONS...: a bare system in a folder.
bare() {
  folder=$1
  shift
  said=$(PATH=$PATH:/usr/sbin debootstrap --variant=minbase "$@" "$suite" "$folder" 2>&1) ||
    { echo "$said" | tail -n 20 >&2; exit 1; }
}

made=no
[ ! -d "$root/ebb" ] || made=yes
case $made,$what in
  yes,*) echo "== the $suite that is there" ;;
  no,arm64-*)
    echo "== a bare $suite for ARM64, and one for this machine in its folder /lender, with emulator and cross compiler"
    bare "$root/lender" --include=g++-aarch64-linux-gnu,qemu-user-static${CCACHE_DIR:+,ccache}
    mount -t proc proc "$root/lender/proc"
    cp tests/emulate_arm64.sh "$root/lender"
    chroot "$root/lender" sh /emulate_arm64.sh
    bare "$root" --arch=arm64
    sh tests/lend_compiler.sh "$root"
    ;;
  *)
    echo "== a bare $suite"
    bare "$root"
    ;;
esac
# Of a trial before nothing stays: what it built may be newer than a source that is not the same.
rm -rf "$root/ebb"
mkdir -p "$root/ebb"
# The files that git knows or would add; of a tree without git all but what building and running leave.
if [ "$what" = packages ]; then
  tar -C build/release/packages --exclude=_CPack_Packages -cf - . -C ../../../tests/install .
elif git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
  git ls-files -z --cached --others --exclude-standard | tar --null --files-from=- --ignore-failed-read -cf -
else
  tar --exclude=./build --exclude=./runs -cf - .
fi | tar -xf - -C "$root/ebb"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --rbind /sys "$root/sys"  # where MPI looks for processors
launcher=
if [ -n "${CCACHE_DIR:-}" ]; then
  mkdir -p "$CCACHE_DIR" "$root/ccache"
  mount --bind "$CCACHE_DIR" "$root/ccache"
  ccache=ccache
  case $what in arm64-*) ccache=/lender/usr/bin/ccache ;; esac
  launcher="CMAKE_CXX_COMPILER_LAUNCHER=$ccache CXXFLAGS=-fpch-preprocess CCACHE_DIR=/ccache
    CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime"
fi

# inside COMMAND...: runs it in the new system, in the tree.
emulated=
case $what in arm64-*) emulated=EBB_EMULATED=ON ;; esac
inside() {
  chroot "$root" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
    DEBIAN_FRONTEND=noninteractive ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
    $emulated $launcher sh -c 'cd /ebb && exec "$@"' sh "$@"
}
install="apt-get -qq -y --no-install-recommends install"
if [ "${ccache:-}" = ccache ]; then { inside apt-get -qq update && inside $install ccache; } >/dev/null 2>&1; fi

# try COMMAND...: a command that fails, or that warns, is a failure.
passed=0
failed=0
try() {
  echo "== $what: $*"
  begun=$(date +%s)
  { inside "$@" 2>&1 || echo "status $?" >"$root/failed"; } | tee "$root/log"
  result=passed
  if [ -e "$root/failed" ]; then
    result="FAILED ($(cat "$root/failed"))"
    rm "$root/failed"
  elif grep -E '^(cc1plus|[^ ]+:[0-9]+(:[0-9]+)?): warning: |CMake (Deprecation )?Warning' "$root/log"; then
    result="FAILED (the warnings above)"
  fi
  case $result in passed) passed=$((passed + 1)) ;; *) failed=$((failed + 1)) ;; esac
  echo "== $what: $*: $result, $(($(date +%s) - begun)) s"
}

if [ "$what" = packages ]; then
  inside apt-get -qq update
  try sh -c "$install ./ebb_*.deb dataset-fashion-mnist"
  try ebb train fashion-mnist --epochs 1 --out run
  try grep -q '<svg class="plot"' run/report.html
  try sh -c "$install ./libebb-dev_*.deb g++ cmake ninja-build pkg-config"
  try cmake -G Ninja -S . -B build
  try cmake --build build
  try build/user
  try sh -c 'c++ -I. main.cpp everything.cpp -o user $(pkg-config --cflags --libs ebb) && ./user'
elif [ "$what" = arm64 ]; then
  inside dpkg --add-architecture arm64
  try sh tests/packages.sh arm64
  # For the whole machine: a kernel has one list of emulators.
  inside sh tests/emulate_arm64.sh
  try cmake --preset arm64
  try cmake --build --preset arm64
  try ctest --preset arm64 -L '^fast$' -j "$(nproc)"
  # Both programs run outside, where this machine's has its libraries; the other finds its own in the new system.
  sh tests/packages.sh run
  cmake --preset release >/dev/null
  cmake --build --preset release --target ebb
  for script in exchange same_bits; do
    if QEMU_LD_PREFIX=$root sh tests/$script.sh build/release/ebb "$root/ebb/build/arm64/ebb"; then
      passed=$((passed + 1))
    else
      failed=$((failed + 1))
    fi
  done
else
  try sh examples/quickstart.sh
  try sh tests/run.sh
fi
echo "portability: $what, $(inside sh -c '. /etc/os-release; echo "$PRETTY_NAME"'): $passed passed, $failed failed"
[ "$failed" -eq 0 ]
