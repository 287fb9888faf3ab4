"""Packing a folder of JPEG pictures beside a loop of Pillow in one process that does the same: reads, sums, decodes and
shrinks them. Both in turns; prints pictures a second and the peak memory of `ebb data pack`.

    pack_pictures.py build/release/ebb [--pictures 10000] [--rounds 3] [--size 32]

Needs Pillow and NumPy. The pictures, 256 x 256 pixels of smooth colours under noise, are made in a temporary folder.
"""
import argparse
import hashlib
import io
import pathlib
import resource
import statistics
import subprocess
import tempfile
import time

import numpy
from PIL import Image

SIDE = 256


def make(folder, count):
    random = numpy.random.default_rng(1)
    for i in range(count):
        small = Image.fromarray(random.integers(0, 256, (16, 16, 3), dtype=numpy.uint8))
        noise = random.integers(-8, 9, (SIDE, SIDE, 1), dtype=numpy.int16)
        pixels = numpy.asarray(small.resize((SIDE, SIDE), Image.BICUBIC)) + noise
        place = folder / f"class{i % 10}" / f"{i:05}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.clip(0, 255).astype(numpy.uint8)).save(place, quality=85)


def with_pillow(folder, size):
    begin = time.monotonic()
    files = sorted(folder.glob("*/*.jpg"))
    pixels = numpy.empty((len(files), size, size, 3), numpy.uint8)
    for i, file in enumerate(files):
        content = file.read_bytes()
        hashlib.sha256(content).hexdigest()
        pixels[i] = Image.open(io.BytesIO(content)).convert("RGB").resize((size, size), Image.BILINEAR)
    return len(files) / (time.monotonic() - begin)


def with_ebb(program, folder, size, count):
    out = folder.parent / "set.safetensors"
    begin = time.monotonic()
    subprocess.run([program, "data", "pack", folder, "--out", out, "--size", f"{size}x{size}", "--overwrite"],
                   check=True, stdout=subprocess.DEVNULL)
    return count / (time.monotonic() - begin), out.stat().st_size


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--pictures", type=int, default=10000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", type=int, default=32)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place) / "in"
        make(folder, options.pictures)
        pillow, ebb = [], []
        for _ in range(options.rounds):
            pillow.append(with_pillow(folder, options.size))
            rate, size = with_ebb(options.program, folder, options.size, options.pictures)
            ebb.append(rate)
    one, all_cores = statistics.median(pillow), statistics.median(ebb)
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"Pillow {one:.0f}/s, ebb data pack {all_cores:.0f}/s, ratio {all_cores / one:.2f}; "
          f"set of {size / 2**20:.0f} MiB, peak memory {memory:.0f} MiB")


if __name__ == "__main__":
    main()
