#!/usr/bin/env python3
"""The figure of docs/results/decay-on-resnet20.md from the diagnostics.csv of its run:  rest.py RUN FILE

Medians of the layers in front of norms: measured, and predicted."""

import csv
import pathlib
import statistics
import sys

from draw import panel, picture


def median_curve(rows, column):
    steps = {}
    for row in rows:
        if row[column]:
            steps.setdefault(int(row["step"]), []).append(float(row[column]))
    return [(step, statistics.median(values)) for step, values in sorted(steps.items())]


def main(run, file):
    with open(run / "diagnostics.csv", newline="", encoding="utf-8") as table:
        rows = [row for row in csv.DictReader(table) if row["position"] == "feeds_norm"]
    both = [("measured", ""), ("predicted", "_predicted")]
    norm = [(label, median_curve(rows, "norm" + end)) for label, end in both]
    angle = [(label, median_curve(rows, "angle" + end)) for label, end in both]
    picture(file, "Norm of the filters, and their rotation, measured and predicted, along the training",
            panel("norm of a filter", "update", norm), panel("rotation, degrees a step", "update", angle))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
