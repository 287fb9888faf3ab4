"""The study of a sphere in place of decay: 50 steps of its net under AdamW and on spheres of several rotations; how fast
a direction is forgotten under either; by how much an update turns.

On the sphere a weight w of length R goes to R unit(w - angle R unit(u)), u the update of Adam (Wen et al. 2026). The
angle is that of AdamW at rest (Kosson et al. 2024). Angles are measured by Kahan's formula.
"""
import json
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

from golden_file import Numbers, as_input, write_safetensors
from made_up import samples
from training_cases import ebb_state, start

STEPS = 50
LR, LAMBDA, REST, BETAS, EPS = 2e-3, 1.0, 0.05, (0.9, 0.99), 1e-8
EPOCHS, JUDGED, BATCHES = 5, 2, 10
WAYS = ["decay", "0.125", "1", "8"]
RATES = [0.01, 0.1, 1.0]
WALK = {"from": 10, "every": 5, "most": 20}
AT_REST = math.sqrt(2 * LR * LAMBDA * (1 - BETAS[0]) / (1 + BETAS[0]))


def unit(rows):
    return F.normalize(rows, dim=-1, eps=0)


class Adam:
    """The update of algorithm 1 of Kingma & Ba 2015 without its learning rate."""

    def __init__(self):
        self.t, self.m, self.v = 0, 0.0, 0.0

    def __call__(self, gradient):
        self.t += 1
        self.m = BETAS[0] * self.m + (1 - BETAS[0]) * gradient
        self.v = BETAS[1] * self.v + (1 - BETAS[1]) * gradient ** 2
        mean, square = self.m / (1 - BETAS[0] ** self.t), self.v / (1 - BETAS[1] ** self.t)
        return mean / (square.sqrt() + EPS)


def on_sphere(w, update, rate):
    """Each row turned against the update, at the length that it has."""
    radius = w.norm(dim=-1, keepdim=True)
    return radius * unit(w - rate * radius * unit(update))


class Net(nn.Module):
    """Linear, batch norm, ReLU, linear. As BnMlp of lab/study/workloads.h."""

    flattened = {}

    def __init__(self):
        super().__init__()
        self.fc1, self.bn1, self.fc2 = nn.Linear(12, 16, bias=False), nn.BatchNorm1d(16), nn.Linear(16, 4)

    def forward(self, x):
        return self.fc2(F.relu(self.bn1(self.fc1(x))))


def train(way, batches, order, fresh):
    """States in the beginning and at the end; means over the last epochs of the loss and of the accuracy in percent."""
    net = Net().double()
    start(net, "hyperball")
    first, turned = ebb_state(net), net.fc1.weight
    table = [{"params": [p for p in net.parameters() if p is not turned], "weight_decay": REST}]
    if way == "decay":
        table.append({"params": [turned], "weight_decay": LAMBDA})
    adamw, direction = torch.optim.AdamW(table, lr=LR, betas=BETAS, eps=EPS), Adam()
    losses, accuracies = [], []
    for epoch in range(EPOCHS):
        for i in order[epoch].tolist():
            net.zero_grad()
            loss = F.cross_entropy(net(batches[i][0]), batches[i][1])
            loss.backward()
            losses.append(loss.item())
            adamw.step()
            if way != "decay":
                with torch.no_grad():
                    turned.copy_(on_sphere(turned, direction(turned.grad), float(way) * AT_REST))
        net.eval()
        accuracies.append(100 * (net(fresh[0]).argmax(1) == fresh[1]).double().mean().item())
        net.train()
    judged = losses[-JUDGED * BATCHES:]
    return first, ebb_state(net), {"loss": sum(judged) / len(judged), "accuracy": sum(accuracies[-JUDGED:]) / JUDGED}


def gradient_at(w, direction):
    """As in front of a norm: at right angles to w, and the shorter the longer w is."""
    axis = unit(w)
    return (direction - (direction @ axis) * axis) / w.norm()


def turns(w, rate, directions):
    """The angles of steps along gradients at right angles, in radians."""
    angles = []
    for direction in directions:
        after = on_sphere(w, gradient_at(w, direction), rate)
        a, b = unit(w), unit(after)
        angles.append(2 * torch.atan2((a - b).norm(), (a + b).norm()))
        w = after
    return torch.stack(angles)


def memory(w, way, directions):
    """Mean cosine of the direction with that of some steps before, by their number."""
    w = math.sqrt(LR * w.numel() / (2 * LAMBDA)) * unit(w)
    adam, parameter, seen = Adam(), nn.Parameter(w.clone()), []
    adamw = torch.optim.AdamW([parameter], lr=LR, betas=BETAS, eps=EPS, weight_decay=LAMBDA)
    for step, direction in enumerate(directions):
        parameter.grad = gradient_at(parameter.detach(), direction)
        if way == "decay":
            adamw.step()
        else:
            parameter.data = on_sphere(parameter.data, adam(parameter.grad), AT_REST)
        if step >= WALK["from"] and step % WALK["every"] == 0:
            seen.append(unit(parameter.detach().clone()))
    out = {}
    for apart in range(1, WALK["most"] // WALK["every"] + 1):
        cosines = [(a @ b).item() for a, b in zip(seen, seen[apart:])]
        out[apart * WALK["every"]] = sum(cosines) / len(cosines)
    return out


def write(folder, metadata):
    """Writes FOLDER/study_hyperball.safetensors and returns its size."""
    batches = [samples(f"hyperball batch {i}", (32, 12), 4, 0.2) for i in range(BATCHES)]
    fresh = samples("hyperball fresh", (300, 12), 4)
    order = torch.stack([Numbers(f"hyperball epoch {i}").normal((BATCHES,)).argsort() for i in range(EPOCHS)])
    numbers = Numbers("hyperball toys")
    toys = {"short": numbers.normal((48,)), "short directions": numbers.normal((STEPS, 48)),
            "long": numbers.normal((64,)), "long directions": numbers.normal((STEPS, 64))}
    tensors = {key: as_input(value) for key, value in toys.items()} | {"order": order}
    for name, (x, labels) in [*((f"batch {i}", batch) for i, batch in enumerate(batches)), ("fresh", fresh)]:
        tensors |= {f"{name} x": as_input(x), f"{name} labels": labels}
    came = {}
    for way in WAYS:
        first, last, came[way] = train(way, batches, order, fresh)
        tensors |= {f"0/{path}": as_input(value) for path, value in first.items()}
        tensors |= {f"{way}/{path}": value for path, value in last.items()}
    for rate in RATES:
        tensors[f"angles {rate}"] = turns(toys["short"], rate, toys["short directions"])
    return write_safetensors(f"{folder}/study_hyperball.safetensors", tensors, {
        **metadata, "training": json.dumps({
            "steps": STEPS, "epochs": EPOCHS, "judged": JUDGED, "batches": BATCHES, "ways": WAYS, "rates": RATES,
            "walk": WALK, "came": came, "memory": {way: memory(toys["long"], way, toys["long directions"])
                                                   for way in ("decay", "sphere")}})})
