#!/usr/bin/env python3
"""Reads event files with TensorBoard's own EventAccumulator: python3 tests/golden/tensorboard_check.py DIRECTORY EXPECTED.json

EXPECTED.json has "scalars", by tag the pairs [step, value], and "histograms", by tag the number of weights. Those curves
have these steps, each once, with the float32 of the value; every other curve has no step twice. Each histogram counts every
weight, and pictures are PNG files of the size that they announce. A copy whose last record is cut is read up to there.
Exits with 1 when something is otherwise, with 77 when TensorBoard is missing."""

import json
import os
import shutil
import struct
import sys
import tempfile

try:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)


def float32(value):
    return struct.unpack("f", struct.pack("f", value))[0]


def read(directory):
    events = EventAccumulator(directory, size_guidance={"scalars": 0, "histograms": 0, "images": 0})
    events.Reload()
    return events


def values(events):
    """How many numbers, histograms and pictures there are."""
    tags = events.Tags()
    return sum(len(of(tag)) for kind, of in (("scalars", events.Scalars), ("histograms", events.Histograms), ("images", events.Images))
               for tag in tags[kind])


def values_of_cut(directory, cut):
    """How many there are when the last file lacks so many bytes."""
    with tempfile.TemporaryDirectory() as place:
        copy = os.path.join(place, "copy")
        shutil.copytree(directory, copy)
        last = os.path.join(copy, sorted(os.listdir(copy))[-1])
        os.truncate(last, os.path.getsize(last) - cut)
        return values(read(copy))


def check(directory, expected):
    """What is wrong, and a word about what was read."""
    events = read(directory)
    tags, problems = events.Tags(), []
    counts = [values(events)] + [values_of_cut(directory, cut) for cut in (1, 7)]
    if not counts[0] > counts[1] == counts[2] > 0:
        problems.append(f"{counts[0]} values, of a cut file {counts[1:]}: all but those of the last record were wanted")
    for tag, wanted in expected["scalars"].items():
        got = [[e.step, e.value] for e in events.Scalars(tag)] if tag in tags["scalars"] else []
        if got != [[step, float32(value)] for step, value in wanted]:
            problems.append(f"{tag}: {len(got)} points of {len(wanted)}, or others")
    for tag in tags["scalars"]:
        steps = [e.step for e in events.Scalars(tag)]
        if steps != sorted(set(steps)):
            problems.append(f"{tag}: steps stand twice, or in another order")
    for tag, size in expected["histograms"].items():
        counts = [e.histogram_value for e in events.Histograms(tag)] if tag in tags["histograms"] else []
        if not counts or any(h.num != size or sum(h.bucket) != size for h in counts):
            problems.append(f"{tag}: histograms of {[h.num for h in counts][:3]}, wanted {size}")
    pictures = [picture for tag in tags["images"] for picture in events.Images(tag)]
    for picture in pictures:
        head = picture.encoded_image_string
        if head[:8] != b"\x89PNG\r\n\x1a\n" or struct.unpack(">II", head[16:24]) != (picture.width, picture.height):
            problems.append(f"a picture at step {picture.step} that is no PNG of its size")
    histograms = sum(len(events.Histograms(tag)) for tag in tags["histograms"])
    word = f"{len(tags['scalars'])} curves, {histograms} histograms, {len(pictures)} pictures"
    return problems + ([] if pictures else ["no pictures"]), word


def main():
    with open(sys.argv[2], encoding="utf-8") as file:
        problems, word = check(sys.argv[1], json.load(file))
    for problem in problems:
        print(problem)
    print(word)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
