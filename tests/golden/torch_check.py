#!/usr/bin/env python3
"""Judges exports with PyTorch itself: python3 tests/golden/torch_check.py DIRECTORY

Each NAME.safetensors is taken by the twin of the network NAME with load_state_dict(strict=True) and gives the logits of
NAME.expected.safetensors for its images, in evaluation and in training mode, to 1e-10. Prints a line for each file; exits
with 1 when one is wrong, with 77 when PyTorch is missing."""

import json
import pathlib
import struct
import sys

try:
    import torch
    import torch.nn as nn
    import torch.nn.functional as F
    from model_cases import MnistCnn, ResNet20, training_mode
    from training_cases import LeNet
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

TYPES = {"F64": torch.float64, "F32": torch.float32, "I64": torch.int64}


class PreactBlock(nn.Module):
    def __init__(self, inside, out, stride):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inside)
        self.conv1 = nn.Conv2d(inside, out, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        if stride != 1 or inside != out:
            self.shortcut = nn.Conv2d(inside, out, 1, stride, bias=False)

    def forward(self, x):
        h = F.relu(self.bn1(x))
        y = self.conv2(F.relu(self.bn2(self.conv1(h))))
        return y + (self.shortcut(h) if hasattr(self, "shortcut") else x)


class WideResNet(nn.Module):
    """WRN-16-4 (Zagoruyko & Komodakis 2016)."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        widths = [16] + [64] * 2 + [128] * 2 + [256] * 2
        strides = [1, 1, 2, 1, 2, 1]
        self.blocks = nn.Sequential(*(PreactBlock(a, b, s) for a, b, s in zip(widths, widths[1:], strides)))
        self.bn = nn.BatchNorm2d(256)
        self.fc = nn.Linear(256, 10)

    def forward(self, x):
        return self.fc(F.relu(self.bn(self.blocks(self.conv1(x)))).mean((2, 3)))


class Vgg11(nn.Module):
    def __init__(self):
        super().__init__()
        plan = [(3, 64, True), (64, 128, True), (128, 256, False), (256, 256, True), (256, 512, False), (512, 512, True),
                (512, 512, False), (512, 512, True)]
        parts = []
        for inside, out, pool in plan:
            part = [nn.Conv2d(inside, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU()]
            parts.append(nn.Sequential(*part, *([nn.MaxPool2d(2)] if pool else [])))
        self.net = nn.Sequential(*parts, nn.Flatten(), nn.Linear(512, 10))

    def forward(self, x):
        return self.net(x)


class SpeedNet(nn.Module):
    """Jordan 2024, "94% on CIFAR-10 in 3.29 seconds on a single GPU"."""

    def __init__(self):
        super().__init__()
        parts = [nn.Conv2d(3, 24, 2), nn.GELU("tanh")]
        inside = 24
        for out in (64, 256, 256):
            for a, pool in ((inside, True), (out, False)):
                parts += [nn.Conv2d(a, out, 3, padding=1, bias=False), *([nn.MaxPool2d(2)] if pool else []),
                          nn.BatchNorm2d(out, eps=1e-12, momentum=0.4), nn.GELU("tanh")]
            inside = out
        self.net = nn.Sequential(*parts, nn.MaxPool2d(3), nn.Flatten(), nn.Linear(inside, 10, bias=False))

    def forward(self, x):
        return self.net(x) / 9


TWINS = {"lenet": LeNet, "mnistcnn": MnistCnn, "resnet20-padding": lambda: ResNet20(True),
         "resnet20-projection": lambda: ResNet20(False), "vgg11bn": Vgg11, "wrn-16-4": WideResNet, "speednet": SpeedNet}


def load(path):
    """The tensors of a safetensors file."""
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    tensors = {}
    for name, entry in json.loads(data[8:8 + length]).items():
        if name != "__metadata__":
            begin, end = (8 + length + offset for offset in entry["data_offsets"])
            tensors[name] = torch.frombuffer(bytearray(data[begin:end]), dtype=TYPES[entry["dtype"]]).reshape(entry["shape"])
    return tensors


def check(path):
    """How far the logits are off, of the largest one."""
    wanted = load(path.with_suffix(".expected.safetensors"))
    model = TWINS[path.stem]().double()
    model.load_state_dict(load(path), strict=True)
    x = wanted["images"].permute(0, 3, 1, 2)
    worst = 0.0
    for mode in ("eval", "train"):
        model.eval() if mode == "eval" else training_mode(model)  # dropout has masks of its own
        with torch.no_grad():
            logits = model(x)
        worst = max(worst, ((logits - wanted[mode]).abs().max() / wanted[mode].abs().max()).item())
    return worst


def main():
    wrong = 0
    files = [p for p in sorted(pathlib.Path(sys.argv[1]).glob("*.safetensors")) if ".expected" not in p.name]
    for path in files:
        try:
            worst = check(path)
            print(f"{path.stem}: off by {worst:.1e}")
            wrong += not worst < 1e-10
        except Exception as error:  # what PyTorch says is what we want to read
            print(f"{path.stem}: {type(error).__name__}: {error}")
            wrong += 1
    print(f"{len(files)} files, {wrong} wrong")
    sys.exit(1 if wrong or not files else 0)


if __name__ == "__main__":
    main()
