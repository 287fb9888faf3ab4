"""ResNet-20 (both kinds of shortcut), PyTorch's MNIST CNN and a vision transformer: logits in training and evaluation mode, and five steps of
training, in f64. The weights are too many to be stored: both sides compute them from names, and final weights are
compared by products with random tensors.
"""
import json

import numpy
import torch
import torch.nn as nn
import torch.nn.functional as F

from golden_file import as_input, write_safetensors
from vision_transformer_case import VisionTransformer

STEPS = 5
LEARNING_RATE = 0.05
MOMENTUM = 0.9
DECAY = 5e-4
PROBES = 4


def bits(name, count):
    """64 random bits for each index: SplitMix64 from the FNV-1a hash of the name."""
    state = 0xCBF29CE484222325
    for byte in name.encode():
        state = (state ^ byte) * 0x100000001B3 % 2**64
    with numpy.errstate(over="ignore"):
        z = numpy.uint64(state) + numpy.arange(1, count + 1, dtype=numpy.uint64) * numpy.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
        return z ^ (z >> numpy.uint64(31))


def uniform(name, shape, low, high):
    """f64 numbers of 24 random bits in [low, high), each rounded to a 32-bit float."""
    share = (bits(name, int(numpy.prod(shape))) >> numpy.uint64(40)).astype(numpy.float64) * 2.0**-24
    values = (low + (high - low) * share).astype(numpy.float32)
    return torch.from_numpy(values.astype(numpy.float64)).reshape(shape)


class Block(nn.Module):
    def __init__(self, inside, out, stride, padding):
        super().__init__()
        self.conv1 = nn.Conv2d(inside, out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        self.stride, self.new, self.shortcut = stride, out - inside if padding else 0, nn.Sequential()
        if not padding and (stride != 1 or inside != out):
            self.shortcut.add_module("conv", nn.Conv2d(inside, out, 1, stride, bias=False))
            self.shortcut.add_module("bn", nn.BatchNorm2d(out))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.new:
            return F.relu(y + F.pad(x[:, :, ::self.stride, ::self.stride], (0, 0, 0, 0, 0, self.new)))
        return F.relu(y + self.shortcut(x))


class ResNet20(nn.Module):
    image = (16, 16, 3)

    def __init__(self, padding):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        widths = [16] * 4 + [32] * 3 + [64] * 3
        self.blocks = nn.Sequential(*(Block(a, b, b // a, padding) for a, b in zip(widths, widths[1:])))
        self.fc = nn.Linear(64, 10)

    def forward(self, x):
        return self.fc(self.blocks(F.relu(self.bn1(self.conv1(x)))).mean((2, 3)))


class MnistCnn(nn.Module):
    image = (28, 28, 1)

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3)
        self.conv2 = nn.Conv2d(32, 64, 3)
        self.dropout1 = nn.Dropout(0.25)
        self.dropout2 = nn.Dropout(0.5)
        self.fc1 = nn.Linear(9216, 128)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x):
        x = self.dropout1(F.max_pool2d(F.relu(self.conv2(F.relu(self.conv1(x)))), 2))
        return self.fc2(self.dropout2(F.relu(self.fc1(torch.flatten(x, 1)))))


def start(model):
    """Fills the state; returns its entries as [name, shape, low, high]."""
    entries = []
    for name, value in model.state_dict().items():
        layer, _, kind = name.rpartition(".")
        norm = isinstance(model.get_submodule(layer), (nn.BatchNorm2d, nn.LayerNorm))
        if kind == "num_batches_tracked":
            continue
        if norm:
            low, high = {"weight": (0.5, 1.5), "bias": (-0.25, 0.25), "running_mean": (-0.25, 0.25),
                         "running_var": (0.5, 2.0)}[kind]
        elif not layer:  # places of tokens
            low, high = -0.25, 0.25
        else:
            high = (2.0 if value.dim() == 4 else 1.0) * model.get_submodule(layer).weight[0].numel() ** -0.5
            low = -high
        with torch.no_grad():
            value.copy_(uniform(name, value.shape, low, high))
        entries.append([name, list(value.shape), low, high])
    return entries


def training_mode(model):
    """All but dropout, whose masks are each library's own."""
    model.train()
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.eval()


def write_model(folder, model, name, metadata, batch=4):
    """Writes FOLDER/NAME.safetensors and returns its size."""
    model = model.double()
    entries = start(model)
    images = uniform("images", (batch, *model.image), -2.0, 2.0)
    labels = torch.from_numpy((bits("labels", batch) % numpy.uint64(10)).astype(numpy.int64))
    x = images.permute(0, 3, 1, 2)
    tensors = {"images": as_input(images), "labels": labels}
    model.eval()
    with torch.no_grad():
        tensors["logits_eval"] = model(x)
    training_mode(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE, momentum=MOMENTUM, weight_decay=DECAY)
    losses = []
    for step in range(STEPS):
        optimizer.zero_grad()
        logits = model(x)
        if step == 0:
            tensors["logits_train"] = logits.detach().clone()
        loss = F.cross_entropy(logits, labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    tensors["losses"] = torch.tensor(losses, dtype=torch.float64)
    model.eval()
    with torch.no_grad():
        tensors["logits_after"] = model(x)
    final = model.state_dict()
    def products(name, shape):
        return torch.stack([(final[name] * uniform(f"{name} probe {k}", shape, -1.0, 1.0)).sum() for k in range(PROBES)])

    tensors["products"] = torch.stack([products(name, shape) for name, shape, _, _ in entries])
    training = {"steps": STEPS, "lr": LEARNING_RATE, "momentum": MOMENTUM, "decay": DECAY, "state": entries}
    return write_safetensors(f"{folder}/{name}.safetensors", tensors, {**metadata, "training": json.dumps(training)})


def models():
    """Models and file names for write_model()."""
    return [(ResNet20(True), "model_resnet20_padding"), (ResNet20(False), "model_resnet20_projection"),
            (MnistCnn(), "model_mnistcnn"), (VisionTransformer(), "model_vit")]
