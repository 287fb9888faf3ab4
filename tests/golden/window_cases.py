"""Matrix products, convolutions and pooling."""
import math

import torch
import torch.nn.functional as F

from golden_file import Family, Numbers


def label(shape):
    return "x".join(map(str, shape))


def to_nchw(x):
    return x.permute(0, 3, 1, 2)


def to_nhwc(x):
    return x.permute(0, 2, 3, 1)


def matmul():
    family = Family("matmul")

    def product(a, b):
        return a @ b

    for m, k, n in ((1, 1, 1), (3, 5, 7), (1, 17, 4), (17, 3, 1), (4, 1, 6), (16, 16, 16), (13, 33, 29), (6, 130, 10)):
        numbers = Numbers(f"matmul {m} {k} {n}")
        family.add(f"{m}x{k}x{n}", "matmul", {"a": numbers.normal((m, k)), "b": numbers.normal((k, n))}, product,
                   k={"y": k, "da": n, "db": m})
    for batch, m, k, n in (((1,), 3, 4, 5), ((5,), 2, 7, 3), ((3,), 1, 9, 1), ((2, 3), 5, 4, 6), ((7,), 17, 8, 5)):
        numbers = Numbers(f"matmul {batch} {m} {k} {n}")
        family.add(f"{label(batch)}_of_{m}x{k}x{n}", "matmul",
                   {"a": numbers.normal((*batch, m, k)), "b": numbers.normal((*batch, k, n))}, product,
                   k={"y": k, "da": n, "db": m})
    numbers = Numbers("matmul twice")
    family.add("same_tensor", "matmul", {"a": numbers.normal((6, 6))}, lambda a: a @ a, {"twice": True}, k=12)
    for x, out, bias in (((1, 1), 1, True), ((3, 5), 7, True), ((3, 5), 7, False), ((8, 84), 10, True),
                         ((2, 3, 6), 4, True), ((2, 2, 3, 5), 3, False), ((17, 3), 33, True), ((1, 65), 2, True)):
        numbers = Numbers(f"linear {x} {out} {bias}")
        inputs = {"x": numbers.normal(x), "weight": numbers.normal((x[-1], out))}
        if bias:
            inputs["bias"] = numbers.normal((out,))
        rows = math.prod(x[:-1])
        family.add(f"{label(x)}_to_{out}{'' if bias else '_no_bias'}", "linear", inputs,
                   lambda x, weight, bias=None: F.linear(x, weight.t(), bias),
                   k={"y": x[-1] + 1, "dx": out, "dweight": rows, "dbias": rows})
    return family


def conv2d_case(family, x, kernel, out, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1, bias=True):
    channels = x[3]
    name = f"{label(x)}_to_{out}_{label(kernel)}"
    for letter, value, default in (("s", stride, (1, 1)), ("p", padding, (0, 0)), ("d", dilation, (1, 1))):
        name += f"_{letter}{label(value)}" if value != default else ""
    name += (f"_g{groups}" if groups > 1 else "") + ("" if bias else "_no_bias")
    numbers = Numbers(name)
    inputs = {"x": numbers.normal(x), "weight": numbers.normal((*kernel, channels // groups, out))}
    if bias:
        inputs["bias"] = numbers.normal((out,))

    def function(x, weight, bias=None):
        return to_nhwc(F.conv2d(to_nchw(x), weight.permute(3, 2, 0, 1), bias, stride, padding, dilation, groups))

    oh, ow = ((x[i + 1] + 2 * padding[i] - dilation[i] * (kernel[i] - 1) - 1) // stride[i] + 1 for i in (0, 1))
    taps, pixels = math.prod(kernel), x[0] * oh * ow
    family.add(name, "conv2d", inputs, function,
               {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups},
               k={"y": taps * channels // groups + 1, "dx": taps * out // groups, "dweight": pixels, "dbias": pixels})


def conv2d():
    family = Family("conv2d")

    def case(*arguments, **options):
        conv2d_case(family, *arguments, **options)

    case((1, 1, 1, 1), (1, 1), 1)
    case((1, 5, 5, 1), (3, 3), 1)
    case((2, 7, 6, 1), (5, 5), 6, padding=(2, 2))
    case((2, 7, 9, 3), (3, 3), 5)
    case((2, 7, 9, 3), (3, 3), 5, bias=False)
    case((2, 7, 9, 3), (3, 3), 16, padding=(1, 1))
    case((1, 6, 5, 5), (3, 3), 17, padding=(1, 1))
    case((1, 5, 6, 17), (3, 3), 3, padding=(1, 1))
    case((1, 4, 5, 17), (1, 1), 17)
    case((3, 3, 4, 8), (1, 1), 4, bias=False)
    case((2, 6, 6, 4), (2, 2), 8)
    case((2, 6, 7, 4), (2, 2), 5, stride=(2, 2))
    case((1, 9, 8, 3), (4, 4), 5, stride=(4, 4))
    case((1, 9, 7, 5), (1, 3), 4)
    case((1, 9, 7, 5), (3, 1), 4)
    case((1, 9, 7, 2), (5, 3), 3, padding=(2, 0))
    case((1, 8, 9, 2), (3, 5), 3, padding=(0, 3))
    case((1, 11, 10, 1), (7, 7), 3, padding=(3, 3), stride=(2, 2))
    case((2, 4, 4, 3), (4, 4), 6)
    case((1, 2, 2, 3), (5, 5), 4, padding=(2, 2))
    for stride in ((2, 2), (2, 1), (1, 2), (3, 3), (3, 2)):
        case((2, 8, 9, 3), (3, 3), 5, stride=stride)
        case((1, 8, 7, 5), (3, 3), 17, stride=stride, padding=(1, 1))
    case((1, 7, 7, 3), (1, 1), 4, stride=(2, 2))
    case((1, 10, 9, 2), (1, 1), 3, stride=(3, 2))
    case((1, 10, 9, 2), (2, 2), 3, stride=(4, 3), padding=(1, 1))
    for dilation in ((2, 2), (1, 2), (3, 1)):
        case((1, 9, 9, 3), (3, 3), 4, dilation=dilation)
        case((1, 8, 9, 2), (3, 3), 5, dilation=dilation, padding=(2, 2), stride=(2, 1))
    case((1, 9, 8, 2), (2, 3), 3, dilation=(3, 2), padding=(1, 1))
    case((2, 6, 7, 4), (3, 3), 6, groups=2, padding=(1, 1))
    case((1, 6, 7, 6), (3, 3), 9, groups=3)
    case((1, 5, 6, 6), (1, 1), 4, groups=2)
    case((1, 7, 6, 4), (3, 3), 8, groups=2, stride=(2, 2), padding=(1, 1), dilation=(1, 2))
    case((1, 5, 5, 34), (3, 3), 34, groups=2, padding=(1, 1))
    for channels in (1, 3, 5, 8, 17):
        case((2, 6, 5, channels), (3, 3), channels, groups=channels, padding=(1, 1))
    case((1, 7, 8, 5), (3, 3), 5, groups=5, stride=(2, 2), padding=(1, 1), bias=False)
    case((1, 9, 8, 3), (5, 5), 3, groups=3, padding=(2, 2), dilation=(1, 2))
    case((1, 6, 6, 3), (3, 3), 6, groups=3, padding=(1, 1))
    case((1, 6, 5, 4), (3, 3), 12, groups=4)
    case((1, 10, 11, 32), (3, 3), 32, padding=(1, 1), bias=False)
    case((1, 13, 9, 16), (3, 3), 24, padding=(1, 1))
    case((1, 8, 8, 24), (3, 3), 40, padding=(1, 1), stride=(2, 2))
    case((8, 6, 6, 6), (5, 5), 16)
    return family


def conv_transpose2d():
    family = Family("conv_transpose2d")

    def case(x, kernel, out, stride=(1, 1), padding=(0, 0), output_padding=(0, 0), dilation=(1, 1), groups=1,
             bias=True):
        channels = x[3]
        name = f"{label(x)}_to_{out}_{label(kernel)}"
        for letter, value, default in (("s", stride, (1, 1)), ("p", padding, (0, 0)), ("o", output_padding, (0, 0)),
                                       ("d", dilation, (1, 1))):
            name += f"_{letter}{label(value)}" if value != default else ""
        name += (f"_g{groups}" if groups > 1 else "") + ("" if bias else "_no_bias")
        numbers = Numbers(name)
        inputs = {"x": numbers.normal(x), "weight": numbers.normal((*kernel, channels, out // groups))}
        if bias:
            inputs["bias"] = numbers.normal((out,))

        def function(x, weight, bias=None):
            return to_nhwc(F.conv_transpose2d(to_nchw(x), weight.permute(2, 3, 0, 1), bias, stride, padding,
                                              output_padding, groups, dilation))

        oh, ow = ((x[i + 1] - 1) * stride[i] - 2 * padding[i] + dilation[i] * (kernel[i] - 1) + output_padding[i] + 1
                  for i in (0, 1))
        taps = math.prod(kernel)
        family.add(name, "conv_transpose2d", inputs, function,
                   {"stride": stride, "padding": padding, "output_padding": output_padding, "dilation": dilation,
                    "groups": groups},
                   k={"y": taps * channels // groups + 1, "dx": taps * out // groups, "dweight": x[0] * x[1] * x[2],
                      "dbias": x[0] * oh * ow})

    case((1, 1, 1, 1), (1, 1), 1)
    case((1, 3, 4, 1), (3, 3), 1)
    case((2, 4, 3, 3), (3, 3), 5)
    case((2, 4, 3, 3), (3, 3), 5, bias=False)
    case((1, 4, 5, 17), (3, 3), 3, padding=(1, 1))
    case((1, 3, 5, 5), (2, 2), 17, stride=(2, 2))
    case((1, 4, 4, 4), (4, 4), 6, stride=(2, 2), padding=(1, 1))
    case((2, 4, 5, 3), (3, 3), 4, stride=(2, 2), padding=(1, 1), output_padding=(1, 1))
    case((1, 4, 5, 3), (3, 3), 4, stride=(3, 2), padding=(1, 0), output_padding=(2, 0))
    case((1, 3, 4, 2), (2, 2), 3, stride=(3, 3), output_padding=(1, 2))
    case((1, 5, 4, 3), (3, 2), 2, dilation=(2, 2))
    case((1, 4, 4, 2), (3, 3), 5, stride=(2, 1), padding=(2, 1), output_padding=(1, 0), dilation=(2, 1))
    case((1, 4, 3, 2), (3, 3), 3, dilation=(3, 2), output_padding=(2, 1), stride=(1, 1), padding=(1, 1))
    case((1, 4, 5, 4), (3, 3), 6, groups=2)
    case((1, 4, 4, 6), (2, 2), 9, groups=3, stride=(2, 2))
    case((1, 4, 5, 5), (3, 3), 5, groups=5, stride=(2, 2), padding=(1, 1), output_padding=(1, 1))
    case((1, 3, 3, 4), (3, 3), 8, groups=4, padding=(1, 1), bias=False)
    case((1, 4, 3, 6), (3, 3), 4, groups=2, stride=(2, 2), dilation=(2, 1), padding=(1, 1), output_padding=(1, 0))
    case((1, 5, 6, 3), (1, 1), 4, stride=(2, 3))
    case((1, 2, 3, 8), (5, 5), 16, padding=(2, 2), stride=(2, 2), output_padding=(1, 1))
    return family


def pooling():
    family = Family("pooling")
    windows = [
        ((1, 2, 2, 1), (2, 2), None, (0, 0)),
        ((2, 6, 6, 3), (2, 2), None, (0, 0)),
        ((2, 7, 5, 5), (2, 2), None, (0, 0)),
        ((1, 8, 9, 17), (3, 3), (2, 2), (1, 1)),
        ((2, 7, 8, 3), (3, 3), (1, 1), (1, 1)),
        ((1, 9, 7, 4), (3, 2), (2, 3), (1, 0)),
        ((1, 5, 6, 1), (5, 6), None, (0, 0)),
        ((1, 8, 8, 2), (4, 4), (3, 3), (2, 2)),
        ((1, 9, 9, 3), (2, 2), (3, 3), (0, 0)),
        ((1, 4, 4, 5), (1, 1), (2, 2), (0, 0)),
    ]
    for x, kernel, stride, padding in windows:
        name = f"{label(x)}_{label(kernel)}" + (f"_s{label(stride)}" if stride else "")
        name += f"_p{label(padding)}" if padding != (0, 0) else ""
        numbers = Numbers("pooling " + name)
        geometry = {"kernel": kernel, "stride": stride or (0, 0), "padding": padding}

        def largest(x, kernel=kernel, stride=stride, padding=padding):
            return to_nhwc(F.max_pool2d(to_nchw(x).contiguous(), kernel, stride, padding))

        taps = math.prod(kernel)
        family.add(name, "max_pool2d", {"x": numbers.normal(x)}, largest, geometry, k={"dx": taps})
        family.add(name + "_ties", "max_pool2d", {"x": numbers.levels(x, 4)}, largest, geometry, k={"dx": taps})
        for count in (True, False) if padding != (0, 0) else (True,):
            family.add(name + ("" if count else "_inside"), "avg_pool2d", {"x": numbers.normal(x)},
                       lambda x, kernel=kernel, stride=stride, padding=padding, count=count: to_nhwc(F.avg_pool2d(
                           to_nchw(x).contiguous(), kernel, stride, padding, count_include_pad=count)),
                       {**geometry, "count_padding": count}, k=taps)
    for x in ((1, 1, 1, 1), (2, 3, 5, 3), (3, 4, 4, 17)):
        family.add(label(x), "global_avg_pool2d", {"x": Numbers(f"global {x}").normal(x)},
                   lambda x: F.adaptive_avg_pool2d(to_nchw(x), 1).flatten(1), k={"y": x[1] * x[2]})
    return family
