"""The peers of the benchmark: how each is started, and which of its ways is the best one."""
import json
import os
import shutil
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
WAYS = ["eager", "compiled", "eager-bf16", "compiled-bf16"]
# A way this much slower than the best in the first round is not measured again.
CLOSE = 0.85


def lines(command, environment=None):
    """The JSON objects that a command prints."""
    done = subprocess.run(command, capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def median(rows, what):
    return statistics.median(row[what] for row in rows)


def pinned(threads):
    """With one thread both contenders stay on the same core."""
    return ["taskset", "-c", str(min(os.sched_getaffinity(0)))] if threads == 1 else []


class Peers:
    """The virtual environment that tests/bench/peers.sh makes. What is compiled is kept in it."""

    def __init__(self, python):
        self.python = python
        if not shutil.which(python):
            sys.exit(f"no {python}: make it with sh tests/bench/peers.sh, or name another with --python")
        # glibc hands large tensors back to the system at every step where nobody tells it otherwise.
        self.environment = os.environ | {
            "MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "68719476736", "MALLOC_TOP_PAD_": "268435456",
            "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
            "TORCHINDUCTOR_CACHE_DIR": os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(python))), "compiled")}

    def run(self, script, arguments, threads):
        environment = self.environment | {"OMP_NUM_THREADS": str(threads)}
        return lines(pinned(threads) + [self.python, "-B", os.path.join(HERE, script), *map(str, arguments)], environment)

    def versions(self):
        found = subprocess.run([self.python, "-c", "import torch, onnxruntime, openvino\n"
                                "print(torch.__version__, onnxruntime.__version__, openvino.__version__.split('-')[0])"],
                               capture_output=True, text=True, check=True, env=self.environment)
        return dict(zip(("PyTorch", "ONNX Runtime", "OpenVINO"), found.stdout.split()))


class TorchRows:
    """PyTorch on one piece of work in every way; after the first round in those that may be the best."""

    def __init__(self, peers, model, batch, mode, threads, seconds):
        self.peers, self.seconds = peers, seconds
        self.work = ["--models", model, "--batch", batch, "--mode", mode, "--threads", threads, "--seconds", seconds]
        self.threads = threads
        self.rates = {way: [] for way in WAYS}
        self.errors = {}

    def measure(self):
        tried = any(self.rates.values())
        best = max((median for median in map(self.rate, WAYS)), default=0)
        for way in WAYS:
            if tried and self.rate(way) < CLOSE * best:
                continue
            for row in self.peers.run("torch_train.py", [*self.work, "--ways", way], self.threads):
                if "error" in row:
                    self.errors[way] = row["error"]
                else:
                    self.rates[way].append(row["images_per_s"])
        if not any(self.rates.values()):
            sys.exit(f"PyTorch does no way of {' '.join(map(str, self.work))}: {self.errors}")

    def rate(self, way):
        return statistics.median(self.rates[way]) if self.rates[way] else 0

    def best(self):
        """The fastest way and its images a second."""
        way = max(WAYS, key=self.rate)
        return way, self.rate(way)
