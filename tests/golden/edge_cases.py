"""The study of the edge of stability: 50 steps of gradient descent on one whole batch, and the sharpness every 5 steps:
the largest eigenvalue of the whole matrix of second derivatives, which automatic differentiation gives.
"""
import json

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils.stateless import functional_call

from golden_file import as_input, write_safetensors
from made_up import samples
from training_cases import ebb_state, start

STEPS, EVERY, FROM, TO = 50, 5, 5, 30
LAMBDAS = [0.0, 0.01]


class Mlp(nn.Module):
    """Linear, tanh, linear. lr, and the weights in the beginning, such that it comes to the edge within the steps."""

    flattened = {}
    lr, times, shape, classes = 1.2, 2, (64, 6), 3

    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(6, 8), nn.Linear(8, 3)

    def forward(self, x):
        return self.fc2(torch.tanh(self.fc1(x)))


class Cnn(nn.Module):
    """Twice convolution with stride 2 and tanh; linear."""

    flattened = {"fc": (8, 4, 4)}
    lr, times, shape, classes = 0.41, 1, (24, 14, 14, 1), 10

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 3, stride=2, padding=1)
        self.conv2 = nn.Conv2d(4, 8, 3, stride=2, padding=1)
        self.fc = nn.Linear(128, 10)

    def forward(self, x):
        x = torch.tanh(self.conv2(torch.tanh(self.conv1(x.permute(0, 3, 1, 2)))))
        return self.fc(torch.flatten(x, 1))


def loss_of(outputs, labels):
    """Half the squared distance from the corner of the class, the mean over samples."""
    corners = F.one_hot(labels, outputs.shape[1]).to(outputs.dtype)
    return 0.5 * (outputs - corners).square().sum(1).mean()


def sharpness(net, x, labels):
    """The largest eigenvalue of the Hessian of the loss."""
    names, sizes = zip(*((name, p.shape) for name, p in net.named_parameters()))
    flat = torch.cat([p.detach().flatten() for p in net.parameters()])

    def loss(vector):
        parts = vector.split([size.numel() for size in sizes])
        values = {name: part.view(size) for name, part, size in zip(names, parts, sizes)}
        return loss_of(functional_call(net, values, (x,)), labels)

    return torch.linalg.eigvalsh(torch.autograd.functional.hessian(loss, flat))[-1].item()


def train(kind, strength, x, labels):
    """States in the beginning and at the end, and what the study measures on the way."""
    net = kind().double()
    start(net, f"edge {kind.__name__}")
    with torch.no_grad():
        for parameter in net.parameters():
            parameter *= kind.times
    first = ebb_state(net)
    descent = torch.optim.SGD(net.parameters(), lr=kind.lr, weight_decay=strength)
    sharp, losses, objectives = {}, [], []
    for step in range(STEPS + 1):
        if step % EVERY == 0:
            sharp[step] = sharpness(net, x, labels)
        descent.zero_grad()
        loss = loss_of(net(x), labels)
        loss.backward()
        losses.append(loss.item())
        square = sum(p.detach().square().sum().item() for p in net.parameters())
        objectives.append(losses[-1] + strength / 2 * square)
        if step < STEPS:
            descent.step()
    places = {step: kind.lr * (value + strength) / 2 for step, value in sharp.items()}
    late = [step for step in places if step >= STEPS * 4 // 5]
    climbs = [objectives[step] > objectives[step - 1] for step in range(STEPS * 4 // 5 + 1, STEPS + 1)]
    measured = {"growth": sharp[TO] / sharp[FROM], "loss": losses[-1],
                "final place": sum(places[step] for step in late) / len(late),
                "steps to the edge": crossing(places), "share of steps that climb": sum(climbs) / len(climbs)}
    return first, ebb_state(net), list(places.values()), measured


def crossing(places):
    """The first step after FROM at which the line through the places rises to 1; STEPS without one."""
    for step, place in places.items():
        if step > FROM and places[step - EVERY] < 1 <= place:
            before = places[step - EVERY]
            return step - EVERY + EVERY * (1 - before) / (place - before)
    return STEPS


def write(folder, metadata):
    """Writes FOLDER/study_edge.safetensors and returns its size."""
    tensors, runs = {}, {}
    for kind in (Mlp, Cnn):
        name = kind.__name__.lower()
        x, labels = samples(f"edge {name}", kind.shape, kind.classes)
        tensors |= {f"{name} x": as_input(x), f"{name} labels": labels}
        for strength in LAMBDAS:
            key = f"{name} {strength}"
            first, last, places, measured = train(kind, strength, x, labels)
            tensors |= {f"{name} 0/{path}": as_input(value) for path, value in first.items()}
            tensors |= {f"{key}/{path}": value for path, value in last.items()}
            runs[key] = {"lr": kind.lr, "places": places, **measured}
    return write_safetensors(f"{folder}/study_edge.safetensors", tensors, {
        **metadata, "training": json.dumps({"steps": STEPS, "every": EVERY, "from": FROM, "to": TO,
                                            "lambdas": LAMBDAS, "runs": runs})})

