"""The study of decay in Adam's buffers: 50 steps of its net with the penalty in one of Adam's two means, in both and in
neither; where the toys rest, and their first steps.

SplitAdam is algorithm 1 of Kingma & Ba 2015 with a gradient of its own for each mean. Where both means see the penalty,
or neither does, torch.optim.Adam trains, and SplitAdam is held to it here.
"""
import json

import torch
import torch.nn as nn
import torch.nn.functional as F

from golden_file import as_input, write_safetensors
from made_up import samples
from training_cases import ebb_state, start

STEPS, LR = 50, 3e-3
LAMBDAS = [0.03, 0.1]
PLACES = ["neither", "both", "mean", "squares"]
TOY = {"curvature": 0.75, "minimum": 2.0, "start": 0.5, "lambda": 0.3, "lr": 0.02, "eps": 0.1, "steps": 6000}
FIRST = {"gradient": 1e-3, "lambda": 0.1, "lr": 1e-3}


class SplitAdam(torch.optim.Optimizer):
    """Adam whose first moment is of g + first w, and whose second is of g + second w."""

    def __init__(self, parameters, lr, first, second, eps=1e-8):
        super().__init__(parameters, {"lr": lr, "first": first, "second": second, "eps": eps})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for w in group["params"]:
                state = self.state[w]
                if not state:
                    state |= {"t": 0, "m": torch.zeros_like(w), "v": torch.zeros_like(w)}
                state["t"] += 1
                for key, beta, seen in (("m", 0.9, w.grad + group["first"] * w),
                                        ("v", 0.999, (w.grad + group["second"] * w).square())):
                    state[key] = beta * state[key] + (1 - beta) * seen
                mean, square = state["m"] / (1 - 0.9 ** state["t"]), state["v"] / (1 - 0.999 ** state["t"])
                w -= group["lr"] * mean / (square.sqrt() + group["eps"])


def by_hand(place, parameters, lr, strength, eps=1e-8):
    return SplitAdam(parameters, lr, strength if place in ("both", "mean") else 0,
                     strength if place in ("both", "squares") else 0, eps)


def optimizer(place, parameters, lr, strength, eps=1e-8):
    """PyTorch's own where it has one."""
    if place == "adamw":
        return torch.optim.AdamW(parameters, lr=lr, weight_decay=strength, eps=eps)
    if place in ("both", "neither"):
        return torch.optim.Adam(parameters, lr=lr, weight_decay=strength if place == "both" else 0, eps=eps)
    return by_hand(place, parameters, lr, strength, eps)


class Net(nn.Module):
    """Linear, ReLU, linear."""

    flattened = {}

    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(12, 64), nn.Linear(64, 4)

    def forward(self, x):
        return self.fc2(F.relu(self.fc1(x)))


def train(make, place, strength, few, fresh):
    """The state in the beginning and at the end, and the accuracy on fresh samples in percent."""
    net = Net().double()
    start(net, "buffers")
    first = ebb_state(net)
    steps = make(place, net.parameters(), LR, strength)
    lrs = torch.optim.lr_scheduler.LambdaLR(
        steps, lambda t: 0.5 * (1 + torch.cos(torch.tensor(torch.pi * t / STEPS, dtype=torch.float64)).item()))
    for _ in range(STEPS):
        steps.zero_grad()
        F.cross_entropy(net(few[0]), few[1]).backward()
        steps.step()
        lrs.step()
    right = (net(fresh[0]).argmax(1) == fresh[1]).double().mean().item()
    return first, ebb_state(net), 100 * right


def rest(place):
    """Where a/2 (w - minimum)^2 rests with the penalty in a place."""
    w = torch.tensor([TOY["start"]], dtype=torch.float64, requires_grad=True)
    steps = optimizer(place, [w], TOY["lr"], TOY["lambda"], TOY["eps"])
    for _ in range(TOY["steps"]):
        w.grad = TOY["curvature"] * (w.detach() - TOY["minimum"])
        steps.step()
    return w.item()


def first_step(place):
    """Of a weight of 1, without eps."""
    w = torch.ones(1, dtype=torch.float64, requires_grad=True)
    w.grad = torch.full_like(w, FIRST["gradient"])
    optimizer(place, [w], FIRST["lr"], FIRST["lambda"], 0).step()
    return 1 - w.item()


def write(folder, metadata):
    """Writes FOLDER/study_buffers.safetensors and returns its size."""
    few, fresh = samples("buffers", (300, 12), 4, 1 / 3), samples("buffers fresh", (500, 12), 4)
    tensors = {"x": as_input(few[0]), "labels": few[1], "fresh x": as_input(fresh[0]), "fresh labels": fresh[1]}
    accuracies, apart = {}, 0.0
    for strength in LAMBDAS:
        for place in [*PLACES, "adamw"]:
            key = f"{place} {strength}"
            first, last, accuracies[key] = train(optimizer, place, strength, few, fresh)
            tensors |= {f"{key}/{path}": value for path, value in last.items()}
            tensors |= {f"0/{path}": as_input(value) for path, value in first.items()}
            if place in ("both", "neither"):
                twin = train(by_hand, place, strength, few, fresh)[1]
                apart = max(apart, *((twin[path] - value).abs().max().item() for path, value in last.items()))
    assert apart < 1e-12, apart
    return write_safetensors(f"{folder}/study_buffers.safetensors", tensors, {
        **metadata, "training": json.dumps({
            "steps": STEPS, "lambdas": LAMBDAS, "places": PLACES, "accuracies": accuracies, "toy": TOY, "first": FIRST,
            "rests": {place: rest(place) for place in PLACES},
            "first steps": {place: first_step(place) for place in PLACES}})})
