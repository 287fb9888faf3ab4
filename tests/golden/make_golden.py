#!/usr/bin/env python3
"""Writes the golden files beside this script: what PyTorch computes, for the tests to compare with.

    apt install python3-torch
    /usr/bin/python3 tests/golden/make_golden.py [FOLDER]

The files are committed, so that the tests need no Python. Nothing here is random: every number comes from a generator
seeded by a name, and one thread computes.
"""
import os
import subprocess
import sys

import torch

import elementwise_cases
import model_cases
import option_cases
import statistics_cases
import training_cases
import window_cases


def version():
    """PyTorch's version, with that of Debian's package where it is one."""
    query = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "python3-torch"], capture_output=True, text=True)
    return torch.__version__ + (f" (python3-torch {query.stdout})" if query.returncode == 0 else "")


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    metadata = {"torch": version(), "writer": "tests/golden/make_golden.py"}
    families = [elementwise_cases.arithmetic(), elementwise_cases.activation(), elementwise_cases.shape(),
                window_cases.matmul(), window_cases.conv2d(), window_cases.conv_transpose2d(), window_cases.pooling(),
                statistics_cases.normalization(), statistics_cases.loss(), statistics_cases.reduction(),
                option_cases.loss_options(), option_cases.any_axis(), option_cases.broadcast_matmul(),
                option_cases.window_options()]
    total, cases = 0, 0
    for family in families:
        size = family.write(folder, metadata)
        total, cases = total + size, cases + len(family.cases)
        print(f"{family.name:18} {len(family.cases):4} cases {size:8} bytes")
    for kind, name in ((training_cases.LeNet, "train_lenet"), (training_cases.ConvNorm, "train_conv_norm")):
        size, differences = training_cases.write_training(folder, kind, name, metadata)
        total += size
        print(f"{name:18} {size:19} bytes; f32 differs by {max(differences.values()):.1e}")
    size = training_cases.write_averaged(folder, training_cases.ConvNorm, "averaged_conv_norm", metadata)
    total += size
    print(f"{'averaged_conv_norm':18} {size:19} bytes")
    for model, name in training_cases.state_dicts():
        size = training_cases.write_state_dict(folder, model, name, metadata)
        total += size
        print(f"{name:18} {size:19} bytes")
    for model, name in model_cases.models():
        size = model_cases.write_model(folder, model, name, metadata)
        total += size
        print(f"{name:25} {size:12} bytes")
    print(f"{'':18} {cases:4} cases {total:8} bytes")


if __name__ == "__main__":
    main()
