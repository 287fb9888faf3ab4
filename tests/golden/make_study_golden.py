#!/usr/bin/env python3
"""Repeats five studies by code that is independent of Ebb, 50 steps in f64, and writes study_NAME.safetensors of each.

equilibrium and schedules are written here: the net of the studies under PyTorch's SGD with momentum and coupled decay at
a constant learning rate, and under its AdamW along a cosine. buffers, edge and hyperball have files of their own.

    apt install python3-torch
    /usr/bin/python3 tests/golden/make_study_golden.py [FOLDER]

Beside the weights of the first two stand what a diagnosis says of them: norm, gradient and rotation of every channel of a convolution in
every step, and the quantiles over the channels of their root mean squares over windows of WINDOW steps. They are
measured here, by other formulas than Ebb's.
"""
import json
import os
import sys

import torch
import torch.nn as nn
import torch.nn.functional as F

import buffers_cases
import edge_cases
import hyperball_cases
from golden_file import Numbers, as_input, write_safetensors
from training_cases import ebb_state, start

METADATA = {"torch": torch.__version__, "writer": "tests/golden/make_study_golden.py"}
STEPS, WINDOW, BATCHES = 50, 5, 6
KEPT = [1, 2, 3, 5, 10, 20, 30, 40, 50]
SIDE = 8
EQUILIBRIUM = {"lr": 0.05, "momentum": 0.9, "filters": 0.02, "rest": 0.002}
SCHEDULES = {"lr": 0.01, "filters": 0.5, "rest": 0.05}


class SmallCnn(nn.Module):
    """Twice convolution, batch norm, ReLU and pooling; a linear layer. As lab/study/workloads.h has it."""

    flattened = {"fc": (8, SIDE // 4, SIDE // 4)}

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        self.conv2 = nn.Conv2d(4, 8, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(8)
        self.fc = nn.Linear(8 * (SIDE // 4) ** 2, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 2)
        x = F.max_pool2d(F.relu(self.bn2(self.conv2(x))), 2)
        return self.fc(torch.flatten(x, 1))


def batches():
    """Images of noise in which the class is a brighter pixel, so that there is something to learn."""
    made = []
    for i in range(BATCHES):
        numbers = Numbers(f"study batch {i}")
        images, labels = numbers.normal((16, SIDE, SIDE, 1)), numbers.integers((16,), 10)
        for image, label in zip(images, labels):
            image[2 + label // 4, 2 + label % 4] += 2
        made.append((images.float().double(), labels))
    return made


def angle(a, b):
    """Between rows, in radians: Kahan's formula."""
    a, b = a / a.norm(dim=1, keepdim=True), b / b.norm(dim=1, keepdim=True)
    return 2 * torch.atan2((a - b).norm(dim=1), (a + b).norm(dim=1))


def quantiles(per_step):
    """[windows, 3]: median, 10 % and 90 % over the channels of the root mean square over each window."""
    rms = per_step.reshape(STEPS // WINDOW, WINDOW, -1).square().mean(1).sqrt()
    return torch.stack([torch.quantile(rms, q, dim=1) for q in (0.5, 0.1, 0.9)], 1)


def train(make, schedule):
    """The net, its states before the first step and after the KEPT ones, and what was measured."""
    model = SmallCnn().double()
    start(model, "study")
    optimizer = make(model)
    lrs = torch.optim.lr_scheduler.LambdaLR(optimizer, schedule)
    data = batches()
    states, columns, losses = {0: ebb_state(model)}, {}, []
    for step in range(STEPS):
        images, labels = data[step % BATCHES]
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images.permute(0, 3, 1, 2)), labels)
        loss.backward()
        losses.append(loss.item())
        rows = {name: (getattr(model, name).weight.detach().flatten(1).clone(),
                       getattr(model, name).weight.grad.flatten(1).clone()) for name in ("conv1", "conv2")}
        optimizer.step()
        lrs.step()
        for name, (before, gradient) in rows.items():
            after = getattr(model, name).weight.detach().flatten(1)
            for what, values in (("norm", before.norm(dim=1)), ("gradient", gradient.norm(dim=1)),
                                 ("angle", torch.rad2deg(angle(before, after)))):
                columns.setdefault(f"{name}/{what}", []).append(values)
        if step + 1 in KEPT:
            states[step + 1] = ebb_state(model)
    return states, {key: torch.stack(values) for key, values in columns.items()}, losses


def groups(model, settings):
    """Filters with one strength of decay, all the rest with another."""
    table = {"filters": [], "rest": []}
    for path, parameter in model.named_parameters():
        table["filters" if path.startswith("conv") else "rest"].append(parameter)
    return [{"params": members, "weight_decay": settings[name]} for name, members in table.items()]


def write(folder, name, settings, make, schedule):
    """Writes FOLDER/NAME.safetensors and returns its size."""
    states, columns, losses = train(lambda model: make(groups(model, settings)), schedule)
    tensors = {"losses": torch.tensor(losses, dtype=torch.float64)}
    tensors |= {f"{step}/{path}": as_input(value) if step == 0 else value
                for step, state in states.items() for path, value in state.items()}
    for key, values in columns.items():
        tensors |= {key: values, f"{key} by window": quantiles(values)}
    for i, (images, labels) in enumerate(batches()):
        tensors |= {f"images{i}": as_input(images), f"labels{i}": labels}
    return write_safetensors(f"{folder}/{name}.safetensors", tensors, {
        **METADATA, "training": json.dumps({**settings, "steps": STEPS, "window": WINDOW, "batches": BATCHES,
                                            "kept": KEPT, "side": SIDE})})


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    print(write(folder, "study_equilibrium", EQUILIBRIUM,
                lambda table: torch.optim.SGD(table, lr=EQUILIBRIUM["lr"], momentum=EQUILIBRIUM["momentum"]),
                lambda step: 1.0))
    print(write(folder, "study_schedules", SCHEDULES, lambda table: torch.optim.AdamW(table, lr=SCHEDULES["lr"]),
                lambda step: 0.5 * (1 + torch.cos(torch.tensor(torch.pi * step / STEPS, dtype=torch.float64)).item())))
    for cases in (buffers_cases, edge_cases, hyperball_cases):
        print(cases.write(folder, METADATA))


if __name__ == "__main__":
    main()
