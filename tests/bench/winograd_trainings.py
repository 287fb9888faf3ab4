#!/usr/bin/python3
"""Trains ResNet-8 on Fashion-MNIST with each of Winograd's methods and prints what the trainings reach.

    python3 tests/bench/winograd_trainings.py [--epochs 2] [--seeds 5] [--data DIR] [--runs DIR]

A row for each seed, a column for each value of EBB_WINOGRAD: 4 (the default), 2, and 0 for direct convolutions. Needs a
release build. Finished runs in the folder of --runs are not run again.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
METHODS = ("4", "2", "0")


def accuracy(options, seed, method):
    run = os.path.join(options.runs, f"seed{seed}-winograd{method}")
    result = os.path.join(run, "summary.json")
    if not os.path.exists(result):
        command = [os.path.join(ROOT, "build/release/ebb"), "train", "fashion-mnist-resnet20", "--model", "resnet8",
                   "--epochs", str(options.epochs), "--seed", str(seed), "--out", run, "--overwrite"]
        if options.data:
            command += ["--data", options.data]
        done = subprocess.run(command, env=os.environ | {"EBB_WINOGRAD": method}, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
    with open(result, encoding="utf-8") as file:
        return 100 * json.load(file)["test_accuracy"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--data", default="")
    parser.add_argument("--runs", default="runs/winograd")
    options = parser.parse_args()
    print("| seed | F(4x4) | F(2x2) | direct |\n|---|---|---|---|")
    columns = {method: [] for method in METHODS}
    for seed in range(1, options.seeds + 1):
        for method in METHODS:
            columns[method].append(accuracy(options, seed, method))
        print(f"| {seed} | " + " | ".join(f"{columns[method][-1]:.2f} %" for method in METHODS) + " |", flush=True)
    print("| mean | " + " | ".join(f"{statistics.mean(columns[method]):.2f} %" for method in METHODS) + " |")
    print("| standard deviation | " + " | ".join(f"{statistics.stdev(columns[method]):.2f}" for method in METHODS) + " |")


if __name__ == "__main__":
    main()
