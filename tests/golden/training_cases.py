"""Whole trainings of 20 steps with PyTorch's SGD, and a PyTorch state dict with the logits it gives.

A seed is chosen such that in no step a ReLU or a max pool decides by a margin near the rounding of f32 (the smallest
is about 1e-6 of a layer's largest value): one decision that falls the other way moves the weights by 1e-4.
"""
import json

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim.swa_utils

from golden_file import Numbers, as_input, write_safetensors

STEPS = 20
LEARNING_RATE = 0.02
MOMENTUM = 0.9


class LeNet(nn.Module):
    """LeNet-5 for 28x28 images in today's form: ReLU, max pooling, padding 2 in the first layer."""

    seed = "LeNet 37"
    image = (28, 28, 1)
    decay = {"conv": 5e-3, "fc": 2e-2}

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(400, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = torch.flatten(x, 1)
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))

    flattened = {"fc1": (16, 5, 5)}


class ConvNorm(nn.Module):
    """Two convolutions with batch norm, a strided one among them, and a linear layer behind a global mean."""

    seed = "ConvNorm 71"
    image = (12, 11, 3)
    decay = {"conv": 1e-2, "fc": 0.0}
    flattened = {}

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 17, 3, stride=2, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(17)
        self.fc = nn.Linear(17, 10)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        return self.fc(x.mean((2, 3)))


def ebb_state(model):
    """The state dict by Ebb's names in Ebb's layouts."""
    names = {"running_var": "running_variance"}
    state = {}
    for path, value in model.state_dict().items():
        layer, name = path.rsplit(".", 1)
        if name == "num_batches_tracked":
            continue
        if layer.startswith("bn"):
            name = {"weight": "scale", "bias": "shift"}.get(name, names.get(name, name))
        if value.dim() == 4:
            value = value.permute(2, 3, 1, 0)
        elif value.dim() == 2:
            if layer in model.flattened:
                value = value.reshape(-1, *model.flattened[layer]).permute(2, 3, 1, 0).flatten(0, 2)
            else:
                value = value.t()
        state[f"{layer}.{name}"] = value.clone()
    return state


def start(model, seed):
    """Fills the parameters with random 32-bit floats of about PyTorch's default size."""
    for path, parameter in model.named_parameters():
        numbers = Numbers(f"{seed} {path}")
        with torch.no_grad():
            if path.startswith("bn"):
                parameter.copy_(numbers.normal(parameter.shape, 1.0 if path.endswith("weight") else 0.0, 0.2))
            else:
                layer = model.get_submodule(path.rsplit(".", 1)[0])
                bound = layer.weight[0].numel() ** -0.5
                parameter.copy_(numbers.uniform(parameter.shape, -bound, bound))


def groups(model):
    """Coupled decay on the weights of convolutions and linear layers, none on the rest."""
    table = {}
    for path, parameter in model.named_parameters():
        weight = path.endswith("weight") and not path.startswith("bn")
        decay = model.decay["conv" if path.startswith("conv") else "fc"] if weight else 0.0
        table.setdefault(decay, []).append((path, parameter))
    return table


def train(kind, dtype, after_step=None):
    """The model, the batches, and the losses of all steps; after_step(model, step) is called after each."""
    model = kind().to(torch.float64)
    start(model, kind.seed)
    model = model.to(dtype)
    initial = ebb_state(model)
    batches = []
    for i in (0, 1):
        numbers = Numbers(f"{kind.seed} batch {i}")
        batches.append((numbers.normal((8, *kind.image)), numbers.integers((8,), 10)))
    optimizer = torch.optim.SGD([{"params": [p for _, p in members], "weight_decay": decay}
                                 for decay, members in groups(model).items()], lr=LEARNING_RATE, momentum=MOMENTUM)
    losses = []
    for step in range(STEPS):
        images, labels = batches[step % 2]
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images.permute(0, 3, 1, 2).to(dtype)), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if after_step:
            after_step(model, step)
    return model, initial, batches, torch.tensor(losses, dtype=torch.float64)


def write_training(folder, kind, name, metadata):
    """Writes FOLDER/NAME.safetensors and returns its size and the largest relative difference of an f32 run."""
    model, initial, batches, losses = train(kind, torch.float64)
    final = ebb_state(model)
    tensors = {f"initial/{path}": as_input(value) for path, value in initial.items()}
    tensors |= {f"final/{path}": value for path, value in final.items()}
    for i, (images, labels) in enumerate(batches):
        tensors |= {f"images{i}": as_input(images), f"labels{i}": labels}
    model.eval()
    with torch.no_grad():
        tensors |= {"losses": losses, "logits": model(batches[0][0].permute(0, 3, 1, 2))}
    narrow = ebb_state(train(kind, torch.float32)[0])
    differences = {path: ((narrow[path].double() - value).abs().max() / value.abs().max()).item()
                   for path, value in final.items()}
    assert max(differences.values()) < 5e-6, differences
    decay = {path: value for value, members in groups(model).items() for path, _ in members if value}
    training = {"steps": STEPS, "batches": 2, "lr": LEARNING_RATE, "momentum": MOMENTUM, "decay": decay}
    size = write_safetensors(f"{folder}/{name}.safetensors", tensors, {
        **metadata, "training": json.dumps(training),
        "f32": f"PyTorch's own f32 run differs by {max(differences.values()):.1e} of a tensor's largest value"})
    return size, differences


def write_averaged(folder, kind, name, metadata):
    """Writes FOLDER/NAME.safetensors: the mean of the weights after every other step of the second half of train(), the
    running statistics that update_bn() finds for them, and logits. Returns its size."""
    averages = []

    def take(model, step):
        if not averages:
            averages.append(torch.optim.swa_utils.AveragedModel(model))
        if step >= STEPS // 2 and step % 2 == 1:
            averages[0].update_parameters(model)

    _, _, batches, _ = train(kind, torch.float64, take)
    average = averages[0]
    images = [x.permute(0, 3, 1, 2) for x, _ in batches]
    torch.optim.swa_utils.update_bn(images, average)
    tensors = {f"final/{path}": value for path, value in ebb_state(average.module).items()}
    average.eval()
    with torch.no_grad():
        tensors["logits"] = average(images[0])
    return write_safetensors(f"{folder}/{name}.safetensors", tensors, metadata)


def write_state_dict(folder, model, name, metadata):
    """Writes FOLDER/NAME.safetensors, a model of 32-bit floats as PyTorch saves it, and FOLDER/NAME_logits.safetensors,
    what it gives in f64 and evaluation for three images. Returns their size."""
    size = write_safetensors(f"{folder}/{name}.safetensors", model.state_dict(), metadata)
    model = model.double().eval()
    images = Numbers(f"{name} images").normal((3, *model.image))
    with torch.no_grad():
        logits = model(images.permute(0, 3, 1, 2))
    return size + write_safetensors(f"{folder}/{name}_logits.safetensors",
                                    {"images": as_input(images), "logits": logits}, metadata)


def state_dicts():
    """Models and file names for write_state_dict(): a fresh LeNet, and a trained net with running statistics."""
    lenet = LeNet().double()
    start(lenet, "state dict")
    return [(lenet.float(), "torch_lenet"), (train(ConvNorm, torch.float32)[0], "torch_conv_norm")]
