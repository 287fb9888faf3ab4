"""Normalisation, losses and reductions."""
import itertools
import math

import torch
import torch.nn.functional as F

from golden_file import Family, Numbers


def label(shape):
    return "x".join(map(str, shape)) or "all"


def channels_second(x):
    return x.movedim(-1, 1)


def channels_last(x):
    return x.movedim(1, -1)


def cancelling(statistics, scale, eps):
    """Size of the terms of dx, where it is their small difference: with one or two values behind a statistic (one for
    each row) the normalised values are 0 or about 1 and -1, whatever x is."""
    if statistics.shape[1] > 2:
        return None
    deviation = (statistics.var(1, unbiased=False) + eps).sqrt()
    size = (scale.abs().max() if scale is not None else 1.0) / deviation.min()
    return {"dx": size, "dscale": 1.0}


def batch_norm_case(family, name, x, training=True, affine=True, eps=1e-5, new_weight=0.1, activation="none", mean=0.0,
                    deviation=1.0):
    channels = x[-1]
    numbers = Numbers("batch_norm " + name)
    inputs = {"x": numbers.normal(x, mean, deviation)}
    if affine:
        inputs |= {"scale": numbers.normal((channels,), 1, 0.5), "shift": numbers.normal((channels,))}
    inputs |= {"running_mean": numbers.normal((channels,)), "running_variance": numbers.uniform((channels,), 0.5, 2)}

    def function(x, running_mean, running_variance, scale=None, shift=None):
        running_mean, running_variance = running_mean.clone(), running_variance.clone()
        y = channels_last(F.batch_norm(channels_second(x), running_mean, running_variance, scale, shift, training,
                                       new_weight, eps))
        return {"y": F.relu(y) if activation == "relu" else y, "running_mean_after": running_mean,
                "running_variance_after": running_variance}

    rows = math.prod(x[:-1])
    family.add(name, "batch_norm", inputs, function,
               {"training": training, "eps": eps, "new_weight": new_weight, "activation": activation}, k=rows,
               gradients=[key for key in inputs if not key.startswith("running")],
               scales=cancelling(inputs["x"].flatten(0, -2).t(), inputs.get("scale"), eps) if training else None)


def normalization():
    family = Family("normalization")
    for x in ((2, 1), (5, 3), (16, 17), (3, 4, 5), (2, 3, 3, 1), (2, 4, 3, 3), (3, 3, 5, 5), (2, 2, 3, 17),
              (1, 4, 4, 8)):
        for training in (True, False):
            batch_norm_case(family, f"{label(x)}_{'train' if training else 'eval'}", x, training)
    x = (3, 4, 3, 5)
    for training in (True, False):
        mode = "train" if training else "eval"
        batch_norm_case(family, f"plain_{mode}", x, training, affine=False)
        batch_norm_case(family, f"eps_{mode}", x, training, eps=0.1)
        batch_norm_case(family, f"relu_{mode}", x, training, activation="relu")
        batch_norm_case(family, f"relu_1d_{mode}", (9, 7), training, activation="relu")
    for new_weight in (0.0, 0.01, 1.0):
        batch_norm_case(family, f"new_weight_{new_weight}", x, new_weight=new_weight)
    batch_norm_case(family, "eps_0", x, eps=0.0)
    batch_norm_case(family, "offset", x, mean=20.0)
    batch_norm_case(family, "small", x, deviation=1e-2)

    # Five training steps, then an evaluation with the running statistics: exponential means of the batches', or
    # their plain mean (PyTorch's momentum=None).
    for x, cumulative in itertools.product(((6, 3), (4, 3, 2, 5)), (False, True)):
        numbers, channels = Numbers(f"running {x} {cumulative}"), x[-1]
        inputs = {f"x{i}": numbers.normal(x, i, 1 + i) for i in range(5)} | {"x": numbers.normal(x)}
        inputs |= {"scale": numbers.normal((channels,), 1, 0.5), "shift": numbers.normal((channels,))}

        def steps(x, scale, shift, cumulative=cumulative, **batches):
            mean, variance = torch.zeros_like(shift).detach(), torch.ones_like(shift).detach()
            for i, batch in enumerate(batches.values()):
                new_weight = 1 / (i + 1) if cumulative else 0.1
                F.batch_norm(channels_second(batch), mean, variance, scale, shift, True, new_weight, 1e-5)
            y = F.batch_norm(channels_second(x), mean, variance, scale, shift, False, 0.1, 1e-5)
            return {"y": channels_last(y), "running_mean_after": mean, "running_variance_after": variance}

        family.add(label(x) + ("_cumulative" if cumulative else ""), "batch_norm_steps", inputs, steps,
                   {"steps": 5, "new_weight": 0.1, "eps": 1e-5, "cumulative": cumulative}, k=math.prod(x[:-1]),
                   gradients=["x", "scale", "shift"])

    for x, affine, eps in (((1, 2), True, 1e-5), ((3, 5), True, 1e-5), ((3, 5), False, 1e-5), ((2, 3, 17), True, 1e-5),
                           ((2, 3, 2, 8), True, 1e-3), ((4, 33), True, 1e-5), ((7, 1), True, 1e-5)):
        numbers, n = Numbers(f"layer_norm {x} {affine}"), x[-1]
        inputs = {"x": numbers.normal(x, 0.5, 2)}
        if affine:
            inputs |= {"scale": numbers.normal((n,), 1, 0.5), "shift": numbers.normal((n,))}
        rows = math.prod(x[:-1])
        family.add(label(x) + ("" if affine else "_plain"), "layer_norm", inputs,
                   lambda x, scale=None, shift=None, n=n, eps=eps: F.layer_norm(x, (n,), scale, shift, eps),
                   {"eps": eps}, k={"y": n, "dx": n, "dscale": rows, "dshift": rows},
                   scales=cancelling(inputs["x"].flatten(0, -2), inputs.get("scale"), eps))

    for x, groups, affine in (((2, 3, 4, 6), 2, True), ((2, 3, 4, 6), 3, False), ((2, 3, 3, 5), 1, True),
                              ((2, 3, 3, 5), 5, True), ((3, 8), 4, True), ((2, 5, 9), 3, True),
                              ((1, 2, 2, 34), 2, True), ((2, 1, 1, 4), 2, True)):
        numbers, c = Numbers(f"group_norm {x} {groups} {affine}"), x[-1]
        inputs = {"x": numbers.normal(x, 0.5, 2)}
        if affine:
            inputs |= {"scale": numbers.normal((c,), 1, 0.5), "shift": numbers.normal((c,))}
        count, rows = math.prod(x[1:]) // groups, math.prod(x[:-1])
        family.add(f"{label(x)}_g{groups}" + ("" if affine else "_plain"), "group_norm", inputs,
                   lambda x, scale=None, shift=None, groups=groups: channels_last(
                       F.group_norm(channels_second(x), groups, scale, shift)), {"groups": groups, "eps": 1e-5},
                   k={"y": count, "dx": count, "dscale": rows, "dshift": rows},
                   scales=cancelling(channels_second(inputs["x"]).reshape(x[0] * groups, -1), inputs.get("scale"),
                                     1e-5))
    return family


def loss():
    family = Family("loss")
    for op, function in (("softmax", F.softmax), ("log_softmax", F.log_softmax)):
        for x in ((1, 1), (3, 5), (7,), (2, 3, 4, 17), (4, 33)):
            family.add(label(x), op, {"x": Numbers(f"{op} {x}").normal(x, 0, 2)},
                       lambda x, f=function: f(x, -1), k=x[-1])
        family.add("wide", op, {"x": Numbers(op).uniform((5, 10), -1000, 1000)}, lambda x, f=function: f(x, -1), k=10)

    for n, classes in ((1, 2), (4, 10), (7, 17), (5, 3)):
        for reduction, smoothing in itertools.product(("mean", "sum"), (0.0, 0.1)):
            numbers = Numbers(f"cross entropy {n} {classes} {reduction} {smoothing}")
            name = f"{n}x{classes}_{reduction}" + (f"_smooth_{smoothing}" if smoothing else "")
            options = {"reduction": reduction, "label_smoothing": smoothing}
            scales = {"dlogits": 1.0 if reduction == "sum" else 1.0 / n}  # softmax - target

            def cross_entropy(logits, targets, reduction=reduction, smoothing=smoothing):
                targets = targets if targets.dtype == torch.float64 else targets.long()
                return F.cross_entropy(logits, targets, reduction=reduction, label_smoothing=smoothing)

            family.add(name, "softmax_cross_entropy",
                       {"logits": numbers.normal((n, classes), 0, 2), "targets": numbers.integers((n,), classes)},
                       cross_entropy, options, k=n * classes, scales=scales)
            soft = torch.softmax(numbers.normal((n, classes)), 1).float().double()
            family.add("soft_" + name, "softmax_cross_entropy",
                       {"logits": numbers.normal((n, classes), 0, 2), "targets": soft}, cross_entropy, options,
                       k=n * classes, gradients=["logits"], scales=scales)
    numbers = Numbers("cross entropy")
    for dtype in (torch.int32, torch.uint8):
        family.add(f"{str(dtype)[6:]}_labels", "softmax_cross_entropy",
                   {"logits": numbers.normal((6, 5)), "targets": numbers.integers((6,), 5, dtype)}, cross_entropy_mean,
                   {"reduction": "mean", "label_smoothing": 0.0}, k=30)
    family.add("wide", "softmax_cross_entropy",
               {"logits": numbers.uniform((6, 10), -1000, 1000), "targets": numbers.integers((6,), 10)},
               cross_entropy_mean, {"reduction": "mean", "label_smoothing": 0.0}, k=60)

    for x, reduction in itertools.product(((1,), (5, 7), (2, 3, 4, 3)), ("mean", "sum")):
        numbers = Numbers(f"mse {x} {reduction}")
        family.add(f"{label(x)}_{reduction}", "mse_loss",
                   {"prediction": numbers.normal(x), "target": numbers.normal(x)},
                   lambda prediction, target, r=reduction: F.mse_loss(prediction, target, reduction=r),
                   {"reduction": reduction}, k=math.prod(x))
        for name, reach in (("", 3), ("_wide", 100)):
            family.add(f"{label(x)}_{reduction}{name}", "binary_cross_entropy_with_logits",
                       {"logits": numbers.uniform(x, -reach, reach), "targets": numbers.uniform(x, 0, 1)},
                       lambda logits, targets, r=reduction:
                       F.binary_cross_entropy_with_logits(logits, targets, reduction=r),
                       {"reduction": reduction}, k=math.prod(x), gradients=["logits"])
    return family


def cross_entropy_mean(logits, targets):
    return F.cross_entropy(logits, targets.long())


def reduction():
    family = Family("reduction")
    functions = {
        "sum": lambda x, axes, keep: x.sum(axes, keepdim=keep),
        "mean": lambda x, axes, keep: x.mean(axes, keepdim=keep),
        "max": lambda x, axes, keep: x.amax(axes, keepdim=keep),
        "logsumexp": lambda x, axes, keep: x.logsumexp(axes, keepdim=keep),
    }
    cases = [((7,), ()), ((3, 5), ()), ((3, 5), (0,)), ((3, 5), (1,)), ((4, 17), (-1,)), ((2, 3, 4, 5), (1, 2)),
             ((2, 3, 4, 5), (0, 1, 2)), ((2, 3, 4, 5), (-1, 0)), ((2, 3, 4), (2, 1, 0)), ((1, 6, 1), (0, 2))]
    for op, function in functions.items():
        for index, (x, axes) in enumerate(cases):
            keep = index % 2 == 1
            over = axes or tuple(range(len(x)))
            family.add(f"{label(x)}_over_{label(axes)}{'_kept' if keep else ''}", op,
                       {"x": Numbers(f"{op} {x} {axes}").normal(x)},
                       lambda x, f=function, over=over, keep=keep: f(x, over, keep), {"axes": axes, "keep": keep},
                       k=math.prod(x[axis] for axis in over))
    family.add("wide", "logsumexp", {"x": Numbers("logsumexp").uniform((4, 9), -1000, 1000)},
               lambda x: x.logsumexp(1), {"axes": [1], "keep": False}, k=9)
    return family
