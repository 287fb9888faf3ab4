#!/bin/sh
# Makes the virtual environment in which docs/benchmarks.md's peers run: today's PyTorch, ONNX Runtime and OpenVINO as pip
# installs them.
#   sh tests/bench/peers.sh             in build/peers
#   sh tests/bench/peers.sh FOLDER
# Needs python3-venv and some 6 GB. Debian's python3-torch stays what golden files are made with.
set -eu
exec </dev/null
cd -- "$(dirname -- "$0")/../.."
[ $# -le 1 ] || { echo "usage: sh tests/bench/peers.sh [FOLDER]" >&2; exit 2; }
folder=${1:-build/peers}
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --upgrade torch numpy onnx onnxruntime openvino
"$folder/bin/python" -c 'import torch, onnxruntime, openvino
print(f"PyTorch {torch.__version__}, ONNX Runtime {onnxruntime.__version__}, OpenVINO {openvino.__version__}")'
