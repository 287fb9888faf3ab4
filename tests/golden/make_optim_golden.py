"""Writes optim.safetensors: 100 steps of PyTorch's optimizers in f64, with and without decay, on two groups; and
one_cycle.safetensors: those with a momentum (beta1) under OneCycleLR, which cycles it from 0.9 to 0.8 and back.

Run with Debian's python3-torch (1.13.1): python3 tests/golden/make_optim_golden.py [FOLDER]
The gradient at step t is curvature * (w - centre) + noise[t]; the first six numbers are group 0 with the given lr and
decay, the last four are group 1 with half the lr and twice the decay.
"""
import os
import sys

import torch

from golden_file import Numbers, write_safetensors

STEPS = 100
KEPT = [1, 2, 10, 100]
SGD, ADAM = torch.optim.SGD, torch.optim.Adam
CASES = {
    "sgd": (SGD, dict(lr=0.1)),
    "momentum": (SGD, dict(lr=0.1, momentum=0.9)),
    "nesterov": (SGD, dict(lr=0.1, momentum=0.9, nesterov=True)),
    "dampened": (SGD, dict(lr=0.1, momentum=0.9, dampening=0.5)),
    "adam": (ADAM, dict(lr=0.01)),
    "amsgrad": (ADAM, dict(lr=0.01, amsgrad=True)),
    "adamw": (torch.optim.AdamW, dict(lr=0.01)),
    "adamw_amsgrad": (torch.optim.AdamW, dict(lr=0.01, amsgrad=True)),
    "rmsprop": (torch.optim.RMSprop, dict(lr=0.01)),
    "rmsprop_centered_momentum": (torch.optim.RMSprop, dict(lr=0.01, centered=True, momentum=0.5)),
    "adagrad": (torch.optim.Adagrad, dict(lr=0.1)),
    "adagrad_lr_decay": (torch.optim.Adagrad, dict(lr=0.1, lr_decay=0.01, initial_accumulator_value=0.25)),
    "adadelta": (torch.optim.Adadelta, dict(lr=1.0)),
    # The other path of 1.13.1 has mu twice in its running product.
    "nadam": (torch.optim.NAdam, dict(lr=0.01, foreach=True)),
    "radam": (torch.optim.RAdam, dict(lr=0.01)),
}
CYCLED = {
    "momentum": (SGD, dict(lr=0.1, momentum=0.9)),
    "nesterov": (SGD, dict(lr=0.1, momentum=0.9, nesterov=True)),
    "adam": (ADAM, dict(lr=0.01)),
    "adamw": (torch.optim.AdamW, dict(lr=0.01)),
    "rmsprop": (torch.optim.RMSprop, dict(lr=0.01, momentum=0.9)),
    "nadam": (torch.optim.NAdam, dict(lr=0.01, foreach=True)),
    "radam": (torch.optim.RAdam, dict(lr=0.01)),
}


def trajectory(make, options, decay, cycled, start, curvature, centre, noise):
    """The ten numbers after each of the KEPT steps."""
    weights = [torch.nn.Parameter(start[:6].clone()), torch.nn.Parameter(start[6:].clone())]
    optimizer = make([
        {"params": [weights[0]], "weight_decay": decay},
        {"params": [weights[1]], "weight_decay": 2 * decay, "lr": options["lr"] / 2},
    ], **options)
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=[options["lr"], options["lr"] / 2], total_steps=STEPS, base_momentum=0.8,
        max_momentum=0.9) if cycled else None
    rows = []
    for step in range(STEPS):
        gradient = curvature * (torch.cat([w.detach() for w in weights]) - centre) + noise[step]
        weights[0].grad, weights[1].grad = gradient[:6].clone(), gradient[6:].clone()
        optimizer.step()
        if cycle and step + 1 < STEPS:
            cycle.step()
        if step + 1 in KEPT:
            rows.append(torch.cat([w.detach().clone() for w in weights]))
    return torch.stack(rows)


def main():
    torch.set_default_dtype(torch.float64)
    numbers = Numbers("optim")
    problem = {"start": numbers.normal((10,)), "curvature": numbers.uniform((10,), 0.2, 2.0),
               "centre": numbers.normal((10,)), "noise": numbers.normal((STEPS, 10), deviation=0.5)}
    for file, cases in (("optim", CASES), ("one_cycle", CYCLED)):
        tensors = dict(problem)
        for name, (make, options) in cases.items():
            for decay in (0.0, 0.125):
                tensors[f"{name}.{'decay' if decay else 'none'}"] = trajectory(make, options, decay, cases is CYCLED,
                                                                               **problem)
        folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
        path = os.path.join(folder, f"{file}.safetensors")
        size = write_safetensors(path, tensors, {"torch": torch.__version__, "decay": "0.125", "steps": "1 2 10 100"})
        print(f"{path}: {len(tensors)} tensors, {size} bytes")


if __name__ == "__main__":
    main()
