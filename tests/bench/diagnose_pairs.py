#!/usr/bin/python3
"""Measures what looking on costs a training step: an observer that never looks, and an automatic diagnosis.

    python3 tests/bench/diagnose_pairs.py [--rounds 200] [--threads 1] [--seconds 0.1] [--write docs/benchmarks.md]

Each round takes updates with and without an idle observer by turns, then whole intervals with and without a
diagnosis, in one process (observed_steps). Times are those of the processor. Shown are medians of the rounds' ratios with
their 95 % intervals, beside what is asked of them. Needs a release build. --self-test tries it out in a second.
"""
import argparse
import datetime
import math
import os
import statistics
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from compare import ROOT, lines
from page import replace_section

# Model and batch, and by how much of a step each may be slower at most.
WORK = [("lenet", 128), ("resnet20", 128), ("mlp", 64)]
ASKED = {"idle_s": 0.002, "diagnosed_s": 0.05}
BESIDE = {"idle_s": "update_s", "diagnosed_s": "plain_s"}
TITLE = "What looking on costs"


def interval(values):
    """The median, and the order statistics that enclose the true one in 95 % of samples."""
    ordered = sorted(values)
    n = len(ordered)
    half = 0.98 * math.sqrt(n)
    low, high = max(0, math.floor(n / 2 - half)), min(n - 1, math.ceil(n / 2 + half))
    return statistics.median(ordered), ordered[low], ordered[high]


def verdict(low, high, asked):
    return "yes" if high <= asked else "no" if low > asked else "undecided"


def cells(rows, arm):
    """Overhead, its interval, what is asked, and whether it is kept."""
    middle, low, high = interval([(row[arm] - row[BESIDE[arm]]) / row["plain_s"] for row in rows])
    return [f"{100 * middle:.2f} %", f"{100 * low:.2f} to {100 * high:.2f} %", f"{100 * ASKED[arm]:g} %",
            verdict(low, high, ASKED[arm])]


def table(measured):
    out = ["| model | batch | step, ms | looked at every | idle observer | 95 % | asked | kept | diagnosis | 95 % | asked | kept |",
           "|---|---|---|---|---|---|---|---|---|---|---|---|"]
    for rows in measured:
        first = rows[0]
        step = 1000 * statistics.median(row["plain_s"] for row in rows)
        out.append("| " + " | ".join([first["model"], str(first["batch"]), f"{step:.2f}", f"{first['every']} steps"] +
                                     cells(rows, "idle_s") + cells(rows, "diagnosed_s")) + " |")
    return out


def measure(bench, rounds, threads, seconds, work=None):
    return [lines([bench, model, str(batch), str(rounds), str(threads), str(seconds)]) for model, batch in work or WORK]


def section(bench, rounds, threads, seconds):
    """The section of docs/benchmarks.md."""
    return [f"`python3 tests/bench/diagnose_pairs.py --rounds {rounds} --threads {threads} --seconds {seconds:g}`, "
            f"{datetime.date.today()}: by how much a training step takes longer, processor time, medians of",
            f"{rounds} rounds in which both alternate with what nobody looks at. An idle observer never wants to look, which costs the update; a diagnosis is that of",
            "`ebb train --diagnose`, which measures two neighbouring steps of so many.", ""] + \
        table(measure(bench, rounds, threads, seconds))


def self_test(bench):
    """What is planted is found, and the program makes rows."""
    planted = [{"model": "m", "batch": 1, "every": 2, "steps": 2, "plain_s": 1 + 0.1 * (i % 5), "update_s": 0.1 + 0.1 * (i % 5),
                "idle_s": 0.1 + 0.1 * (i % 5) + (1 + 0.1 * (i % 5)) * (0.001 + 0.0001 * (i % 3)), "diagnosed_s": (1 + 0.1 * (i % 5)) * 1.07}
               for i in range(40)]
    row = table([planted])[2]
    if "| 0.11 % | 0.10 to 0.12 % | 0.2 % | yes | 7.00 % | 7.00 to 7.00 % | 5 % | no |" not in row:
        sys.exit(f"an overhead of 7 % and one of 0.1 % were planted: {row}")
    if verdict(0.04, 0.06, 0.05) != "undecided" or interval([3, 1, 2])[0] != 2:
        sys.exit("verdict or median are wrong")
    for rows in measure(bench, 2, 1, 0.01, [("lenet", 16)]):
        if len(rows) != 2 or any(row[arm] <= 0 for row in rows for arm in ("update_s", "idle_s", "plain_s", "diagnosed_s")):
            sys.exit(f"no rows: {rows}")
        if any(row["every"] < 2 or row["steps"] % row["every"] for row in rows):
            sys.exit(f"turns are not whole intervals: {rows}")


def arguments(bench, rounds):
    """Those of a script that measures by turns with a program of the release build."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.1, help="processor time of a turn")
    parser.add_argument("--bench", default=os.path.join(ROOT, "build/release", bench))
    parser.add_argument("--write", default="", help="file whose sections are written anew")
    parser.add_argument("--self-test", action="store_true")
    return parser.parse_args()


def main():
    options = arguments("observed_steps", rounds=200)
    if options.self_test:
        self_test(options.bench)
        return
    body = section(options.bench, options.rounds, options.threads, options.seconds)
    print("\n".join(body))
    if options.write:
        replace_section(options.write, TITLE, body)


if __name__ == "__main__":
    main()
