"""Inference of ONNX Runtime and OpenVINO on the models of torch_models.py, exported from PyTorch, as JSON lines.

    infer_peers.py --models lenet,resnet20 --batch 1 --threads 1

f32, networks of a fixed batch: the median and the 99th percentile of a call in ms.
"""
import argparse
import json
import os
import sys
import tempfile

import numpy as np
import onnxruntime
import openvino
import torch

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from torch_models import MODELS  # noqa: E402
from torch_train import times_of  # noqa: E402


def onnx_runtime(path, threads, images):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda: session.run(None, {name: images})[0]


def open_vino(path, threads, images):
    core = openvino.Core()
    settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    request = core.compile_model(core.read_model(path), "CPU", settings).create_infer_request()
    return lambda: next(iter(request.infer({0: images}).values()))


PEERS = {"ONNX Runtime": onnx_runtime, "OpenVINO": open_vino}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", default="lenet,resnet20,resnet18,vgg11bn")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1.5)
    options = parser.parse_args()
    torch.manual_seed(0)
    for name in options.models.split(","):
        model = MODELS[name]().eval()
        images = torch.randn(options.batch, *model.shape)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "model.onnx")
            torch.onnx.export(model, (images,), path, opset_version=17, dynamo=False)
            with torch.no_grad():
                wanted = model(images).numpy()
            for who, prepare in PEERS.items():
                call = prepare(path, options.threads, images.numpy())
                if not np.allclose(call(), wanted, rtol=1e-3, atol=1e-4):
                    sys.exit(f"{who}: other numbers than PyTorch's for {name}")
                times = times_of(call, options.seconds)
                median = times[len(times) // 2]
                print(json.dumps({"model": name, "batch": options.batch, "threads": options.threads, "who": who,
                                  "images_per_s": options.batch / median, "ms": 1e3 * median,
                                  "p99_ms": 1e3 * times[len(times) * 99 // 100]}), flush=True)


if __name__ == "__main__":
    main()
