"""Throughput of PyTorch on the models of torch_models.py, with the same output as ebb-bench --json.

One process and one thread count. A training step is forward, cross-entropy, backward and SGD with momentum on inputs in
memory; inference is the traced, frozen and optimised module. Each model runs in both memory formats and the better one
counts. Use Debian's own python3, which has python3-torch.
"""
import argparse
import ctypes
import json
import os
import time

parser = argparse.ArgumentParser()
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--models", default="lenet,mnistcnn,resnet20,resnet9,vgg11bn,resnet18,mlp")
parser.add_argument("--batches", default="128")
parser.add_argument("--modes", default="train", help="train and infer, separated by commas")
parser.add_argument("--seconds", type=float, default=1.5, help="time for each model, batch, mode and format")
parser.add_argument("--probe", default="", help="shared object built from fma_probe.cpp")
options = parser.parse_args()

import torch
import torch.nn.functional as F
from torch_models import MODELS, macs

torch.set_num_threads(options.threads)
torch.manual_seed(0)


def peak_gflops():
    if not options.probe:
        return 0.0
    probe = ctypes.CDLL(os.path.abspath(options.probe))
    probe.fma_probe.restype = ctypes.c_double
    probe.fma_probe.argtypes = [ctypes.c_int, ctypes.c_long]
    return probe.fma_probe(options.threads, 6000000)


def step_of(name, batch, mode, channels_last):
    model = MODELS[name]()
    x = torch.randn(batch, *model.shape)
    labels = torch.randint(0, 10, (batch,))
    if channels_last:
        model = model.to(memory_format=torch.channels_last)
        x = x.contiguous(memory_format=torch.channels_last)
    if mode == "infer":
        model.eval()
        with torch.no_grad():
            model = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(model, x)))

        def infer():
            with torch.no_grad():
                model(x)

        return infer
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    def train():
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(model(x), labels).backward()
        optimizer.step()

    return train


def median_seconds(step):
    for _ in range(3):
        step()
    times = []
    begin = time.perf_counter()
    while len(times) < 5 or time.perf_counter() - begin < options.seconds:
        t = time.perf_counter()
        step()
        times.append(time.perf_counter() - t)
    times.sort()
    return times[len(times) // 2]


for name in options.models.split(","):
    forward, train_macs, _ = macs(name)
    formats = [False, True] if len(MODELS[name].shape) == 3 else [False]
    for batch in map(int, options.batches.split(",")):
        for mode in options.modes.split(","):
            peak = peak_gflops()
            seconds = min(median_seconds(step_of(name, batch, mode, f)) for f in formats)
            flop = 2 * (train_macs if mode == "train" else forward) * batch
            print(json.dumps({"model": name, "batch": batch, "threads": options.threads, "mode": mode,
                              "images_per_s": batch / seconds, "gflops": flop / seconds * 1e-9,
                              "fma_peak_gflops": peak}), flush=True)
