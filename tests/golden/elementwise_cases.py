"""Arithmetic, activations, and ops that move numbers."""
import math

import torch
import torch.nn.functional as F

from golden_file import Family, Numbers

BINARY = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
}

BROADCASTS = [
    ((7,), (7,)),
    ((3, 5), (3, 5)),
    ((4, 17), (17,)),
    ((2, 3, 4, 5), (5,)),
    ((2, 3, 4, 5), (1,)),
    ((2, 3, 5), ()),
    ((5,), (2, 3, 5)),
    ((4, 1), (1, 6)),
    ((2, 1, 4, 1), (3, 1, 5)),
    ((2, 3, 3, 4), (2, 1, 1, 4)),
    ((3, 4, 1), (3, 4, 5)),
    ((1, 1, 1), (1,)),
]


def label(*shapes):
    return "_".join("x".join(map(str, shape)) or "scalar" for shape in shapes)


def away_from_zero(numbers, shape):
    """Magnitudes in 0.5 .. 2 with random signs."""
    return numbers.uniform(shape, 0.5, 2.0) * (numbers.integers(shape, 2) * 2 - 1)


def arithmetic():
    family = Family("arithmetic")
    for op, function in BINARY.items():
        for a, b in BROADCASTS:
            numbers = Numbers(f"{op} {a} {b}")
            y = math.prod(torch.broadcast_shapes(a, b))
            family.add(label(a, b), op, {"a": numbers.normal(a), "b": away_from_zero(numbers, b)}, function,
                       k={"da": max(1, y // math.prod(a)), "db": max(1, y // math.prod(b))})
        numbers = Numbers(f"{op} twice")
        # The gradient of a / a is 1 / a - a / a^2 = 0, and |a| is at least 0.5.
        family.add("same_tensor", op, {"a": away_from_zero(numbers, (3, 5))}, lambda a, f=function: f(a, a),
                   {"twice": True}, scales={"da": 2.0} if op == "div" else None)

    def unary(op, function, x, name, options=None):
        family.add(name, op, {"x": x}, lambda x: function(x), options)

    for shape in ((1,), (5, 7), (2, 3, 3, 17)):
        numbers, name = Numbers(f"unary {shape}"), label(shape)
        x, positive = numbers.normal(shape), numbers.uniform(shape, 0.2, 4.0)
        unary("neg", lambda x: -x, x, name)
        unary("exp", torch.exp, x, name)
        unary("log", torch.log, positive, name)
        unary("sqrt", torch.sqrt, positive, name)
        unary("square", torch.square, x, name)
        unary("abs", torch.abs, x, name)
        for b in (0.75, -2.5):
            unary("add_scalar", lambda x, b=b: x + b, x, f"{name}_{b}", {"b": b})
            unary("mul_scalar", lambda x, b=b: x * b, x, f"{name}_{b}", {"b": b})
        unary("rsub_scalar", lambda x: 1.5 - x, x, name, {"b": 1.5})
        unary("rdiv_scalar", lambda x: 1.5 / x, positive, name, {"b": 1.5})
        unary("clamp", lambda x: torch.clamp(x, -0.5, 0.75), x, name, {"low": -0.5, "high": 0.75})

    numbers = Numbers("special")
    unary("exp", torch.exp, numbers.uniform((3, 11), -80, 80), "wide")
    unary("log", torch.log, torch.exp2(numbers.integers((3, 11), 120).double() - 60), "wide")
    unary("log", torch.log, 1 + (numbers.integers((3, 11), 2**12) * 2 + 1 - 2**12).double() / 2**22, "near_one")
    unary("abs", torch.abs, torch.tensor([[-1.0, 0.0, 2.0]]).double(), "at_zero")
    unary("clamp", lambda x: torch.clamp(x, -1.0, 1.0), torch.tensor([-2.0, -1.0, 0.0, 1.0, 2.0]).double(), "at_bounds",
          {"low": -1.0, "high": 1.0})
    for exponent in (-1.0, 0.0, 0.5, 1.0, 2.0, 2.5, 3.0):
        unary("pow", lambda x, e=exponent: torch.pow(x, e), numbers.uniform((3, 7), 0.3, 3), f"positive_{exponent}",
              {"exponent": exponent})
    for exponent in (-1.0, 2.0, 3.0):
        unary("pow", lambda x, e=exponent: torch.pow(x, e), away_from_zero(numbers, (3, 7)), f"signed_{exponent}",
              {"exponent": exponent})

    for c, a, b in (((3, 5),) * 3, ((5,), (3, 5), (3, 5)), ((3, 1), (5,), (2, 3, 5)), ((2, 3, 1, 5), (), (3, 4, 1))):
        y = math.prod(torch.broadcast_shapes(c, a, b))
        family.add(label(c, a, b), "where",
                   {"condition": numbers.integers(c, 2, torch.uint8), "a": numbers.normal(a), "b": numbers.normal(b)},
                   lambda condition, a, b: torch.where(condition.bool(), a, b),
                   k={"da": max(1, y // math.prod(a)), "db": max(1, y // math.prod(b))})
    for shape in ((7,), (2, 3, 4, 5)):
        family.add(label(shape), "add_relu", {"a": numbers.normal(shape), "b": numbers.normal(shape)},
                   lambda a, b: F.relu(a + b))

    for shapes in (((3, 5),), ((3, 5), (7,), (2, 2, 3))):
        parameters = {f"p{i}": numbers.normal(shape) for i, shape in enumerate(shapes)}
        terms = sum(math.prod(shape) for shape in shapes)
        family.add(label(*shapes), "l2_penalty", parameters,
                   lambda **p: 0.25 / 2 * sum((v * v).sum() for v in p.values()), {"lambda": 0.25}, k={"y": terms})
        family.add(label(*shapes), "l1_penalty", parameters,
                   lambda **p: 0.25 * sum(v.abs().sum() for v in p.values()), {"lambda": 0.25}, k={"y": terms})
    return family


def activation():
    family = Family("activation")
    functions = [
        ("relu", {}, F.relu),
        ("relu6", {}, F.relu6),
        ("leaky_relu", {"slope": 0.01}, lambda x: F.leaky_relu(x, 0.01)),
        ("leaky_relu", {"slope": 0.3}, lambda x: F.leaky_relu(x, 0.3)),
        ("elu", {"alpha": 1.0}, F.elu),
        ("elu", {"alpha": 0.7}, lambda x: F.elu(x, 0.7)),
        ("gelu", {"form": "exact"}, F.gelu),
        ("gelu", {"form": "tanh"}, lambda x: F.gelu(x, approximate="tanh")),
        ("silu", {}, F.silu),
        ("softplus", {}, lambda x: F.softplus(x, threshold=1000)),
        ("sigmoid", {}, torch.sigmoid),
        ("tanh", {}, torch.tanh),
    ]
    for op, options, function in functions:
        suffix = "".join(f"_{value}" for value in options.values())

        def f(x, function=function):
            return function(x)

        scales = {"dx": 1.0} if op == "tanh" else None  # the derivative is 1 - y^2
        for shape in ((1,), (5, 7), (2, 3, 3, 17)):
            family.add(label(shape) + suffix, op, {"x": Numbers(f"{op} {shape}").normal(shape, 0, 2)}, f, options,
                       scales=scales)
        family.add("wide" + suffix, op, {"x": Numbers(op).uniform((3, 11), -60, 60)}, f, options,
                       scales=scales)
        if op in ("relu", "leaky_relu", "elu"):
            family.add("at_zero" + suffix, op, {"x": torch.tensor([-1.0, 0.0, 1.0]).double()}, f, options,
                       scales=scales)
    # Both bounds, and between them where most of the cases above are not.
    family.add("at_bounds", "relu6", {"x": torch.tensor([-1.0, 0.0, 3.0, 6.0, 7.0]).double()},
               lambda x: F.relu6(x))
    family.add("between", "relu6", {"x": Numbers("relu6 between").uniform((5, 7), -2, 8)}, lambda x: F.relu6(x))
    return family


def shape():
    family = Family("shape")
    numbers = Numbers("shape")
    for a, b in (((2, 3, 4), (4, 6)), ((2, 3, 4), (24,)), ((1,), ()), ((5, 1, 3), (1, 15))):
        family.add(label(a, b), "reshape", {"x": numbers.normal(a)}, lambda x, b=b: x.reshape(b), {"shape": list(b)})
    for a, first in (((2, 3, 4, 5), 1), ((2, 3, 4, 5), 0), ((2, 3, 4, 5), 2), ((3, 4), 1)):
        family.add(f"{label(a)}_from_{first}", "flatten", {"x": numbers.normal(a)},
                   lambda x, first=first: torch.flatten(x, first), {"first": first})
    for a, order in (((3, 5), (1, 0)), ((2, 3, 4), (2, 0, 1)), ((2, 3, 4, 5), (0, 3, 1, 2)),
                     ((2, 3, 4, 5), (0, 2, 3, 1)), ((2, 3, 1, 2, 3), (4, 2, 0, 3, 1))):
        family.add(f"{label(a)}_to_{label(order)}", "transpose", {"x": numbers.normal(a)},
                   lambda x, order=order: x.permute(order), {"order": list(order)})
    family.add("last_two", "transpose", {"x": numbers.normal((2, 3, 4))}, lambda x: x.transpose(-1, -2))
    for a, axis, begin, end, step in (((7, 3), 0, 2, 5, 1), ((3, 7), 1, 1, 7, 2), ((3, 7), -1, -4, -1, 1),
                                      ((2, 9, 3), 1, 0, 9, 4), ((2, 3, 4, 5), 2, 3, 4, 1)):
        def cut(x, axis=axis, begin=begin, end=end, step=step):
            return x[tuple(slice(begin, end, step) if i == axis % x.dim() else slice(None) for i in range(x.dim()))]
        family.add(f"{label(a)}_axis{axis}_{begin}_{end}_{step}", "slice", {"x": numbers.normal(a)}, cut,
                   {"axis": axis, "begin": begin, "end": end, "step": step})
    for axis, shapes in ((0, ((2, 3), (4, 3))), (1, ((2, 3), (2, 1), (2, 5))), (-1, ((2, 3, 3, 4), (2, 3, 3, 1))),
                         (1, ((2, 1, 3), (2, 2, 3))), (0, ((5,),))):
        family.add(f"{label(*shapes)}_axis{axis}", "concat",
                   {f"p{i}": numbers.normal(part) for i, part in enumerate(shapes)},
                   lambda axis=axis, **parts: torch.cat(list(parts.values()), axis), {"axis": axis})
    for a, amounts, value in (((3, 4), ((1, 2), (0, 3)), 0.0), ((5,), ((2, 0),), 1.5),
                              ((2, 3, 3, 2), ((0, 0), (1, 1), (2, 1), (0, 0)), 0.0),
                              ((1, 2, 3), ((1, 0), (0, 1), (1, 1)), -2.0)):
        flat = [n for pair in reversed(amounts) for n in pair]
        family.add(f"{label(a)}_by_{label(*amounts)}", "pad", {"x": numbers.normal(a)},
                   lambda x, flat=flat, value=value: F.pad(x, flat, value=value),
                   {"amounts": [list(pair) for pair in amounts], "value": value})
    for dtype, rows, width, indices in ((torch.int64, 7, 5, (11,)), (torch.int64, 5, 1, (3, 4)),
                                        (torch.int32, 3, 17, (2, 9)), (torch.uint8, 4, 3, (20,)),
                                        (torch.int64, 10, 8, (1,)), (torch.int64, 1, 4, (6,))):
        picks = numbers.integers(indices, rows, dtype)
        family.add(f"{rows}x{width}_at_{label(indices)}_{str(dtype)[6:]}", "embedding",
                   {"table": numbers.normal((rows, width)), "indices": picks},
                   lambda table, indices: F.embedding(indices.long(), table), k={"dtable": picks.numel()})
    return family
