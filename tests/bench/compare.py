#!/usr/bin/python3
"""Runs ebb-bench and PyTorch in alternation and prints the ratio of their medians.

    python3 tests/bench/compare.py [--rounds 3] [--threads 1,2] [--models ...] [--write docs/benchmarks.md]

Needs the packages of the section `peer` (sh tests/packages.sh peer) and a release build with ebb-bench. Machines are
noisy, so only the ratios of one run mean anything: every round measures both contenders for each model one after the other,
small networks four times, and with one thread on the same core.
"""
import argparse
import collections
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
# Model, batch, mode, and the ratio that is the least we ask of ourselves.
WORK = [
    ("lenet", 128, "train", 2.0), ("lenet", 32, "train", 2.0), ("mnistcnn", 128, "train", 1.75),
    ("resnet20", 128, "train", 1.5), ("resnet20", 32, "train", 1.5), ("resnet9", 128, "train", 1.75),
    ("vgg11bn", 128, "train", 1.5), ("resnet18", 128, "train", 1.6), ("mlp", 128, "train", 1.0),
    ("resnet20", 128, "infer", 1.3),
]
# Quick work, whose seconds are easily disturbed.
SMALL = {"lenet", "mnistcnn", "mlp"}


def torch_environment():
    """The variables that tests/bench/torch_env.sh sets."""
    script = os.path.join(HERE, "torch_env.sh")
    out = subprocess.run(["sh", "-c", f". {script}; env"], capture_output=True, text=True, check=True).stdout
    return dict(line.split("=", 1) for line in out.splitlines() if "=" in line)


def build_probe(folder):
    path = os.path.join(folder, "fma_probe.so")
    subprocess.run(["g++", "-O2", "-march=native", "-shared", "-fPIC", "-pthread",
                    os.path.join(HERE, "fma_probe.cpp"), "-o", path], check=True)
    return path


def lines(command, environment=None):
    done = subprocess.run(command, capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def median(rows, what):
    return statistics.median(row[what] for row in rows)


def compare_starts(options, environment, threads):
    """Start-up and memory: from process start to the first finished step, and peak resident memory after three."""
    table = ["| model | threads | Ebb, first step after | PyTorch | Ebb, peak memory | PyTorch | ratio |", "|---|---|---|---|---|---|---|"]
    for model in ("lenet", "resnet20", "resnet18"):
        ours, theirs = [], []
        for _ in range(options.rounds):
            arguments = ["--batch", "128", "--threads", str(threads), "--steps", "3"]
            ours += lines([options.bench, "--start", model, "--batches", "128", "--threads", str(threads)])
            # The format that needs less memory counts.
            command = [options.python, os.path.join(HERE, "torch_start.py"), "--model", model] + arguments
            both = lines(command, environment) + lines(command + ["--channels-last"], environment)
            theirs.append({key: min(row[key] for row in both) for key in ("first_step_s", "peak_resident_mib")})
        a, b = median(ours, "peak_resident_mib"), median(theirs, "peak_resident_mib")
        table.append(f"| {model} | {threads} | {median(ours, 'first_step_s'):.2f} s | {median(theirs, 'first_step_s'):.2f} s | "
                     f"{a:.0f} MiB | {b:.0f} MiB | {a / b:.2f} |")
    return table


def compare_optimizers(options, environment):
    """A step of AdamW over ResNet-18's parameters on all cores, and a loop of ours that only moves the same bytes."""
    ours, theirs = [], []
    for _ in range(options.rounds):
        ours += lines([os.path.join(os.path.dirname(options.bench), "optimizer_step")])
        theirs += lines([options.python, os.path.join(HERE, "torch_optimizer.py")], environment)
    step, moved = median(ours, "adamw_ms"), median(ours, "adamw_bytes_ms")
    faster = min(median(theirs, "adamw_foreach_ms"), median(theirs, "adamw_for_ms"))
    return ["| Ebb, ms | PyTorch (the faster of foreach True and False), ms | ratio | moving the same bytes, ms | of that |",
            "|---|---|---|---|---|",
            f"| {step:.1f} | {faster:.1f} | {faster / step:.2f} | {moved:.1f} | {step / moved:.2f} |"]


def compare_norms(options, environment):
    """Batch norm with ReLU beside oneDNN's, one thread; nothing where onednn_norm was not built."""
    peer = os.path.join(os.path.dirname(options.bench), "onednn_norm")
    if not os.path.exists(peer):
        return ["`onednn_norm` was not built: install libdnnl-dev."]
    ours, theirs = collections.defaultdict(list), collections.defaultdict(list)
    for _ in range(options.rounds):
        for row in lines([options.bench, "--norms", "--json", "--threads", "1", "--seconds", "0.3"]):
            ours[row["op"], row["size"], row["channels"]].append(row)
        for row in lines([peer, "128", "0.2"], environment | {"OMP_NUM_THREADS": "1"}):
            theirs[row["op"], row["size"], row["channels"]].append(row)
    table = ["| 128 images | forward, ms | oneDNN | of that | backward, ms | oneDNN | of that |", "|---|---|---|---|---|---|---|"]
    for key, rows in theirs.items():
        cells = [f"{key[1]}x{key[1]}, {key[2]} channels"]
        for what in ("forward_ms", "backward_ms"):
            a, b = median(ours[key], what), median(rows, what)
            cells += [f"{a:.2f}", f"{b:.2f}", f"{a / b:.2f}"]
        table.append("| " + " | ".join(cells) + " |")
    return table


def speedups(options, peer, work, threads):
    """How much faster all threads are than one: ours measured in turns in one process."""
    table = ["| model | batch | Ebb | PyTorch |", "|---|---|---|---|"]
    for model, batch, mode, _ in work:
        if mode != "train":
            continue
        ours = []
        for _ in range(options.rounds):
            ours += lines([options.bench, "--speedup", "--models", model, "--batches", str(batch), "--threads", str(threads[-1]),
                           "--seconds", "6", "--json"])
        theirs = [median(peer[model, batch, mode, t], "images_per_s") for t in threads]
        table.append(f"| {model} | {batch} | {median(ours, 'speedup'):.2f} | {theirs[-1] / theirs[0]:.2f} |")
    return table


def small_nets(options, threads):
    """Are more threads ever slower? The median for each of ebb-bench's small networks and batches, of three turns a round: the
    largest of thirty medians is above all a measure of their noise."""
    ratios = collections.defaultdict(list)
    for _ in range(3 * options.rounds):
        for row in lines([options.bench, "--scaling", "--json", "--threads", str(threads[-1]), "--seconds", "1"]):
            ratios[row["net"], row["batch"]].append(row["ratio"])
    medians = {key: statistics.median(values) for key, values in ratios.items()}
    (net, batch), worst = max(medians.items(), key=lambda entry: entry[1])
    return [f"`ebb-bench --scaling`, {datetime.date.today()}, {3 * options.rounds} turns: time of a step with {threads[-1]} threads over that with one, for {len(medians)} small networks and batches: median "
            f"{statistics.median(medians.values()):.2f}, largest {worst:.2f} ({net}, batch {batch})."]


def profile(options):
    """Where a training step of ResNet-20 spends its time."""
    command = [options.bench, "--profile", "--models", "resnet20", "--threads", "1", "--seconds", "10"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def replace_section(path, title, body):
    """Writes the lines of one section of the file anew."""
    with open(path, encoding="utf-8") as file:
        before, heading, rest = file.read().partition(f"## {title}\n")
    if not heading:
        sys.exit(f"{path} has no section '{title}': write the whole file first, without --only-small")
    after = rest.partition("\n## ")
    with open(path, "w", encoding="utf-8") as file:
        file.write(before + heading + "\n" + "\n".join(body) + "\n" + "".join(after[1:]))


def kept_section(path, title):
    """The lines of a section that another script wrote; none where it does not stand there."""
    with open(path, encoding="utf-8") as file:
        _, heading, rest = file.read().partition(f"\n## {title}\n")
    return heading + rest.partition("\n## ")[0] if heading else ""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--models", default="")
    parser.add_argument("--seconds", default="1.5")
    parser.add_argument("--bench", default=os.path.join(ROOT, "build/release/ebb-bench"))
    parser.add_argument("--python", default="/usr/bin/python3")
    parser.add_argument("--write", default="", help="file for the table, in Markdown")
    parser.add_argument("--only-small", action="store_true", help="only the small networks' section of that file")
    options = parser.parse_args()
    if options.only_small:
        replace_section(options.write, "Small networks", small_nets(options, [int(t) for t in options.threads.split(",")]))
        return

    environment = torch_environment()
    probe = build_probe(os.path.dirname(options.bench))
    wanted = set(options.models.split(",")) if options.models else None
    work = [w for w in WORK if wanted is None or w[0] in wanted]
    threads = [int(t) for t in options.threads.split(",")]
    ebb, torch = collections.defaultdict(list), collections.defaultdict(list)
    for _ in range(options.rounds):
        for model, batch, mode, _ in work:
            for t in threads * (4 if model in SMALL or mode == "infer" else 1):
                pin = ["taskset", "-c", str(min(os.sched_getaffinity(0)))] if t == 1 else []
                arguments = ["--models", model, "--batches", str(batch), "--modes", mode, "--threads", str(t),
                             "--seconds", options.seconds]
                key = (model, batch, mode, t)
                ebb[key] += lines(pin + [options.bench, "--json"] + arguments)
                torch[key] += lines(pin + [options.python, os.path.join(HERE, "torch_train.py"), "--probe", probe] + arguments,
                                    environment)
                print(f"{model} {batch} {mode} {t}: {ebb[key][-1]['images_per_s']:.0f} against "
                      f"{torch[key][-1]['images_per_s']:.0f} images/s", file=sys.stderr, flush=True)

    table = ["| model | batch | mode | threads | Ebb, images/s | PyTorch, images/s | ratio | asked | Ebb, GFLOP/s | of FMA peak |",
             "|---|---|---|---|---|---|---|---|---|---|"]
    for model, batch, mode, least in work:
        for t in threads:
            key = (model, batch, mode, t)
            ours, theirs = median(ebb[key], "images_per_s"), median(torch[key], "images_per_s")
            gflops, peak = median(ebb[key], "gflops"), median(ebb[key], "fma_peak_gflops")
            table.append(f"| {model} | {batch} | {mode} | {t} | {ours:,.0f} | {theirs:,.0f} | {ours / theirs:.2f} | {least} | "
                         f"{gflops:.0f} | {100 * gflops / peak if peak else 0:.0f} % |")
    print("\n".join(table))
    starts = [] if options.models else compare_starts(options, environment, threads[0])
    print("\n".join(starts))
    optimizers = [] if options.models else compare_optimizers(options, environment)
    print("\n".join(optimizers))
    norms = [] if options.models else compare_norms(options, environment)
    print("\n".join(norms))
    faster = speedups(options, torch, work, threads) if len(threads) > 1 else []
    print("\n".join(faster))
    small = [] if options.models else small_nets(options, threads)
    print("\n".join(small))
    steps = [] if options.models else profile(options)
    print("\n".join(steps))
    looks, uses = [], {}
    if not options.models:
        import diagnose_pairs  # which stand on this file
        import use_pairs
        looks = diagnose_pairs.section(os.path.join(os.path.dirname(options.bench), "observed_steps"), 200, 1, 0.1)
        print("\n".join(looks))
        uses = use_pairs.sections(os.path.join(os.path.dirname(options.bench), "use_steps"),
                                  argparse.Namespace(rounds=60, threads=1, seconds=0.1))
        print("\n".join(line for body in uses.values() for line in body))
    if options.write:
        processor = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if "model name" in line),
                         platform.machine())
        version = subprocess.run([options.python, "-c", "import torch; print(torch.__version__)"], env=environment,
                                 capture_output=True, text=True).stdout.strip()
        predicted = kept_section(options.write, "ARM64: a prediction") if os.path.exists(options.write) else ""
        with open(options.write, "w", encoding="utf-8") as out:
            out.write(f"""# Speed against PyTorch

Written by `python3 tests/bench/compare.py --rounds {options.rounds} --write docs/benchmarks.md` on {datetime.date.today()}:
{processor}, {os.cpu_count()} cores, PyTorch {version} with its best settings (`tests/bench/torch_env.sh`; the better of both
memory formats; for inference the frozen and optimised module). The same layers and batch sizes on both sides: forward,
cross-entropy, backward and a step of SGD with momentum in single precision on inputs in memory. Medians of
{options.rounds} rounds in which both alternate, LeNet, MNIST CNN, MLP and inference four times in each; one thread stays on one core.
Machines are noisy, so only the ratios mean something. Beside each ratio stands the least that is asked of it (`WORK` in the script).

""" + "\n".join(table) + """

## Start-up and memory

From the start of the process to the end of its first training step, and its peak resident memory after three.

""" + "\n".join(starts) + """

## Optimizer step

AdamW with two groups over the 11.2 million parameters of ResNet-18, all cores.

""" + "\n".join(optimizers) + """

## Batch norm with ReLU

Training: statistics, normalisation and ReLU in one op, one thread; oneDNN in the layout that suits it best.

""" + "\n".join(norms) + f"""

## {threads[-1]} threads over one

Training, as a factor; Ebb's two are measured in turns in one process (`ebb-bench --speedup`).

""" + "\n".join(faster) + """

## Small networks

""" + "\n".join(small) + """

## A training step of ResNet-20, by op

`ebb-bench --profile`: bytes are those of the tensors that an op reads and writes, each counted once, in both directions together;
what a convolution does is counted as direct arithmetic, of which Winograd's method needs less.

""" + "\n".join(steps) + """

## What looking on costs

""" + "\n".join(looks) + "\n" + "".join(f"\n## {title}\n\n" + "\n".join(body) + "\n" for title, body in uses.items()) + predicted)


if __name__ == "__main__":
    main()
