#!/usr/bin/python3
"""Measures one picture through a Predictor beside a plain batch of one, and training steps without a trace.

    python3 tests/bench/use_pairs.py [--rounds 60] [--threads 1] [--seconds 0.1] [--write docs/benchmarks.md]

Within a round single calls alternate in one process (use_steps). Times are those of the processor. Shown are medians of
the rounds' ratios with their 95 % intervals, beside what is asked of them. Needs a release build. --self-test tries it out
in seconds.
"""
import argparse
import datetime
import os
import statistics
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from compare import ROOT, lines
from page import replace_section
from diagnose_pairs import arguments, interval

MODELS = ["lenet", "mnistcnn", "resnet20", "resnet9", "vgg11bn", "resnet18", "mlp"]
TRAINED = [("lenet", 128), ("resnet20", 128), ("mlp", 64)]
MOST = 1.0  # of the time of a plain batch of one
BOUNDS = (0.99, 1.01)  # of the time of a step without a trace
PICTURES, TRACES = "One picture", "A trace that nobody asked for"


def verdict(low, high, least, most):
    return "yes" if least <= low and high <= most else "no" if low > most or high < least else "undecided"


def ratios(rows, what, beside):
    """Median and interval of the rounds' ratios, as numbers and as cells."""
    middle, low, high = interval([row[what] / row[beside] for row in rows])
    return low, high, [f"{middle:.3f}", f"{low:.3f} to {high:.3f}"]


def picture_table(measured):
    out = ["| model | plain, ms | Predictor, of that | 95 % | asked | kept | the first picture, of a plain first one | 95 % | arranging, ms |",
           "|---|---|---|---|---|---|---|---|---|"]
    for rows in measured:
        low, high, later = ratios(rows, "later_s", "plain_s")
        first = ratios(rows, "first_s", "first_plain_s")[2]
        plain = statistics.median(row["plain_s"] for row in rows)
        arranging = statistics.median(row["second_s"] - row["later_s"] for row in rows)
        out.append("| " + " | ".join([rows[0]["model"], f"{1000 * plain:.3f}", *later, f"at most {MOST:g}", verdict(low, high, 0, MOST),
                                      *first, f"{1000 * arranging:.1f}"]) + " |")
    return out


def trace_table(measured):
    out = ["| model | batch | step, ms | questions in a step | their time, of the step | trace that is over, of none | 95 % | asked | kept | "
           "the same beside itself | 95 % |",
           "|---|---|---|---|---|---|---|---|---|---|---|"]
    for rows in measured:
        first = rows[0]
        step = statistics.median(row["none_s"] for row in rows)
        asking = (first["checks"] * first["check_s"] + first["phases"] * first["phase_s"]) / step
        low, high, over = ratios(rows, "over_s", "none_s")
        again = ratios(rows, "again_s", "none_s")[2]
        out.append("| " + " | ".join([first["model"], str(first["batch"]), f"{1000 * step:.2f}", str(first["checks"] + first["phases"]),
                                      f"{100 * asking:.4f} %", *over, "{:g} to {:g}".format(*BOUNDS), verdict(low, high, *BOUNDS), *again]) + " |")
    return out


def pictures(program, options, models=None):
    return [lines([program, "predict", model, str(options.rounds), str(options.threads), str(options.seconds)])
            for model in models or MODELS]


def traces(program, options, work=None):
    return [lines([program, "trace", model, str(batch), str(options.rounds), str(options.threads), str(options.seconds)])
            for model, batch in work or TRAINED]


def command(options):
    return (f"`python3 tests/bench/use_pairs.py --rounds {options.rounds} --threads {options.threads} "
            f"--seconds {options.seconds:g}`, {datetime.date.today()}")


def sections(program, options, titles=(PICTURES, TRACES)):
    """Titles and lines of the sections of docs/benchmarks.md."""
    made = {
        PICTURES: lambda: [f"{command(options)}: one picture, from its pixels to the logits, processor time, medians of",
                   f"{options.rounds} rounds. Plain is a forward pass of a batch of one in eval mode. A `Predictor` does the same for its first",
                   "picture, arranges the weights for its second, which takes that much longer, and is as fast as shown from then on.", ""] +
        picture_table(pictures(program, options)),
        TRACES: lambda: [f"{command(options)}: processor time of training steps in {options.rounds} rounds.",
                 "Without `--trace` a step asks whether someone looks on and goes on: how often that is, and how long it takes by itself. A",
                 "trace whose steps are over costs that and a little more: beside it stands the step of the same training without one.", ""] +
        trace_table(traces(program, options)),
    }
    return {title: made[title]() for title in titles}


def self_test(program):
    """What is planted is found, and the program makes rows."""
    slow = [{"model": "m", "plain_s": 1 + 0.1 * (i % 5), "later_s": (1 + 0.1 * (i % 5)) * (1.03 + 0.002 * (i % 3)),
             "first_plain_s": 2, "first_s": 1.5, "second_s": 1.5} for i in range(40)]
    row = picture_table([slow])[2]
    if "| 1.032 | 1.030 to 1.034 | at most 1 | no | 0.750 | 0.750 to 0.750 |" not in row:
        sys.exit(f"a Predictor that is 3 % slower was planted: {row}")
    step = [{"model": "m", "batch": 1, "none_s": 1.0, "again_s": 1.0, "over_s": 1.02, "checks": 100, "check_s": 1e-5, "phases": 10,
             "phase_s": 1e-4} for _ in range(40)]
    row = trace_table([step])[2]
    if "| 110 | 0.2000 % | 1.020 | 1.020 to 1.020 | 0.99 to 1.01 | no | 1.000 |" not in row:
        sys.exit(f"a trace of 2 % and questions of 0.2 % were planted: {row}")
    if [verdict(*v, *BOUNDS) for v in ((0.995, 1.005), (0.98, 1.0), (0.9, 0.95))] != ["yes", "undecided", "no"]:
        sys.exit("verdicts are wrong")
    options = argparse.Namespace(rounds=2, threads=1, seconds=0.02)
    for rows in pictures(program, options, ["lenet"]):
        if len(rows) != 2 or any(row[arm] <= 0 for row in rows for arm in ("plain_s", "later_s", "first_plain_s", "first_s", "second_s")):
            sys.exit(f"no rows: {rows}")
    for rows in traces(program, options, [("lenet", 16)]):
        if len(rows) != 2 or any(row[arm] <= 0 for row in rows for arm in ("none_s", "again_s", "over_s", "check_s", "phase_s")):
            sys.exit(f"no rows: {rows}")
        # LeNet's step: 12 ops and their rules, 13 modules, 8 phases.
        if any(not 40 <= row["checks"] <= 200 or not 5 <= row["phases"] <= 20 for row in rows):
            sys.exit(f"not as many questions as LeNet has places for them: {rows}")


def main():
    options = arguments("use_steps", rounds=60)
    if options.self_test:
        self_test(options.bench)
        return
    for title, body in sections(options.bench, options).items():
        print("\n".join([f"## {title}", "", *body, ""]), flush=True)
        if options.write:
            replace_section(options.write, title, body)


if __name__ == "__main__":
    main()
