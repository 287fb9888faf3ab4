#!/bin/sh
# Tries Ebb on a bare Debian, made by debootstrap in a folder; needs root and a mirror.
#   sh tests/portability.sh debian12 [FOLDER]    both commands of README.md on Debian 12
#   sh tests/portability.sh debian13 [FOLDER]    the same on Debian 13
# The folder must be empty; without one a temporary folder is made, and removed at the end. A tree at the path /ebb of the
# new system is built, never this one. With CCACHE_DIR set, the compiler runs under ccache with that folder.
set -eu
exec </dev/null
cd -- "$(dirname -- "$0")/.."

usage() {
  echo "usage: sh tests/portability.sh debian12|debian13 [FOLDER]" >&2
  exit 2
}
case "${1:-}" in
  debian12) suite=bookworm ;;
  debian13) suite=trixie ;;
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
    if [ -n "$(ls -A -- "$folder")" ]; then
      echo "portability: $folder is not empty" >&2
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
echo "== a bare $suite"
PATH=$PATH:/usr/sbin debootstrap --variant=minbase "$suite" "$root" >"$root.log" 2>&1 ||
  { tail -n 20 "$root.log" >&2; exit 1; }
rm -f "$root.log"
mkdir "$root/ebb"
# The files that git knows or would add; of a tree without git all but what building and running leave.
if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
  git ls-files -z --cached --others --exclude-standard | tar --null --files-from=- --ignore-failed-read -cf -
else
  tar --exclude=./build --exclude=./runs -cf - .
fi | tar -xf - -C "$root/ebb"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
launcher=
if [ -n "${CCACHE_DIR:-}" ]; then
  mkdir -p "$CCACHE_DIR" "$root/ccache"
  mount --bind "$CCACHE_DIR" "$root/ccache"
  launcher="CMAKE_CXX_COMPILER_LAUNCHER=ccache CXXFLAGS=-fpch-preprocess CCACHE_DIR=/ccache
    CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime"
fi

# inside COMMAND...: runs it in the new system, in the tree.
inside() {
  chroot "$root" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 ${http_proxy:+http_proxy="$http_proxy"} \
    ${https_proxy:+https_proxy="$https_proxy"} $launcher sh -c 'cd /ebb && exec "$@"' sh "$@"
}
[ -z "$launcher" ] || { inside apt-get -qq update && inside apt-get -qq -y --no-install-recommends install ccache; } \
  >/dev/null 2>&1

# A command that fails, or that warns, is a failure.
failures=0
try() {
  echo "== $what: $*"
  begun=$(date +%s)
  status=0
  { inside "$@" 2>&1 || echo "status $?" >"$root/failed"; } | tee "$root/log"
  if [ -e "$root/failed" ]; then
    echo "portability: $what: $* ended with $(cat "$root/failed")" >&2
    rm "$root/failed"
    status=1
  elif grep -E 'warning: |CMake Warning' "$root/log" >&2; then
    echo "portability: $what: $* warned" >&2
    status=1
  fi
  failures=$((failures + status))
  echo "== $what: $*: $([ $status -eq 0 ] && echo passed || echo FAILED) in $(($(date +%s) - begun)) s"
}

try sh examples/quickstart.sh
try sh tests/run.sh
inside g++ --version | head -n 1
echo "portability: $what: $((2 - failures)) passed, $failures failed"
[ "$failures" -eq 0 ]
