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


def to_nchw(x):
    return x.permute(0, 3, 1, 2).contiguous()


def to_nhwc(x):
    return x.permute(0, 2, 3, 1)


def same_zeros(size, kernel, stride, dilation):
    """Zeros before and behind an axis that make ceil(size / stride) outputs; an odd one behind, as PyTorch has it."""
    zeros = max(0, (math.ceil(size / stride) - 1) * stride + dilation * (kernel - 1) + 1 - size)
    return zeros // 2, zeros - zeros // 2


def same_padded(x, kernel, stride, dilation, value=0.0):
    """An image [n, c, h, w] with same padding around it."""
    high = same_zeros(x.shape[2], kernel[0], stride[0], dilation[0])
    wide = same_zeros(x.shape[3], kernel[1], stride[1], dilation[1])
    return F.pad(x, (*wide, *high), value=value)


def same_convolution(family, x, kernel, out, stride=(1, 1), dilation=(1, 1), groups=1):
    name = f"same_{label(x)}_to_{out}_{label(kernel)}_s{label(stride)}_d{label(dilation)}_g{groups}"
    numbers = Numbers(name)
    inputs = {"x": numbers.normal(x), "weight": numbers.normal((*kernel, x[3] // groups, out)),
              "bias": numbers.normal((out,))}

    def function(x, weight, bias):
        filters = weight.permute(3, 2, 0, 1)
        if stride == (1, 1):
            return to_nhwc(F.conv2d(to_nchw(x), filters, bias, padding="same", dilation=dilation, groups=groups))
        return to_nhwc(F.conv2d(same_padded(to_nchw(x), kernel, stride, dilation), filters, bias, stride,
                                dilation=dilation, groups=groups))

    taps, pixels = math.prod(kernel), math.prod(x[:3])
    family.add(name, "conv2d", inputs, function,
               {"stride": stride, "padding": (0, 0), "dilation": dilation, "groups": groups, "same_padding": True},
               k={"y": taps * x[3] // groups + 1, "dx": taps * out // groups, "dweight": pixels, "dbias": pixels})


def pooled(family, x, kernel, stride=None, padding=(0, 0), dilation=(1, 1), ceil_mode=False, same=False):
    name = f"{label(x)}_{label(kernel)}" + (f"_s{label(stride)}" if stride else "")
    name += (f"_p{label(padding)}" if padding != (0, 0) else "") + (f"_d{label(dilation)}" if dilation != (1, 1) else "")
    name += ("_ceil" if ceil_mode else "") + ("_same" if same else "")
    numbers = Numbers("pooling options " + name)
    geometry = {"kernel": kernel, "stride": stride or (0, 0), "padding": padding, "dilation": dilation,
                "ceil_mode": ceil_mode, "same_padding": same}

    def largest(x):
        image = to_nchw(x)
        if same:
            image = same_padded(image, kernel, stride or kernel, dilation, -math.inf)
        return to_nhwc(F.max_pool2d(image, kernel, stride, padding, dilation, ceil_mode))

    def mean(x, count):
        image = to_nchw(x)
        if not same:
            return to_nhwc(F.avg_pool2d(image, kernel, stride, padding, ceil_mode, count))
        sums = F.avg_pool2d(same_padded(image, kernel, stride or kernel, dilation), kernel, stride)
        inside = F.avg_pool2d(same_padded(torch.ones_like(image), kernel, stride or kernel, dilation), kernel, stride)
        return to_nhwc(sums if count else sums / inside)

    taps = math.prod(kernel)
    family.add(name, "max_pool2d", {"x": numbers.normal(x)}, largest, geometry, k={"dx": taps})
    family.add(name + "_ties", "max_pool2d", {"x": numbers.levels(x, 4)}, largest, geometry, k={"dx": taps})
    for count in (True, False) if dilation == (1, 1) else ():
        family.add(name + ("" if count else "_inside"), "avg_pool2d", {"x": numbers.normal(x)},
                   lambda x, count=count: mean(x, count), {**geometry, "count_padding": count}, k=taps)


def window_options():
    family = Family("window_options")
    same_convolution(family, (2, 7, 6, 3), (3, 3), 5)
    same_convolution(family, (1, 9, 8, 16), (3, 3), 16)
    same_convolution(family, (1, 6, 7, 2), (2, 4), 3)
    same_convolution(family, (1, 8, 7, 4), (3, 2), 6, dilation=(2, 3), groups=2)
    same_convolution(family, (1, 5, 6, 5), (4, 3), 5, groups=5)
    same_convolution(family, (2, 7, 8, 3), (3, 3), 4, stride=(2, 2))
    same_convolution(family, (1, 9, 8, 2), (2, 5), 3, stride=(3, 2), dilation=(2, 1))
    same_convolution(family, (1, 7, 6, 3), (1, 1), 2, stride=(2, 3))

    pooled(family, (2, 7, 5, 3), (2, 2), ceil_mode=True)
    pooled(family, (1, 8, 9, 17), (3, 3), (2, 2), (1, 1), ceil_mode=True)
    pooled(family, (1, 7, 8, 5), (3, 2), (2, 3), (1, 1), ceil_mode=True)
    pooled(family, (1, 6, 7, 1), (1, 2), (4, 3), ceil_mode=True)
    pooled(family, (2, 5, 6, 4), (4, 4), (3, 3), (2, 2), ceil_mode=True)
    pooled(family, (1, 8, 7, 3), (2, 2), (1, 1), dilation=(2, 3))
    pooled(family, (1, 9, 9, 5), (3, 3), (2, 2), (1, 1), (2, 2))
    pooled(family, (1, 9, 8, 2), (3, 2), None, (1, 1), (2, 3), ceil_mode=True)
    pooled(family, (1, 7, 6, 3), (2, 2), (1, 1), same=True)
    pooled(family, (2, 8, 7, 5), (3, 3), (2, 2), same=True)
    pooled(family, (1, 7, 9, 2), (3, 4), (3, 2), same=True)
    pooled(family, (1, 6, 6, 3), (2, 3), (1, 2), dilation=(3, 2), same=True)

    for x, output in (((2, 7, 5, 3), (3, 2)), ((1, 6, 8, 5), (3, 4)), ((1, 5, 4, 17), (1, 1)), ((1, 3, 4, 2), (5, 7)),
                      ((2, 7, 7, 4), (7, 0)), ((1, 11, 10, 1), (4, 3))):
        for op, function in (("adaptive_max_pool2d", F.adaptive_max_pool2d), ("adaptive_avg_pool2d", F.adaptive_avg_pool2d)):
            numbers = Numbers(f"{op} {x} {output}")
            family.add(f"{label(x)}_to_{label(output)}", op, {"x": numbers.normal(x)},
                       lambda x, f=function, output=output: to_nhwc(f(to_nchw(x), [n or None for n in output])),
                       {"output": output}, k=x[1] * x[2])
    return family
