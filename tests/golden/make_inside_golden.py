#!/usr/bin/env python3
"""Writes inside_lenet.safetensors and inside_conv_norm.safetensors: gradients of logits with respect to images, and
Grad-CAM, by PyTorch in f64 and evaluation mode. Networks and images are those of torch_*.safetensors beside them.

    apt install python3-torch
    /usr/bin/python3 tests/golden/make_inside_golden.py [FOLDER]
"""
import json
import os
import struct
import sys

import torch

from golden_file import TYPES, write_safetensors
from make_golden import version
from training_cases import ConvNorm, LeNet

CHOSEN = 3  # a class that is not the predicted one


def read_safetensors(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = file.read()
    types = {name: dtype for dtype, name in TYPES.items()}
    header.pop("__metadata__", None)
    return {name: torch.frombuffer(bytearray(data[slice(*entry["data_offsets"])]), dtype=types[entry["dtype"]])
            .reshape(entry["shape"]) for name, entry in header.items()}


def look(model, layer, images, classes):
    """The gradient with respect to the images, and Grad-CAM at the output of a layer."""
    kept = []
    handle = model.get_submodule(layer).register_forward_hook(lambda module, inputs, output: kept.append(output))
    x = images.clone().requires_grad_()
    logits = model(x)
    handle.remove()
    gradient, at_layer = torch.autograd.grad(logits.gather(1, classes[:, None]).sum(), [x, kept[0]])
    weights = at_layer.mean((2, 3), keepdim=True)
    return gradient.permute(0, 2, 3, 1), torch.relu((weights * kept[0]).sum(1))


def main():
    beside = os.path.dirname(os.path.abspath(__file__))
    folder = sys.argv[1] if len(sys.argv) > 1 else beside
    torch.set_num_threads(1)
    for kind, name in ((LeNet, "lenet"), (ConvNorm, "conv_norm")):
        model = kind().double().eval()
        state = read_safetensors(f"{beside}/torch_{name}.safetensors")
        model.load_state_dict({path: value.double() for path, value in state.items()})
        images = read_safetensors(f"{beside}/torch_{name}_logits.safetensors")["images"].double().permute(0, 3, 1, 2)
        predicted = model(images).argmax(1)
        chosen = torch.full_like(predicted, CHOSEN)
        assert (predicted != CHOSEN).any()
        tensors = {"predicted": predicted}
        tensors["gradient"], tensors["cam"] = look(model, "conv2", images, predicted)
        tensors["gradient_chosen"], tensors["cam_chosen"] = look(model, "conv1", images, chosen)
        metadata = {"torch": version(), "writer": "tests/golden/make_inside_golden.py"}
        size = write_safetensors(f"{folder}/inside_{name}.safetensors", tensors, metadata)
        print(f"inside_{name:12} {size:8} bytes; cams up to {tensors['cam'].max():.2g}, {tensors['cam_chosen'].max():.2g}")


if __name__ == "__main__":
    main()
