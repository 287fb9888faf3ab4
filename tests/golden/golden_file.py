"""Records cases (inputs, options, results of PyTorch in f64) and writes them as one safetensors file for each family.

All inputs are numbers that a 32-bit float holds exactly, so the same case serves f64 and f32. Tensors stand in Ebb's
layouts: images [n, h, w, c], convolution weights [kh, kw, in / groups, out], linear weights [in, out], transposed
convolution weights [kh, kw, in, out / groups].
"""
import json
import math
import random
import struct

import torch

TYPES = {torch.float64: "F64", torch.int64: "I64", torch.float32: "F32", torch.int32: "I32", torch.uint8: "U8"}


def write_safetensors(path, tensors, metadata):
    """Contiguous tensors without gaps, the wider element types first, so that every tensor is aligned."""
    order = sorted(tensors, key=lambda name: list(TYPES).index(tensors[name].dtype))
    header, offset, blobs = {"__metadata__": metadata}, 0, []
    for name in order:
        tensor = tensors[name].detach().contiguous()
        blob = tensor.numpy().tobytes()
        header[name] = {"dtype": TYPES[tensor.dtype], "shape": list(tensor.shape),
                        "data_offsets": [offset, offset + len(blob)]}
        offset += len(blob)
        blobs.append(blob)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))
    return 8 + len(text) + offset


class Numbers:
    """Random numbers from Python's own generator: the same on every machine, seeded by a name."""

    def __init__(self, name):
        self.generator = random.Random(name)

    def normal(self, shape, mean=0.0, deviation=1.0):
        """f64, each exactly a 32-bit float."""
        values = [self.generator.gauss(mean, deviation) for _ in range(math.prod(shape))]
        return torch.tensor(values, dtype=torch.float32).double().reshape(shape)

    def uniform(self, shape, low, high):
        """As normal()."""
        values = [self.generator.uniform(low, high) for _ in range(math.prod(shape))]
        return torch.tensor(values, dtype=torch.float32).double().reshape(shape)

    def integers(self, shape, below, dtype=torch.int64):
        """In 0 .. below-1."""
        values = [self.generator.randrange(below) for _ in range(math.prod(shape))]
        return torch.tensor(values, dtype=dtype).reshape(shape)

    def levels(self, shape, count):
        """Multiples of 1/4 of which many are equal, for ties."""
        return self.integers(shape, count).double() / 4 - count // 8


def as_input(tensor):
    """The tensor as it is stored: floating-point numbers as F32, which is exact."""
    if tensor.dtype != torch.float64:
        return tensor
    narrow = tensor.detach().float()
    assert torch.equal(narrow.double(), tensor.detach()), "an input is not a 32-bit float"
    return narrow


class Family:
    """The cases of one golden file."""

    def __init__(self, name):
        self.name, self.cases, self.tensors = name, [], {}

    def add(self, label, op, inputs, function, options=None, k=1, gradients=None, scales=None):
        """Evaluates `function(**inputs)`, which gives the tensor y, or a dict of y and further results, and the
        gradients of all floating-point inputs (or of those named) for a random gradient of y.

        k: number of terms in the longest sum behind a result; a number, or a dict by result ("y", "dx", ...).
        scales: for results in which larger terms cancel, by nature of the case: the size of those terms for a gradient
        of y of size 1, by result. Rounding is relative to the terms, in PyTorch as in Ebb.
        """
        name = f"{op}.{label}"
        assert all(case["name"] != name for case in self.cases), name
        if gradients is None:
            gradients = [key for key, value in inputs.items() if value.dtype == torch.float64]
        leaves = {key: value.clone().requires_grad_(key in gradients) for key, value in inputs.items()}
        outputs = function(**leaves)
        if not isinstance(outputs, dict):
            outputs = {"y": outputs}
        y = outputs["y"]
        dy = Numbers(name + " upstream").normal(y.shape)
        results = {key: value.detach().clone() for key, value in outputs.items()}
        for key, gradient in zip(gradients, torch.autograd.grad(y, [leaves[key] for key in gradients], dy)):
            results["d" + key] = gradient
        for key, value in inputs.items():
            self.tensors[f"{name}/{key}"] = as_input(value)
        self.tensors[f"{name}/dy"] = as_input(dy)
        for key, value in results.items():
            assert value.dtype == torch.float64 and torch.isfinite(value).all(), (name, key)
            self.tensors[f"{name}/{key}"] = value
        sizes = {key: float(value) * dy.abs().max().item() for key, value in (scales or {}).items()}
        terms = {key: k.get(key, 1) if isinstance(k, dict) else k for key in results}
        self.cases.append({"name": name, "op": op, "options": options or {}, "inputs": list(inputs),
                           "gradients": gradients, "outputs": list(outputs), "k": terms, "scales": sizes})

    def write(self, folder, metadata):
        """Writes FOLDER/NAME.safetensors and returns its size."""
        metadata = {**metadata, "cases": json.dumps(self.cases, separators=(",", ":"))}
        return write_safetensors(f"{folder}/{self.name}.safetensors", self.tensors, metadata)
