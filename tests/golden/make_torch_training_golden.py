"""Writes torch_training.safetensors: weights and state of PyTorch's optimizers after 5 steps of a small network in f64, and
the weights after 10 further steps.

Run with PyTorch (2.15): python3 tests/golden/make_torch_training_golden.py [FOLDER]
"""
import json
import os
import sys

import torch
import torch.nn as nn
import torch.nn.functional as F

from golden_file import Numbers, as_input, write_safetensors

FIRST, FURTHER = 5, 10


class Small(nn.Module):
    """A convolution with batch norm, and a linear layer that sees its flattened maps. A bias in front of the norm would
    have no gradient but rounding, which Adam and its kin blow up to whole steps."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(4)
        self.fc = nn.Linear(120, 5)

    def forward(self, x):
        return self.fc(torch.flatten(F.relu(self.bn(self.conv(x))), 1))


def optimizers(parameters):
    """By Ebb's name and options of its own; the numbers stand in torch_training_test.cpp as well."""
    return {
        "sgd": torch.optim.SGD(parameters, lr=0.05, momentum=0.9),
        "sgd nesterov": torch.optim.SGD(parameters, lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.01),
        "adam": torch.optim.Adam(parameters, lr=0.01),
        "adam amsgrad": torch.optim.Adam(parameters, lr=0.01, amsgrad=True),
        "adamw": torch.optim.AdamW(parameters, lr=0.01, weight_decay=0.05),
        "nadam": torch.optim.NAdam(parameters, lr=0.01),
        "radam": torch.optim.RAdam(parameters, lr=0.01),
        "rmsprop": torch.optim.RMSprop(parameters, lr=0.002, alpha=0.9, momentum=0.5, centered=True),
        "adagrad": torch.optim.Adagrad(parameters, lr=0.02),
        "adadelta": torch.optim.Adadelta(parameters, lr=0.5),
    }


def train(model, optimizer, steps, begin):
    for step in range(begin, begin + steps):
        numbers = Numbers(f"torch training batch {step % 3}")
        images, labels = numbers.normal((6, 5, 6, 3)), numbers.integers((6,), 5)
        optimizer.zero_grad()
        F.cross_entropy(model(images.permute(0, 3, 1, 2)), labels).backward()
        optimizer.step()


def state_of(model, optimizer):
    """What Ebb's export writes: the state dict, and the optimizer's behind the names of parameters."""
    tensors = {name: value.detach().clone() for name, value in model.state_dict().items()}
    for name, parameter in model.named_parameters():
        for key, value in optimizer.state[parameter].items():
            if value is not None:
                tensors[f"{name}.{key}"] = value.detach().double().clone()
    return tensors


if __name__ == "__main__":
    torch.set_default_dtype(torch.float64)
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    tensors = {}
    for i in range(3):
        numbers = Numbers(f"torch training batch {i}")
        tensors[f"images{i}"] = as_input(numbers.normal((6, 5, 6, 3)))
        tensors[f"labels{i}"] = numbers.integers((6,), 5)
    names = list(optimizers([nn.Parameter(torch.zeros(1))]))
    for name in names:
        model = Small()
        for path, parameter in model.named_parameters():
            with torch.no_grad():
                parameter.copy_(Numbers(f"torch training {path}").normal(parameter.shape, float(path == "bn.weight"), 0.2))
        optimizer = optimizers(list(model.parameters()))[name]
        train(model, optimizer, FIRST, 0)
        tensors |= {f"{name}/before/{key}": value for key, value in state_of(model, optimizer).items()}
        train(model, optimizer, FURTHER, FIRST)
        tensors |= {f"{name}/after/{key}": value.clone() for key, value in model.state_dict().items()}
    size = write_safetensors(os.path.join(folder, "torch_training.safetensors"), tensors,
                             {"torch": torch.__version__, "optimizers": json.dumps(names)})
    print(size, "bytes")
