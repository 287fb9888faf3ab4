#!/usr/bin/env python3
"""Judges ONNX files with onnx and ONNX Runtime (and OpenCV where it is installed):

    python3 tests/golden/onnx_check.py DIRECTORY [--opencv]

Each NAME.onnx passes the checker and strict shape inference, and gives for the "images" of NAME.safetensors, as the graph
takes them, the classes of its "logits", and its "exact" logits (of the first images, computed in f64; else "logits" again)
up to 2e-5 of the largest one. A graph and Ebb round at other places, in a network of a hundred layers Ebb further than
that: from "logits" it may be as far as these are from the exact ones, and 2e-5.
With --opencv the classes that cv2.dnn finds, one image at a time, are the same as well. Prints a line for each file; exits
with 1 when one is wrong, with 77 when a package is missing."""

import json
import pathlib
import struct
import sys

try:
    import numpy
    import onnx
    import onnxruntime
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

TOLERANCE = 2e-5
TYPES = {"F32": numpy.float32, "F64": numpy.float64, "U8": numpy.uint8}


def load(path):
    """The tensors of a safetensors file."""
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    tensors = {}
    for name, entry in json.loads(data[8:8 + length]).items():
        if name != "__metadata__":
            begin, end = (8 + length + offset for offset in entry["data_offsets"])
            tensors[name] = numpy.frombuffer(data[begin:end], TYPES[entry["dtype"]]).reshape(entry["shape"])
    return tensors


def distance(got, wanted):
    """The largest difference, of the largest number."""
    return float(numpy.abs(got - wanted).max() / numpy.abs(wanted).max())


def opencv_classes(path, images):
    import cv2
    net = cv2.dnn.readNetFromONNX(str(path))
    classes = []
    for image in images:
        net.setInput(image[None])
        classes.append(int(net.forward().argmax()))
    return classes


def check(path, opencv):
    """What is wrong with a file, and a word about it."""
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    wanted = load(path.with_suffix(".safetensors"))
    images, logits = wanted["images"], wanted["logits"]
    exact = wanted.get("exact", logits)
    name = session.get_inputs()[0].name
    classes, worst, off = logits.argmax(axis=1), 0.0, 0.0
    rounding = distance(logits[:len(exact)], exact)
    for batch in (1, 37):
        parts = [session.run(["logits"], {name: images[i:i + batch]})[0] for i in range(0, len(images), batch)]
        got = numpy.concatenate(parts)
        if got.shape != logits.shape:
            return f"logits {got.shape}, wanted {logits.shape}", ""
        worst, off = max(worst, distance(got[:len(exact)], exact)), max(off, distance(got, logits))
        different = int((got.argmax(axis=1) != classes).sum())
        if different:
            return f"{different} of {len(images)} classes differ in batches of {batch}", ""
    if not worst < TOLERANCE:
        return f"logits differ by {worst:.1e} of the largest", ""
    if not off < TOLERANCE + rounding:
        return f"logits differ by {off:.1e} of Ebb's largest, which is off by {rounding:.1e}", ""
    if "probabilities" in [output.name for output in session.get_outputs()]:
        if not numpy.allclose(session.run(["probabilities"], {name: images[:1]})[0].sum(axis=1), 1):
            return "probabilities do not sum to 1", ""
    if opencv and opencv_classes(path, images) != classes.tolist():
        return "OpenCV finds other classes", ""
    return "", (f"{len(model.graph.node)} nodes, {len(images)} images, off by {worst:.1e}, "
                f"Ebb's f32 by {rounding:.1e}, one from the other by {off:.1e}")


def main():
    opencv = "--opencv" in sys.argv[2:]
    if opencv:
        try:
            import cv2  # noqa: F401
        except ImportError as error:
            print(f"skipped: {error}")
            sys.exit(77)
    files = sorted(pathlib.Path(sys.argv[1]).glob("*.onnx"))
    wrong = 0
    for path in files:
        try:
            problem, word = check(path, opencv)
        except Exception as error:  # what a checker says is what we want to read
            problem, word = f"{type(error).__name__}: {error}", ""
        print(f"{path.stem}: {problem or word}")
        wrong += bool(problem)
    print(f"{len(files)} files, {wrong} wrong")
    sys.exit(1 if wrong or not files else 0)


if __name__ == "__main__":
    main()
