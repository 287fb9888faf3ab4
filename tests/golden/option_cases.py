"""Options of losses, other axes, broadcast batches: what an op's own family in the other files does not vary."""
import itertools
import math

import torch
import torch.nn.functional as F

from golden_file import Family, Numbers


def label(shape):
    return "x".join(map(str, shape)) or "scalar"


def cross_entropy_case(family, name, n, classes, options, soft=False, weighted=True):
    """`options`: reduction, label_smoothing and perhaps ignore_index, which a third of the labels then are."""
    numbers = Numbers("cross entropy options " + name)
    inputs = {"logits": numbers.normal((n, classes), 0, 2)}
    ignore = options.get("ignore_index")
    if soft:
        inputs["targets"] = torch.softmax(numbers.normal((n, classes)), 1).float().double()
    else:
        inputs["targets"] = numbers.integers((n,), classes)
    if ignore is not None:
        inputs["targets"][::3] = ignore
    if weighted:
        inputs["class_weights"] = numbers.uniform((classes,), 0.25, 3)

    def cross_entropy(logits, targets, class_weights=None):
        extra = {} if ignore is None else {"ignore_index": ignore}
        return F.cross_entropy(logits, targets, class_weights, reduction=options["reduction"],
                               label_smoothing=options["label_smoothing"], **extra)

    family.add(name, "softmax_cross_entropy", inputs, cross_entropy, options, k=n * classes, gradients=["logits"],
               scales={"dlogits": 3.0})


def loss_options():
    family = Family("loss_options")
    for reduction, smoothing in itertools.product(("mean", "sum", "none"), (0.0, 0.1)):
        options = {"reduction": reduction, "label_smoothing": smoothing}
        name = reduction + (f"_smooth_{smoothing}" if smoothing else "")
        for n, classes in ((7, 5), (4, 33)):
            size = f"{n}x{classes}_"
            cross_entropy_case(family, size + "weights_" + name, n, classes, options)
            cross_entropy_case(family, size + "ignore_" + name, n, classes, {**options, "ignore_index": -100},
                               weighted=False)
            cross_entropy_case(family, size + "both_" + name, n, classes, {**options, "ignore_index": 2})
            cross_entropy_case(family, size + "soft_weights_" + name, n, classes, options, soft=True)
        if reduction == "none":
            cross_entropy_case(family, "hard_" + name, 6, 4, options, weighted=False)
            cross_entropy_case(family, "soft_" + name, 6, 4, options, soft=True, weighted=False)

    for x in ((1,), (5, 7), (2, 3, 4, 3)):
        numbers = Numbers(f"mse none {x}")
        family.add(label(x) + "_none", "mse_loss", {"prediction": numbers.normal(x), "target": numbers.normal(x)},
                   lambda prediction, target: F.mse_loss(prediction, target, reduction="none"), {"reduction": "none"})
        for reduction, reach, weights in itertools.product(("mean", "sum", "none"), (3, 60), ("each", "one", "no")):
            if weights == "no" and reduction != "none":
                continue
            numbers = Numbers(f"binary options {x} {reduction} {reach} {weights}")
            inputs = {"logits": numbers.uniform(x, -reach, reach), "targets": numbers.uniform(x, 0, 1)}
            if weights != "no":
                inputs["pos_weight"] = numbers.uniform((x[-1] if weights == "each" else 1,), 0.25, 4)

            def binary(logits, targets, pos_weight=None, reduction=reduction):
                return F.binary_cross_entropy_with_logits(logits, targets, reduction=reduction, pos_weight=pos_weight)

            family.add(f"{label(x)}_{reduction}_{weights}_{reach}", "binary_cross_entropy_with_logits", inputs, binary,
                       {"reduction": reduction}, k=math.prod(x), gradients=["logits"])
    return family


def any_axis():
    family = Family("any_axis")
    for op, function in (("softmax", F.softmax), ("log_softmax", F.log_softmax)):
        for x, axis in (((5, 3), 0), ((5, 3), 1), ((2, 3, 4, 5), 1), ((2, 3, 4, 5), -2), ((2, 3, 4, 5), 0),
                        ((3, 17, 1, 2), -3), ((4, 40, 3), 1), ((7,), -1)):
            family.add(f"{label(x)}_axis{axis}", op, {"x": Numbers(f"{op} {x} {axis}").normal(x, 0, 2)},
                       lambda x, f=function, axis=axis: f(x, axis), {"axis": axis}, k=x[axis])
    return family


def broadcast_matmul():
    family = Family("broadcast_matmul")
    for a, b in (((2, 3, 4, 5), (5, 6)), ((7, 1, 3), (3, 9)), ((4, 5), (3, 5, 2)), ((1, 4, 5), (6, 5, 3)),
                 ((6, 4, 5), (1, 5, 3)), ((5, 1, 3, 4), (2, 4, 3)), ((2, 1, 3, 4), (1, 9, 4, 2)), ((3, 4), (1, 4, 2)),
                 ((1, 1, 2, 3), (3, 5)), ((2, 1, 3, 1, 3, 17), (3, 2, 17, 2)), ((11, 1, 1, 1), (1, 1, 4))):
        numbers = Numbers(f"matmul {a} {b}")
        y = math.prod(torch.broadcast_shapes(a[:-2], b[:-2])) * a[-2] * b[-1]
        family.add(f"{label(a)}_by_{label(b)}", "matmul", {"a": numbers.normal(a), "b": numbers.normal(b)},
                   lambda a, b: a @ b, k={"y": a[-1], "da": y // math.prod(a[:-1]), "db": y // b[-1]})
    return family
