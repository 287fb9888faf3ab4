#!/bin/sh
# Installs the missing Debian packages of the named sections of packages.txt:
#   sh tests/packages.sh run test
# Needs neither root nor network when nothing is missing. A name that ends in "?" is installed where the system has it.
set -euf

list=$(dirname -- "$0")/packages.txt
if [ $# -eq 0 ]; then
  echo "usage: sh tests/packages.sh SECTION...   (sections: $(sed -n 's/^\[\(.*\)\].*/\1/p' "$list" | tr '\n' ' '))" >&2
  exit 2
fi

wanted=
for section in "$@"; do
  packages=$(sed -n "/^\[$section\]/,/^\[/{/^[a-z0-9]/s/[[:space:]#].*//;/^[a-z0-9]/p;}" "$list")
  if [ -z "$packages" ]; then
    echo "packages: no section [$section] in $list" >&2
    exit 2
  fi
  wanted="$wanted $packages"
done

if ! command -v dpkg-query >/dev/null; then
  echo "packages: this is no Debian system; make sure that the like of these is installed:" $wanted >&2
  exit 0
fi

missing=
optional=
for package in $wanted; do
  name=${package%\?}
  case " $missing $optional " in *" $name "*) continue ;; esac
  dpkg-query -W -f '${db:Status-Status}\n' "$name" 2>/dev/null | grep -qx installed && continue
  if [ "$name" = "$package" ]; then missing="$missing $name"; else optional="$optional $name"; fi
done

# Of the optional packages those that this system's lists have.
available() {
  for package in $optional; do
    if LC_ALL=C apt-cache policy "$package" 2>/dev/null | grep -q 'Candidate: [^(]'; then printf ' %s' "$package"; fi
  done
}
[ -n "$missing" ] || [ -n "$(available)" ] || exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
  # Without a terminal nobody can type a password: sudo must then work without one, or fail at once.
  if [ -t 0 ]; then as_root=sudo; else as_root='sudo -n'; fi
  if ! command -v sudo >/dev/null || ! $as_root true; then
    if [ -z "$missing" ]; then
      echo "packages: without root nothing is installed; some checks are skipped without$(available)" >&2
      exit 0
    fi
    missing=$missing$(available)
    echo "packages: installing needs root. Run as root, then start again:" >&2
    echo "  apt-get update && apt-get install --no-install-recommends$missing" >&2
    exit 1
  fi
fi
run() { $as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 "$@" </dev/null; }
if ! run -qq update; then
  echo "packages: apt-get could not read the lists of packages; are the network and a mirror there?" >&2
  exit 1
fi
missing=$missing$(available)
echo "Installing:$missing"
if ! run -qq -y --no-install-recommends install $missing; then
  echo "packages: apt-get could not install$missing; are the network and a mirror there?" >&2
  exit 1
fi
