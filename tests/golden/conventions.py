#!/usr/bin/env python3
"""Checks PyTorch's column of the table in docs/pytorch.md: python3 tests/golden/conventions.py

Run with PyTorch 1.13.1 (Debian's python3-torch) and 2.15. Prints a line for each row, and ends with status 1 when one
is not as the table has it.
"""
import math
import sys
import warnings

import torch
import torch.nn.functional as F
from torch.optim import lr_scheduler
from torch.optim.swa_utils import AveragedModel

warnings.filterwarnings("ignore")
INF, NAN = math.inf, math.nan
NEW = int(torch.__version__.split(".")[0]) >= 2
wrong = []


def same(a, b):
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b))
    if isinstance(a, float) and isinstance(b, float):
        if math.isnan(a) or math.isnan(b):
            return math.isnan(a) and math.isnan(b)
        if a == b:
            return math.copysign(1, a) == math.copysign(1, b)
        return abs(a - b) <= 1e-6 * abs(b)
    return a == b


def row(name, got, want):
    right = same(got, want)
    print(f"{'ok   ' if right else 'WRONG'} {name}: {got}")
    if not right:
        wrong.append(name)


def refused(function, *arguments, **options):
    try:
        function(*arguments, **options)
    except RuntimeError:
        return True
    return False


def value_and_gradient(function, numbers, dtype=torch.float64):
    x = torch.tensor(numbers, dtype=dtype, requires_grad=True)
    y = function(x)
    y.sum().backward()
    return y.detach().tolist(), x.grad.tolist()


def gradient(function, numbers, dtype=torch.float64):
    return value_and_gradient(function, numbers, dtype)[1]


def parameter(value, shape=(1,), dtype=torch.float64):
    return torch.nn.Parameter(torch.full(shape, value, dtype=dtype))


def multipliers(make, steps):
    optimizer = torch.optim.SGD([parameter(0.0)], lr=1.0)
    schedule, out = make(optimizer), []
    for step in range(steps):
        out.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if step + 1 < steps:
            schedule.step()
    return out


def training():
    model = torch.nn.Linear(1, 1, bias=False)
    model.weight.data.fill_(1.0)
    average = AveragedModel(model, avg_fn=lambda mean, value, _: 0.9 * mean + 0.1 * value)
    seen = []
    for value in (2.0, 4.0):
        model.weight.data.fill_(value)
        average.update_parameters(model)
        seen.append(average.module.weight.item())
    row("average", seen, [2.0, 2.2])
    clipped = []
    for g in (1.0, 2.0):
        p = parameter(0.0)
        p.grad = torch.tensor([g], dtype=torch.float64)
        torch.nn.utils.clip_grad_norm_([p], 1.0)
        clipped.append(1 - p.grad.item())
    row("clip_grad_norm_, missing", clipped, [9.99999e-7, 4.9999975e-7])
    row("CosineAnnealingLR(4) at 6", multipliers(lambda o: lr_scheduler.CosineAnnealingLR(o, 4), 7)[6], 0.5)

    def cycle(total, share, steps):
        return multipliers(lambda o: lr_scheduler.OneCycleLR(o, max_lr=1.0, total_steps=total, pct_start=share,
                                                             final_div_factor=1e4, cycle_momentum=False), steps)

    row("OneCycleLR, rise below a step", cycle(5, 0.1, 1), [0.9698464310077126])
    row("OneCycleLR beyond its end", cycle(10, 0.3, 11)[9:], [4e-6, 0.04951936798652623])
    optimizer = torch.optim.SGD([parameter(0.0)], lr=1.0)
    plateau = lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, factor=0.5)
    for _ in range(4):
        plateau.step(-1.0)
    row("ReduceLROnPlateau of -1", optimizer.param_groups[0]["lr"], 1.0)


def ops():
    none = torch.zeros(0, 3), torch.zeros(0, dtype=torch.long)
    row("cross_entropy of no samples", F.cross_entropy(*none).item(), NAN)
    row("cross_entropy, all ignored", F.cross_entropy(torch.zeros(2, 3), torch.tensor([-100, -100])).item(), NAN)
    row("mse_loss, mean of nothing", [F.mse_loss(torch.zeros(0), torch.zeros(0)).item(), torch.zeros(0).mean().item()],
        [NAN, NAN])
    row("elu at NaN, alone and in an array", [gradient(F.elu, [NAN])[0], gradient(F.elu, [NAN] * 40)[0]], [1.0, NAN])
    row("relu6 at NaN, likewise", [gradient(F.relu6, [NAN])[0], gradient(F.relu6, [NAN] * 40)[0]], [1.0, 0.0])
    row("pow(-0, 0.5)", value_and_gradient(lambda x: x**0.5, [-0.0]), ([-0.0], [-INF]))
    row("pow(-0, -0.5)", value_and_gradient(lambda x: x**-0.5, [-0.0])[0], [-INF])
    row("pow(-0, 1.5), gradient", gradient(lambda x: x**1.5, [-0.0]), [-0.0])
    row("1e-20 * 1e-20 in f32", (torch.tensor([1e-20]) * torch.tensor([1e-20])).item(), 9.99994610111476e-41)
    row("exp(-88) in f32", torch.exp(torch.tensor(-88.0)).item(), 6.054601485195952e-39)
    row("softmax of (0, -90) in f32", torch.softmax(torch.tensor([0.0, -90.0]), 0)[1].item(), 8.194008692231508e-40)

    def pooled(numbers):
        return gradient(lambda x: F.max_pool2d(x.reshape(1, 1, 1, 4), (1, 4)), numbers)

    row("max_pool2d, two largest", pooled([2.0, 1.0, 2.0, 0.0]), [1.0, 0.0, 0.0, 0.0])
    row("max_pool2d, two NaN", pooled([NAN, 1.0, NAN, 0.0]), [0.0, 0.0, 1.0, 0.0])
    line = torch.arange(5.0).reshape(1, 1, 1, 5)
    row("same padding with a stride", refused(F.conv2d, line, torch.ones(1, 1, 1, 3), stride=(1, 2), padding="same"),
        True)
    row("max_pool2d, padding of more than half the kernel",
        refused(F.max_pool2d, line, (1, 3), padding=(0, 2), dilation=(1, 2)), True)
    row("max, two largest", gradient(torch.max, [2.0, 1.0, 2.0]), [0.5, 0.0, 0.5])
    row("amax, two NaN", gradient(torch.amax, [2.0, NAN, NAN]), [NAN, NAN, NAN])
    row("logsumexp of -inf, gradient", gradient(lambda x: torch.logsumexp(x, 0), [-INF, -INF]), [NAN, NAN])
    row("softplus(21)", F.softplus(torch.tensor(21.0, dtype=torch.float64)).item() == 21.0, True)
    norm = torch.nn.BatchNorm1d(1, eps=0.0).double()
    try:
        row("batch norm, constant, eps 0", norm(torch.ones(4, 1, dtype=torch.float64)).flatten().tolist(), [0.0] * 4)
    except ValueError as error:
        row("batch norm, constant, eps 0", NEW and "eps must be positive" in str(error), True)


def optimizers():
    for make in (torch.optim.Adam, torch.optim.RMSprop, torch.optim.Adagrad, torch.optim.NAdam, torch.optim.RAdam):
        p = parameter(1.0)
        optimizer = make([p], lr=0.1, eps=0)
        for _ in range(8):
            p.grad = torch.zeros_like(p)
            optimizer.step()
        row(f"{make.__name__}, eps 0, no gradient", p.item(), NAN)
    p = parameter(0.0, dtype=torch.float32)
    optimizer = torch.optim.RMSprop([p], lr=1e-3, centered=True)
    first = 0
    for step in range(1, 4001):
        p.grad = torch.full_like(p, 0.1)
        optimizer.step()
        if math.isnan(p.item()):
            first = step
            break
    row("centered RMSprop is NaN from step", first, 0 if NEW else 1201)
    p = parameter(0.0, dtype=torch.float32)
    optimizer = torch.optim.Adam([p], lr=0.1, betas=(0.5, 0.5))
    for step in range(1000):
        p.grad = torch.full_like(p, 1e25 if step == 0 else 1.0)
        optimizer.step()
    row("Adam after a gradient of 1e25", p.item(), 0.0)
    if hasattr(torch.optim, "Muon"):
        p = parameter(0.0, (2, 3), torch.float32)
        optimizer = torch.optim.Muon([p], lr=1.0, weight_decay=0.0)
        p.grad = 1e-30 * torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 7.0]])
        optimizer.step()
        row("Muon of 1e-30 moves at most 1e-20", p.abs().max().item() < 1e-20, True)


def main():
    torch.set_num_threads(1)
    print("PyTorch", torch.__version__)
    training()
    ops()
    optimizers()
    print(f"{len(wrong)} rows are not as the table has them")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
