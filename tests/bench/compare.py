#!/usr/bin/python3
"""Measures Ebb and its peers in alternation and writes docs/benchmarks.md.

    python3 tests/bench/compare.py [--rounds 3] [--threads 1,2] [--models ...] [--write docs/benchmarks.md]
    python3 tests/bench/compare.py --only "One picture at a time" --write docs/benchmarks.md     one section anew

Needs a release build with ebb-bench and the peers (sh tests/bench/peers.sh). Machines are noisy, so only the ratios of one
run mean anything: every round measures both contenders for each piece of work one after the other, small networks four
times, and with one thread on the same core.
"""
import argparse
import collections
import datetime
import os
import platform
import statistics
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from page import kept_section, replace_section  # noqa: E402
from peers import HERE, Peers, TorchRows, lines, median, pinned  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(HERE))
# Model, batch, mode, and the ratio that is the least we ask of ourselves.
WORK = [
    ("lenet", 128, "train", 2.5), ("lenet", 32, "train", 2.0), ("mnistcnn", 128, "train", 2.4),
    ("resnet20", 128, "train", 1.8), ("resnet20", 32, "train", 1.5), ("resnet9", 128, "train", 2.8),
    ("vgg11bn", 128, "train", 2.8), ("resnet18", 128, "train", 2.1), ("mlp", 128, "train", 1.25),
    ("speednet", 500, "train", 2.6), ("resnet18at64", 32, "train", None), ("conv320", 2, "train", None),
    ("resnet20", 128, "infer", 2.0),
]
# Quick work, whose seconds are easily disturbed.
SMALL = {"lenet", "mnistcnn", "mlp", "conv320"}
# Networks as they are deployed, and the ratio asked at a batch of one.
DEPLOYED = [("lenet", 1.3), ("resnet20", 1.3), ("resnet18", 1.1), ("vgg11bn", 1.1)]
DEPLOYED_BATCHES = (1, 8, 32, 128)
MAIN = "Training and inference"


def ebb(options, model, batch, mode, threads):
    return lines(pinned(threads) + [options.bench, "--json", "--models", model, "--batches", str(batch), "--modes", mode,
                                    "--threads", str(threads), "--seconds", str(options.seconds)])


def turns(model, mode):
    return 4 if model in SMALL or mode == "infer" else 1


def asked(least):
    return "" if least is None else f"{least:g}"


class Trainings:
    """The rows of the main table, for it and for the section that compares numbers of threads."""

    def __init__(self, options, peers):
        self.options, self.peers = options, peers
        self.ours = collections.defaultdict(list)
        self.theirs = {}

    def keys(self):
        wanted = set(self.options.models.split(",")) if self.options.models else None
        return [(*work, t) for work in WORK if wanted is None or work[0] in wanted for t in self.options.threads]

    def measure(self):
        if self.ours:
            return
        for _ in range(self.options.rounds):
            for model, batch, mode, _, t in self.keys():
                key = (model, batch, mode, t)
                if key not in self.theirs:
                    self.theirs[key] = TorchRows(self.peers, model, batch, mode, t, self.options.seconds)
                for _ in range(turns(model, mode)):
                    self.ours[key] += ebb(self.options, model, batch, "prepared" if mode == "infer" else mode, t)
                    self.theirs[key].measure()
                way, rate = self.theirs[key].best()
                print(f"{model} {batch} {mode} {t}: {median(self.ours[key], 'images_per_s'):.0f} against {rate:.0f} images/s "
                      f"({way})", file=sys.stderr, flush=True)

    def table(self):
        self.measure()
        out = ["| model | batch | mode | threads | Ebb, images/s | PyTorch, images/s | ratio | asked | PyTorch's best way | Ebb, GFLOP/s | of FMA peak |",
               "|---|---|---|---|---|---|---|---|---|---|---|"]
        for model, batch, mode, least, t in self.keys():
            key = (model, batch, mode, t)
            ours, (way, theirs) = median(self.ours[key], "images_per_s"), self.theirs[key].best()
            gflops, peak = median(self.ours[key], "gflops"), median(self.ours[key], "fma_peak_gflops")
            out.append(f"| {model} | {batch} | {mode} | {t} | {ours:,.0f} | {theirs:,.0f} | {ours / theirs:.2f} | {asked(least)} | {way} | "
                       f"{gflops:.0f} | {100 * gflops / peak:.0f} % |")
        return out

    def speedups(self):
        """How much faster all threads are than one: ours measured in turns in one process."""
        self.measure()
        most = self.options.threads[-1]
        table = ["| model | batch | Ebb | PyTorch |", "|---|---|---|---|"]
        for model, batch, mode, _, t in self.keys():
            if mode != "train" or t != most:
                continue
            ours = []
            for _ in range(self.options.rounds):
                ours += lines([self.options.bench, "--speedup", "--models", model, "--batches", str(batch), "--threads", str(most),
                               "--seconds", "6", "--json"])
            rates = [self.theirs[model, batch, mode, n].best()[1] for n in (self.options.threads[0], most)]
            table.append(f"| {model} | {batch} | {median(ours, 'speedup'):.2f} | {rates[1] / rates[0]:.2f} |")
        return table


def deployed(options, peers):
    """Prepared networks beside ONNX Runtime and OpenVINO: the rate, and the latency of a call."""
    ours, theirs = collections.defaultdict(list), collections.defaultdict(list)
    wanted = options.models.split(",") if options.models else [model for model, _ in DEPLOYED]
    keys = [(model, least, batch, t) for model, least in DEPLOYED if model in wanted for batch in DEPLOYED_BATCHES for t in options.threads]
    for _ in range(options.rounds):
        for model, _, batch, t in keys:
            ours[model, batch, t] += ebb(options, model, batch, "prepared", t)
            for row in peers.run("infer_peers.py", ["--models", model, "--batch", batch, "--threads", t, "--seconds", options.seconds], t):
                theirs[model, batch, t, row["who"]].append(row)
            print(f"{model} {batch} prepared {t}: {median(ours[model, batch, t], 'images_per_s'):.0f} images/s against "
                  + ", ".join(f"{median(theirs[model, batch, t, who], 'images_per_s'):.0f} ({who})" for who in ("ONNX Runtime", "OpenVINO")),
                  file=sys.stderr, flush=True)
    table = ["| model | batch | threads | Ebb, images/s | ONNX Runtime | OpenVINO | ratio to the best | asked | Ebb, ms a call (99 %) | ONNX Runtime | OpenVINO | "
             "weights, MiB | prepared in, ms |", "|---|---|---|---|---|---|---|---|---|---|---|---|---|"]
    for model, least, batch, t in keys:
        rows = [ours[model, batch, t], theirs[model, batch, t, "ONNX Runtime"], theirs[model, batch, t, "OpenVINO"]]
        rates = [median(r, "images_per_s") for r in rows]
        calls = [f"{median(r, 'ms'):.3f} ({median(r, 'p99_ms'):.3f})" for r in rows]
        table.append(f"| {model} | {batch} | {t} | {rates[0]:,.0f} | {rates[1]:,.0f} | {rates[2]:,.0f} | {rates[0] / max(rates[1:]):.2f} | "
                     f"{asked(least if batch == 1 else None)} | {' | '.join(calls)} | {median(rows[0], 'weights_mib'):.1f} | "
                     f"{median(rows[0], 'prepare_ms'):.1f} |")
    return table


def starts(options, peers):
    """From process start to the first finished step, and peak resident memory after three."""
    table = ["| model | batch | threads | Ebb, first step after | PyTorch | Ebb, peak memory | PyTorch | ratio |", "|---|---|---|---|---|---|---|---|"]
    threads = options.threads[0]
    for model, batch in (("lenet", 128), ("resnet20", 128), ("resnet18", 128), ("speednet", 2000)):
        ours, theirs = [], []
        for _ in range(options.rounds):
            ours += lines(pinned(threads) + [options.bench, "--start", model, "--batches", str(batch), "--threads", str(threads)])
            # The format that needs less memory counts.
            arguments = ["--model", model, "--batch", batch, "--threads", threads, "--steps", 3]
            both = [row for more in ([], ["--channels-last"]) for row in peers.run("torch_start.py", arguments + more, threads)]
            theirs.append({key: min(row[key] for row in both) for key in ("first_step_s", "peak_resident_mib")})
        a, b = median(ours, "peak_resident_mib"), median(theirs, "peak_resident_mib")
        table.append(f"| {model} | {batch} | {threads} | {median(ours, 'first_step_s'):.3f} s | {median(theirs, 'first_step_s'):.2f} s | "
                     f"{a:.0f} MiB | {b:.0f} MiB | {a / b:.2f} |")
    return table


def optimizer_steps(options, peers):
    """A step of AdamW over ResNet-18's parameters on all cores, and a loop of ours that only moves the same bytes."""
    ours, theirs = [], []
    for _ in range(options.rounds):
        ours += lines([os.path.join(os.path.dirname(options.bench), "optimizer_step")])
        theirs += peers.run("torch_optimizer.py", [], len(os.sched_getaffinity(0)))
    step, moved = median(ours, "adamw_ms"), median(ours, "adamw_bytes_ms")
    faster = min(median(theirs, way) for way in ("adamw_foreach_ms", "adamw_for_ms", "adamw_fused_ms"))
    return ["| Ebb, ms | PyTorch (the fastest of foreach, fused and neither), ms | ratio | moving the same bytes, ms | of that |",
            "|---|---|---|---|---|",
            f"| {step:.1f} | {faster:.1f} | {faster / step:.2f} | {moved:.1f} | {step / moved:.2f} |"]


def norms(options):
    """Batch norm with ReLU beside oneDNN's, one thread; nothing where onednn_norm was not built."""
    peer = os.path.join(os.path.dirname(options.bench), "onednn_norm")
    if not os.path.exists(peer):
        return ["`onednn_norm` was not built: install libdnnl-dev."]
    ours, theirs = collections.defaultdict(list), collections.defaultdict(list)
    for _ in range(options.rounds):
        for row in lines([options.bench, "--norms", "--json", "--threads", "1", "--seconds", "0.3"]):
            ours[row["op"], row["size"], row["channels"]].append(row)
        for row in lines([peer, "128", "0.2"], os.environ | {"OMP_NUM_THREADS": "1"}):
            theirs[row["op"], row["size"], row["channels"]].append(row)
    table = ["| 128 images | forward, ms | oneDNN | of that | backward, ms | oneDNN | of that |", "|---|---|---|---|---|---|---|"]
    for key, rows in theirs.items():
        cells = [f"{key[1]}x{key[1]}, {key[2]} channels"]
        for what in ("forward_ms", "backward_ms"):
            a, b = median(ours[key], what), median(rows, what)
            cells += [f"{a:.2f}", f"{b:.2f}", f"{a / b:.2f}"]
        table.append("| " + " | ".join(cells) + " |")
    return table


def small_nets(options):
    """Are more threads ever slower? The median for each of ebb-bench's small networks and batches, of three turns a round: the
    largest of thirty medians is above all a measure of their noise."""
    ratios = collections.defaultdict(list)
    most = options.threads[-1]
    for _ in range(3 * options.rounds):
        for row in lines([options.bench, "--scaling", "--json", "--threads", str(most), "--seconds", "1"]):
            ratios[row["net"], row["batch"]].append(row["ratio"])
    medians = {key: statistics.median(values) for key, values in ratios.items()}
    (net, batch), worst = max(medians.items(), key=lambda entry: entry[1])
    return [f"`ebb-bench --scaling`, {datetime.date.today()}, {3 * options.rounds} turns: time of a step with {most} threads over that with one, for {len(medians)} small networks and batches: median "
            f"{statistics.median(medians.values()):.2f}, largest {worst:.2f} ({net}, batch {batch})."]


def profile(options):
    """Where a training step of ResNet-20 spends its time."""
    command = [options.bench, "--profile", "--models", "resnet20", "--threads", "1", "--seconds", "10"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def sections(options, peers):
    """Title, what the lines say, and what makes them, of every section in the order of the page."""
    import diagnose_pairs  # which stand on this file
    import use_pairs
    trainings = Trainings(options, peers)
    programs = os.path.dirname(options.bench)

    def uses(title):
        return lambda: use_pairs.sections(os.path.join(programs, "use_steps"),
                                          argparse.Namespace(rounds=60, threads=1, seconds=0.1), [title])[title]

    return [
        (MAIN, "", trainings.table),
        ("One picture at a time, and more",
         "Inference in f32 on the same network, exported from PyTorch: `prepare()` beside the peers' networks of a fixed batch. A\n"
         "call's latency as median and 99th percentile. What is asked holds for a batch of one.", lambda: deployed(options, peers)),
        ("Start-up and memory", "From the start of the process to the end of its first training step, and its peak resident memory after three.",
         lambda: starts(options, peers)),
        ("Optimizer step", "AdamW with two groups over the 11.2 million parameters of ResNet-18, all cores.",
         lambda: optimizer_steps(options, peers)),
        ("Batch norm with ReLU",
         "Training: statistics, normalisation and ReLU in one op, one thread; oneDNN in the layout that suits it best.", lambda: norms(options)),
        (f"{options.threads[-1]} threads over one", "Training, as a factor; Ebb's are measured in turns in one process (`ebb-bench --speedup`).",
         trainings.speedups),
        ("Small networks", "", lambda: small_nets(options)),
        ("A training step of ResNet-20, by op",
         "`ebb-bench --profile`: bytes are those of the tensors that an op reads and writes, each counted once, in both directions together;\n"
         "what a convolution does is counted as direct arithmetic, of which Winograd's method needs less.", lambda: profile(options)),
        ("What looking on costs", "", lambda: diagnose_pairs.section(os.path.join(programs, "observed_steps"), 200, 1, 0.1)),
        (use_pairs.PICTURES, "", uses(use_pairs.PICTURES)),
        (use_pairs.TRACES, "", uses(use_pairs.TRACES)),
        ("ARM64: a prediction", "", lambda: kept_section(options.write, "ARM64: a prediction") if options.write else []),
    ]


def introduction(options, peers):
    processor = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if "model name" in line), platform.machine())
    versions = ", ".join(f"{who} {version}" for who, version in peers.versions().items())
    return f"""# Speed, beside PyTorch, ONNX Runtime and OpenVINO

Written by `python3 tests/bench/compare.py --rounds {options.rounds} --write docs/benchmarks.md` on {datetime.date.today()}:
{processor}, {os.cpu_count()} cores, {versions} as pip installs them (`sh tests/bench/peers.sh`). PyTorch counts in
its best way: eager or compiled, either memory format, f32 or bf16 autocast, with an allocator that keeps its memory. The same layers and
batch sizes on both sides: forward, cross-entropy, backward and a step of SGD with momentum, Ebb in f32, on inputs in memory; inference
by prepared networks. Medians of {options.rounds} rounds in which both alternate, small networks four times in each; one thread stays on one
core. Machines are noisy, so only the ratios mean something. Beside each ratio stands the least that is asked of it (`WORK` in the script).
"""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", default="1,2", type=lambda text: [int(t) for t in text.split(",")])
    parser.add_argument("--models", default="", help="of the main table and of inference")
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument("--bench", default=os.path.join(ROOT, "build/release/ebb-bench"))
    parser.add_argument("--python", default=os.path.join(ROOT, "build/peers/bin/python"))
    parser.add_argument("--write", default="", help="file for the page, in Markdown")
    parser.add_argument("--only", default="", help="title of the section to be written anew")
    options = parser.parse_args()
    peers = Peers(options.python)
    chosen = [(title, said, make) for title, said, make in sections(options, peers) if options.only in ("", title)]
    if not chosen:
        sys.exit(f"no section '{options.only}'; there are: " + ", ".join(title for title, _, _ in sections(options, peers)))
    page = introduction(options, peers)
    for title, said, make in chosen:
        body = ([said, ""] if said else []) + make()
        if options.only and options.write:
            replace_section(options.write, title, body)
        print("\n".join([f"## {title}", "", *body, ""]), flush=True)
        page += "\n".join(["", f"## {title}", "", *body, ""])
    if options.write and not options.only:
        with open(options.write, "w", encoding="utf-8") as out:
            out.write(page)


if __name__ == "__main__":
    main()
