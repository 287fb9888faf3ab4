"""What ranks gain on one machine, and what a network leaves of it.

    python3 tests/bench/ranks.py machine [--rounds N]   two ranks of one thread against one process of two, and shards
                                                        against none, in turns
    python3 tests/bench/ranks.py links                  two ranks through a loopback that is slowed down to a network's
                                                        rate, what was predicted of them, and a prediction for more
                                                        machines; needs root
    python3 tests/bench/ranks.py --self-test

Needs Open MPI and a release build with ebb-bench. Prints tables in Markdown; medians, and the range of the rounds.
"""
import argparse
import concurrent.futures
import json
import math
import os
import statistics
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MPIRUN = ["mpirun.openmpi", "--allow-run-as-root", "--oversubscribe", "--bind-to", "none"]
TCP = ["--mca", "btl", "self,tcp", "--mca", "btl_tcp_if_include", "lo"]
BUCKET = 4 << 20  # bytes, as lab/training/gradient_sums.cpp cuts gradients
FEW = 4096  # numbers up to which ShardTree sends in one call
# Shards of the links' trainings: there must be one for each of the machines that are predicted.
SHARDS = 16
NETS = [("lenet", 512), ("mnistcnn", 128), ("resnet20", 256), ("resnet18", 128)]


def bench(options, model, batch, shards, ranks=1, threads=1, tcp=False, more=()):
    """The JSON object that ebb-bench --ranks prints."""
    command = [options.bench, "--ranks", "--json", "--models", model, "--batches", str(batch), "--shards", str(shards),
               "--threads", str(threads), "--seconds", str(options.seconds), *more]
    if ranks > 1:
        command = [*MPIRUN, *(TCP if tcp else []), "-np", str(ranks), *command]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        sys.exit(f"ranks: status {done.returncode} of {' '.join(command)}")
    return json.loads(done.stdout)


def in_turns(rounds, first, second):
    """Ratios of first() to second(), which alternate, and medians of both."""
    a, b = [], []
    for turn in range(rounds):
        for call, to in ((first, a), (second, b)) if turn % 2 == 0 else ((second, b), (first, a)):
            to.append(call())
    ratios = sorted(x / y for x, y in zip(a, b))
    return statistics.median(a), statistics.median(b), statistics.median(ratios), ratios


def machine(options):
    print("| images/s | two ranks, one thread each | one process, two threads | ratio of the rounds: median (range) |")
    print("|---|---|---|---|")
    for model, batch in (("resnet20", 128), ("resnet18", 128), ("lenet", 512)):
        two, one, ratio, all_ratios = in_turns(
            options.rounds,
            lambda: bench(options, model, batch, 8, ranks=2, threads=1)["images_per_s"],
            lambda: bench(options, model, batch, 8, threads=2)["images_per_s"])
        print(f"| {model}, batch {batch}, 8 shards | {two:,.0f} | {one:,.0f} | "
              f"{ratio:.3f} ({all_ratios[0]:.2f} to {all_ratios[-1]:.2f}) |", flush=True)
    print("\n| images/s on two threads | 8 shards | 1 shard | ratio of the rounds: median (range) |")
    print("|---|---|---|---|")
    for model, batch in (("resnet20", 256), ("speednet", 1000), ("lenet", 512)):
        eight, one, ratio, all_ratios = in_turns(
            options.rounds,
            lambda: bench(options, model, batch, 8, threads=2)["images_per_s"],
            lambda: bench(options, model, batch, 1, threads=2)["images_per_s"])
        print(f"| {model}, batch {batch} | {eight:,.0f} | {one:,.0f} | "
              f"{ratio:.3f} ({all_ratios[0]:.2f} to {all_ratios[-1]:.2f}) |", flush=True)


def bytes_sent(numbers, ranks, shards):
    """Bytes that a rank sends for a gradient of so many f32 numbers; as bytes_of_sum() for ranks that divide shards."""
    if ranks == 1:
        return 0
    if numbers <= FEW:
        return 4 * numbers * (ranks - 1)
    return 2 * 4 * numbers * (ranks - 1) / ranks


def exposed(numbers, ranks, latency, rate, window):
    """predicted_exposed() of lab/training/rank_costs.h, for buckets that are all full but the last one."""
    if ranks == 1:
        return 0.0
    buckets = max(1, math.ceil(4 * numbers / BUCKET))
    last = min(numbers, BUCKET / 4) if buckets == 1 else numbers - (buckets - 1) * BUCKET / 4
    time = 2 * latency * buckets + bytes_sent(numbers, ranks, SHARDS) / rate
    return max(2 * latency + bytes_sent(last, ranks, SHARDS) / rate, time - window)


class Net:
    """A training's step: what ranks compute that own SHARDS / n shards, of which `window` is the last one's backward pass."""

    def __init__(self, model, batch, computing):
        self.model, self.batch = model, batch
        self.computing = computing  # seconds, by the number of ranks
        self.window = 0.0
        self.numbers = 0

    def step(self, ranks, latency, rate):
        return self.computing[ranks] + exposed(self.numbers, ranks, latency, rate, self.window)

    def efficiency(self, ranks, latency, rate):
        return self.computing[1] / (ranks * self.step(ranks, latency, rate))


def computing(options, model, batch, ranks):
    """Seconds of a step of what one of so many ranks owns, by two processes at a time: ranks of one machine share its memory,
    too."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        both = [pool.submit(bench, options, model, batch // ranks, SHARDS // ranks) for _ in range(2)]
        return max(one.result()["ms"] for one in both) / 1e3


# Packets and a burst that are small beside any gradient, or small ones would go at once.
def shape_loopback(rate, burst):
    subprocess.run(["tc", "qdisc", "replace", "dev", "lo", "root", "tbf", "rate", rate, "burst", burst, "latency",
                    "500ms"], check=True)


class Row:
    """Rounds of a net on two ranks through one link."""

    def __init__(self, net, name, bits):
        self.net, self.name, self.bits = net, name, bits
        self.runs = []  # of each round: measured, predicted, computing, exposed, hidden, over rate; in ms

    def add(self, found):
        each = max(found["each"], key=lambda one: one["ms"] - one["exposed_ms"])
        self.net.numbers = each["bytes"] / 4  # two ranks send each number once
        self.net.window = each["window_ms"] / 1e3
        latency, rate = found["latency_ms"] / 1e3, found["mbit_per_s"] * 1e6 / 8
        self.runs.append((each["ms"], self.net.step(2, latency, rate) * 1e3, each["ms"] - each["exposed_ms"],
                          each["exposed_ms"], each["hidden_ms"], 2 * 8 * each["bytes"] / self.bits * 1e3))
        return latency, rate / (self.bits / 8 / 2)  # both ranks' messages go through the one loopback

    def text(self):
        ms, predicted, own, shown, hidden, over = (statistics.median(one) for one in zip(*self.runs))
        ratios = sorted(run[0] / run[1] for run in self.runs)
        return (f"| {self.net.model}, batch {self.net.batch} | {self.name} | {ms:.1f} | {predicted:.1f} | "
                f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}) | {own:.1f} | "
                f"{shown:.1f}, {hidden:.1f} | {over:.1f} |")


def links(options):
    if os.environ.get("EBB_RANKS_INSIDE") != "yes":
        environment = dict(os.environ, EBB_RANKS_INSIDE="yes")
        done = subprocess.run(["unshare", "--net", "--mount", sys.executable, "-B", *sys.argv], env=environment, check=False)
        if done.returncode == 1:
            print("ranks: a network of its own needs root")
        sys.exit(done.returncode)
    subprocess.run(["ip", "link", "set", "lo", "mtu", "16384", "up"], check=True)
    nets, fitted = [], []
    print("| two ranks, one thread each | link | step, ms | predicted, ms | measured / predicted: median (range) | computing | "
          "messages: exposed, hidden | bytes over rate |")
    print("|---|---|---|---|---|---|---|---|")
    for model, batch in NETS:
        if options.models and model not in options.models.split(","):
            continue
        net = Net(model, batch, {})
        nets.append(net)
        rows = [(Row(net, "1 Gbit/s", 1e9), "1gbit", "128kb"), (Row(net, "100 Mbit/s", 1e8), "100mbit", "32kb")]
        for _ in range(options.rounds):
            net.computing[2] = computing(options, model, batch, 2)
            for row, rate, burst in rows:
                shape_loopback(rate, burst)
                fitted.append(row.add(bench(options, model, batch, SHARDS, ranks=2, tcp=True)))
        for row, _, _ in rows:
            print(row.text(), flush=True)
    latency = statistics.median(one for one, _ in fitted)
    share = min(1.0, statistics.median(one for _, one in fitted))
    print(f"\nPredicted, with a latency of {latency * 1e3:.2f} ms and {share:.2f} of the link's rate in each direction:\n")
    counts = (2, 4, 8, 16)
    print("| efficiency | link | " + " | ".join(f"{n} machines" for n in counts) + " |")
    print("|---|---|" + "---|" * len(counts))
    for net in nets:
        for n in (1, *counts):
            net.computing[n] = statistics.median(computing(options, net.model, net.batch, n) for _ in range(options.rounds))
        for name, bits in (("1 Gbit/s", 1e9), ("10 Gbit/s", 1e10)):
            cells = [f"{net.efficiency(n, latency, share * bits / 8):.2f}" for n in counts]
            print(f"| {net.model}, batch {net.batch} | {name} | " + " | ".join(cells) + " |", flush=True)


def self_test(options):
    del options
    assert bytes_sent(1 << 20, 2, 16) == 4 << 20
    assert bytes_sent(1000, 4, 16) == 12000
    one = exposed(1 << 19, 2, 0.001, 1e6, 0.0)
    assert abs(one - (0.002 + 2.097152)) < 1e-6, one
    three = 3 * (BUCKET / 4)
    assert abs(exposed(three, 2, 0.0, 1e6, 2.0) - (3 * 4.194304 - 2.0)) < 1e-6
    assert abs(exposed(three, 2, 0.0, 1e6, 20.0) - 4.194304) < 1e-6
    net = Net("x", 1, {1: 18.0, 4: 6.0})  # a second a shard, two beside them
    net.numbers, net.window = three, 100.0  # all but the last bucket beside computing
    assert abs(net.step(4, 0.0, 1e6) - (6.0 + 4.194304 * 1.5)) < 1e-6
    assert abs(net.efficiency(4, 0.0, 1e6) - 18.0 / (4 * (6.0 + 6.291456))) < 1e-9
    row = Row(net, "link", 1e9)
    net.computing[2] = 10.0
    found = {"each": [{"ms": 14e3, "exposed_ms": 4e3, "hidden_ms": 0.0, "bytes": 4 * three, "window_ms": 1e5},
                      {"ms": 14e3, "exposed_ms": 5e3, "hidden_ms": 0.0, "bytes": 4 * three, "window_ms": 1e5}],
             "latency_ms": 0.0, "mbit_per_s": 8.0}
    assert row.add(found) == (0.0, 1e6 / (1e9 / 16))
    assert abs(row.runs[0][1] - (10e3 + 4194.304)) < 1e-6 and row.runs[0][2] == 10e3, row.runs
    assert "| 0.99 (0.99 to 0.99) |" in row.text(), row.text()
    numbers = iter([1.0, 4.0, 2.0, 1.0])
    assert in_turns(2, lambda: next(numbers), lambda: next(numbers))[3] == [0.25, 0.5]
    print("ranks: self-test passed")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=("machine", "links"))
    parser.add_argument("--bench", default=os.path.join(ROOT, "build/release/ebb-bench"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--models", default="", help="of links: names, separated by commas; all unless given")
    parser.add_argument("--self-test", action="store_true")
    options = parser.parse_args()
    if options.self_test:
        self_test(options)
    elif options.what == "machine":
        machine(options)
    elif options.what == "links":
        links(options)
    else:
        parser.error("machine or links")


if __name__ == "__main__":
    main()
