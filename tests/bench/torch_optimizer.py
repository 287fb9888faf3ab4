"""Milliseconds of PyTorch's AdamW over ResNet-18's parameters, each implementation: the peer of optimizer_step."""
import json
import os
import statistics
import sys
import time

import torch


def shapes():
    def conv(k, a, b):
        return [(b, a, k, k), (b,), (b,)]

    out, a = conv(3, 3, 64), 64
    for b in (64, 128, 256, 512):
        for _ in range(2):
            out += conv(3, a, b) + conv(3, b, b) + (conv(1, a, b) if a != b else [])
            a = b
    return out + [(10, 512), (10,)]


def median_ms(rounds, **way):
    parameters = [torch.nn.Parameter(torch.randn(s) * 0.05) for s in shapes()]
    for p in parameters:
        p.grad = torch.randn_like(p) * 0.01
    groups = [{"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
              {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": 0.05}]
    optimizer = torch.optim.AdamW(groups, lr=1e-5, **way)
    times = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        optimizer.step()
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times)


if __name__ == "__main__":
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    ways = {"foreach": {"foreach": True}, "for": {"foreach": False}, "fused": {"fused": True}}
    print(json.dumps({"torch": torch.__version__, "threads": torch.get_num_threads()} |
                     {f"adamw_{name}_ms": round(median_ms(count, **way), 2) for name, way in ways.items()}))
