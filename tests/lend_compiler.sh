#!/bin/sh
# Lends a bare Debian for ARM64 this machine's speed for compiling: where its GCC will have the compiler proper, the assembler,
# the linker and the linker's plugin, those of a system for this machine stand, which lies in its folder /lender and has
# g++-aarch64-linux-gnu. dpkg puts the system's own beside them. For tests/portability.sh:
#   sh tests/lend_compiler.sh FOLDER
set -eu
if [ $# -ne 1 ]; then
  echo "usage: sh tests/lend_compiler.sh FOLDER" >&2
  exit 2
fi
root=$1
cross=$(cd "$root/lender" && echo usr/lib*/gcc-cross/aarch64-linux-gnu/*/cc1plus)
cross=/${cross%/cc1plus}
native=$(echo "$cross" | sed s/gcc-cross/gcc/)
version=${cross##*/}

# Programs of this machine find their loader and libraries where they would be at home.
mkdir -p "$root/usr/lib64"
[ -e "$root/lib64" ] || ln -s usr/lib64 "$root/lib64"
ln -s /lender/usr/lib/x86_64-linux-gnu "$root/usr/lib/x86_64-linux-gnu"
ln -s /lender/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 "$root/usr/lib64"

# keep_free PLACE: dpkg will put elsewhere what it has for this place.
keep_free() {
  chroot "$root" dpkg-divert --quiet --local --no-rename --divert "$1.own" --add "$1"
  mkdir -p "$root${1%/*}"
}

for tool in as ld.bfd; do
  keep_free "/usr/bin/aarch64-linux-gnu-$tool"
  ln -s "/lender/usr/bin/aarch64-linux-gnu-$tool" "$root/usr/bin/aarch64-linux-gnu-$tool"
done
keep_free "$native/liblto_plugin.so"
ln -s "/lender$cross/liblto_plugin.so" "$root$native/liblto_plugin.so"

# With the search path of a native compiler, in its order, behind the folders that it is told: a cross compiler has another.
headers=
for folder in /usr/include/c++/$version /usr/include/aarch64-linux-gnu/c++/$version /usr/include/c++/$version/backward \
  /usr/lib/gcc/aarch64-linux-gnu/$version/include /usr/local/include /usr/include/aarch64-linux-gnu /usr/include; do
  headers="$headers -isystem $folder"
done
keep_free "$native/cc1plus"
printf '#!/lender/usr/bin/dash\nexec %s "$@" -nostdinc%s\n' "/lender$cross/cc1plus" "$headers" >"$root$native/cc1plus"
chmod +x "$root$native/cc1plus"
