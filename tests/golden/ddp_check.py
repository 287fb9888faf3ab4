#!/usr/bin/env python3
"""Trains with PyTorch's DistributedDataParallel on two processes: python3 tests/golden/ddp_check.py DIRECTORY

From begin.safetensors through the batches of batches.safetensors, each process with its half of every one, the weights and
running statistics come within 1e-9 of those of end.safetensors; the norms of synchronised.safetensors saw the whole batch,
as one process with all samples shows. Exits with 1 when not, with 77 when PyTorch is missing."""

import json
import os
import pathlib
import struct
import sys

try:
    import torch
    import torch.distributed as dist
    import torch.multiprocessing as mp
    import torch.nn as nn
    import torch.nn.functional as F
    from torch.nn.parallel import DistributedDataParallel
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

TYPES = {"F64": torch.float64, "F32": torch.float32, "I64": torch.int64}
STEPS = 20


def load(path):
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    out = {}
    for name, entry in json.loads(data[8:8 + length]).items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        raw = bytearray(data[8 + length + begin:8 + length + end])
        out[name.removeprefix("net.")] = torch.frombuffer(raw, dtype=TYPES[entry["dtype"]]).reshape(entry["shape"])
    return out


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 8, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(8)
        self.fc = nn.Linear(288, 3)

    def forward(self, x):
        x = F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))
        return self.fc(x.permute(0, 2, 3, 1).flatten(1))


def to_torch(name, value):
    """A value with Ebb's layout as PyTorch has it."""
    if name.startswith("conv") and name.endswith("weight"):
        return value.permute(3, 2, 0, 1)
    return value.T if name == "fc.weight" else value


NAMES = {"scale": "weight", "shift": "bias", "running_variance": "running_var", "batches": "num_batches_tracked"}


def torch_state(state):
    out = {}
    for path, value in state.items():
        layer, name = path.split(".")
        out[f"{layer}.{NAMES.get(name, name)}"] = to_torch(path, value).contiguous()
    return out


def train(directory, rank, ranks):
    torch.set_num_threads(1)
    net = Net().double()
    net.load_state_dict(torch_state(load(directory / "begin.safetensors")))
    model = DistributedDataParallel(net) if ranks > 1 else net
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-2)
    batches = load(directory / "batches.safetensors")
    for step in range(STEPS):
        images = batches[f"images{step}"].double().permute(0, 3, 1, 2).chunk(ranks)[rank]
        labels = batches[f"labels{step}"].chunk(ranks)[rank]
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()
    return net.state_dict()


def process(rank, directory):
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(29500 + os.getppid() % 1000))
    dist.init_process_group("gloo", rank=rank, world_size=2)
    state = train(directory, rank, 2)
    if rank == 0:
        torch.save(state, directory / "ddp.pt")
    dist.destroy_process_group()


def distance(state, file, names):
    wanted = torch_state(load(file))
    return max(float((state[name] - wanted[name]).abs().max()) for name in names)


def main():
    directory = pathlib.Path(sys.argv[1])
    mp.spawn(process, args=(directory,), nprocs=2)
    ddp = torch.load(directory / "ddp.pt")
    alone = train(directory, 0, 1)
    weights = [name for name in ddp if name.split(".")[1] in ("weight", "bias")]
    statistics = [name for name in ddp if "running" in name]
    far = {"weights beside DDP": distance(ddp, directory / "end.safetensors", weights),
           "synchronised weights beside one process": distance(alone, directory / "synchronised.safetensors", weights),
           "synchronised statistics": distance(alone, directory / "synchronised.safetensors", statistics)}
    effect = max(float((ddp[name] - alone[name]).abs().max()) for name in weights)
    print(f"PyTorch {torch.__version__}: " + ", ".join(f"{what} {value:.1e}" for what, value in far.items()) +
          f"; norms over halves and over all differ by {effect:.1e}")
    sys.exit(0 if max(far.values()) < 1e-9 and effect > 1e-6 else 1)


if __name__ == "__main__":
    main()
