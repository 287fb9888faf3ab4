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
    """A training's step: what each shard takes, what beside the shards, and what of it is a backward pass."""

    def __init__(self, model, batch, whole, half, window):
        self.model, self.batch = model, batch
        self.shard = (whole - half) / (SHARDS / 2)
        self.beside = max(0.0, whole - SHARDS * self.shard)
        self.window = window
        self.numbers = 0

    def computing(self, ranks):
        return self.beside + self.shard * SHARDS / ranks

    def step(self, ranks, latency, rate):
        return self.computing(ranks) + exposed(self.numbers, ranks, latency, rate, self.window)


def measure_net(options, model, batch):
    """From steps of SHARDS shards and of half as many of the same size, by two processes at a time: ranks of one machine
    share its memory, too."""
    def step(size, shards):
        with concurrent.futures.ThreadPoolExecutor() as pool:
            both = [pool.submit(bench, options, model, size, shards) for _ in range(2)]
            return max(one.result()["ms"] for one in both) / 1e3
    return Net(model, batch, step(batch, SHARDS), step(batch // 2, SHARDS // 2), 0.0)


def shape_loopback(rate):
    subprocess.run(["tc", "qdisc", "replace", "dev", "lo", "root", "tbf", "rate", rate, "burst", "256kb", "latency",
                    "500ms"], check=True)


def links(options):
    if os.environ.get("EBB_RANKS_INSIDE") != "yes":
        environment = dict(os.environ, EBB_RANKS_INSIDE="yes")
        done = subprocess.run(["unshare", "--net", "--mount", sys.executable, "-B", *sys.argv], env=environment, check=False)
        if done.returncode == 1:
            print("ranks: a network of its own needs root")
        sys.exit(done.returncode)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    nets, fitted = [], []
    print("| two ranks, one thread each | link | step, ms | predicted, ms | measured / predicted | computing | messages: exposed, "
          "hidden | bytes over rate |")
    print("|---|---|---|---|---|---|---|---|")
    for model, batch in NETS:
        net = measure_net(options, model, batch)
        nets.append(net)
        for rate, bits in (("1gbit", 1e9), ("100mbit", 1e8)):
            shape_loopback(rate)
            row = bench(options, model, batch, SHARDS, ranks=2, tcp=True)
            each = max(row["each"], key=lambda one: one["ms"] - one["exposed_ms"])
            net.numbers = each["bytes"] / 4  # two ranks send each number once
            net.window = each["window_ms"] / 1e3
            latency, bandwidth = row["latency_ms"] / 1e3, row["mbit_per_s"] * 1e6 / 8
            fitted.append((latency, bandwidth / (bits / 8 / 2)))
            predicted = net.step(2, latency, bandwidth) * 1e3
            # Both ranks' messages go through the one loopback.
            over_rate = 2 * 8 * each["bytes"] / bits * 1e3
            print(f"| {model}, batch {batch} | {rate} | {each['ms']:.1f} | {predicted:.1f} | {each['ms'] / predicted:.2f} | "
                  f"{each['ms'] - each['exposed_ms']:.1f} | {each['exposed_ms']:.1f}, {each['hidden_ms']:.1f} | {over_rate:.1f} |",
                  flush=True)
    latency = statistics.median(one for one, _ in fitted)
    share = min(1.0, statistics.median(one for _, one in fitted))
    print(f"\nPredicted, with a latency of {latency * 1e3:.2f} ms and {share:.2f} of the link's rate in each direction:\n")
    counts = (2, 4, 8, 16)
    print("| efficiency | link | " + " | ".join(f"{n} machines" for n in counts) + " |")
    print("|---|---|" + "---|" * len(counts))
    for net in nets:
        for name, bits in (("1 Gbit/s", 1e9), ("10 Gbit/s", 1e10)):
            alone = net.computing(1)
            cells = [f"{alone / (n * net.step(n, latency, share * bits / 8)):.2f}" for n in counts]
            print(f"| {net.model}, batch {net.batch} | {name} | " + " | ".join(cells) + " |")


def self_test(options):
    del options
    assert bytes_sent(1 << 20, 2, 16) == 4 << 20
    assert bytes_sent(1000, 4, 16) == 12000
    one = exposed(1 << 19, 2, 0.001, 1e6, 0.0)
    assert abs(one - (0.002 + 2.097152)) < 1e-6, one
    three = 3 * (BUCKET / 4)
    assert abs(exposed(three, 2, 0.0, 1e6, 2.0) - (3 * 4.194304 - 2.0)) < 1e-6
    assert abs(exposed(three, 2, 0.0, 1e6, 20.0) - 4.194304) < 1e-6
    net = Net("x", 1, 18.0, 10.0, 0.5)  # a second a shard, two beside them
    assert (net.shard, net.beside, net.computing(4)) == (1.0, 2.0, 6.0)
    numbers = iter([1.0, 4.0, 2.0, 1.0])
    assert in_turns(2, lambda: next(numbers), lambda: next(numbers))[3] == [0.25, 0.5]
    print("ranks: self-test passed")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=("machine", "links"))
    parser.add_argument("--bench", default=os.path.join(ROOT, "build/release/ebb-bench"))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=3.0)
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
