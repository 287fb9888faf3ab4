"""Throughput of PyTorch on the models of torch_models.py in each way that a user would try, as JSON lines.

    torch_train.py --models resnet20 --batch 128 --threads 1 --mode train --ways eager,compiled

One process, one thread count. A training step is forward, cross-entropy, backward and SGD with momentum on inputs in
memory; inference is a forward pass in eval mode, compiled with frozen weights. Ways: eager in both memory formats, the
better of which counts, and compiled by torch.compile in channels_last; each in f32 and under bf16 autocast. A way that
fails on this machine has "error" instead of a time. compare.py starts it with an allocator that keeps its memory.
"""
import argparse
import contextlib
import json
import os
import sys
import time

import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from torch_models import MODELS  # noqa: E402

WAYS = ("eager", "compiled", "eager-bf16", "compiled-bf16")


def layout_of(model, images, channels_last):
    if not channels_last or images.dim() != 4:
        return model, images
    return model.to(memory_format=torch.channels_last), images.contiguous(memory_format=torch.channels_last)


def precision(way):
    return torch.autocast("cpu", dtype=torch.bfloat16) if way.endswith("bf16") else contextlib.nullcontext()


def inference(model, images, way):
    model.eval()
    if way.startswith("compiled"):
        import torch._inductor.config as inductor
        inductor.freezing = True
        model = torch.compile(model)

    def infer():
        with torch.no_grad(), precision(way):
            model(images)

    return infer


def training(model, images, labels, way):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    def loss(x, y):
        with precision(way):
            return F.cross_entropy(model(x), y)

    loss_of = torch.compile(loss) if way.startswith("compiled") else loss

    def train():
        optimizer.zero_grad(set_to_none=True)
        loss_of(images, labels).backward()
        optimizer.step()

    return train


def step_of(name, batch, mode, way, channels_last):
    model, images = layout_of(MODELS[name](), torch.randn(batch, *MODELS[name].shape), channels_last)
    if mode == "infer":
        return inference(model, images, way)
    return training(model, images, torch.randint(0, 10, (batch,)), way)


def times_of(step, budget):
    for _ in range(3):
        step()
    times, begin = [], time.perf_counter()
    while len(times) < 5 or time.perf_counter() - begin < budget:
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return sorted(times)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", default="lenet,mnistcnn,resnet20,resnet9,vgg11bn,resnet18,mlp")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--mode", choices=("train", "infer"), default="train")
    parser.add_argument("--ways", default=",".join(WAYS))
    parser.add_argument("--seconds", type=float, default=1.5, help="time for each model, way and format")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    for name in options.models.split(","):
        for way in options.ways.split(","):
            row = {"model": name, "batch": options.batch, "threads": options.threads, "mode": options.mode, "way": way}
            formats = [False, True] if way.startswith("eager") and len(MODELS[name].shape) == 3 else [True]
            try:
                found = [times_of(step_of(name, options.batch, options.mode, way, last), options.seconds) for last in formats]
                best = min(found, key=lambda times: times[len(times) // 2])
                median = best[len(best) // 2]
                row |= {"images_per_s": options.batch / median, "ms": 1e3 * median, "p99_ms": 1e3 * best[len(best) * 99 // 100]}
            except Exception as error:  # whatever a compiler of many layers may throw
                row["error"] = f"{type(error).__name__}: {error}"[:300]
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
