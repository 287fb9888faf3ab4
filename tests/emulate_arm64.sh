#!/bin/sh
# Lets this machine run programs for ARM64 through qemu; needs root and the package qemu-user-static:
#   sh tests/emulate_arm64.sh
set -eu
list=/proc/sys/fs/binfmt_misc
[ -e "$list/register" ] || mount -t binfmt_misc binfmt_misc "$list"
[ -e "$list/qemu-aarch64" ] && exit 0
# The head of a 64-bit little-endian ELF file for machine 183, an executable or a shared object. F: the emulator is opened
# here and now, so that it is there in every root directory.
head='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
printf '%s' ":qemu-aarch64:M::$head:$mask:/usr/bin/qemu-aarch64-static:F" >"$list/register"
