#!/bin/sh
# The reference of the public headers: sh docs/reference/build.sh -> build/reference/html/index.html
set -eu
cd "$(dirname "$0")/../.."
mkdir -p build
private=$(grep -v '^#' framework/cmake/private_headers.txt | tr '\n' ' ')
{ cat docs/Doxyfile; echo "EXCLUDE = framework/kernels $private"; } | doxygen -
echo build/reference/html/index.html
