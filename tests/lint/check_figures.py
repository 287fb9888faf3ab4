#!/usr/bin/env python3
"""Figures of speed in README.md and docs/*.md have one source. A section that states some names the command that measures
them; PyTorch's stand in docs/benchmarks.md alone; README's table is docs/benchmarks.md rounded; a library package that is installed is included by a source and
explained in docs/design.md. Numbers of things that pages count in words are those of the sources."""

import re

from check_docs_code import pages
from common import CODE_FOLDERS, code_files, run

SPEED = re.compile(r"\d images(?:/s| a second)|\d (?:m|micro)s(?:econds)?\b|GFLOP/s|GB/s|images/s \||% faster|times as (?:fast|long)\b")
COMMAND = re.compile(r"`[^`]*(?:ebb-bench|tests/bench/\w+\.(?:py|sh)|decay_policies|benchmarks\.md)[^`]*`|"
                     r"\(?benchmarks\.md#|\(data\.md#|sh tests/\w+\.sh|`build/release/|cmake --build")
NOT_MEASURED = re.compile(r"\b2\.25\b|as a factor")  # counts of arithmetic

# Library packages: how their headers are included (None: no headers), and their name in the table of dependencies.
PACKAGES = {
    "libxtensor-dev": (r"xtensor/", "xtensor"), "libxsimd-dev": (r"xsimd/", "xsimd"),
    "libtbb-dev": (r"(?:tbb|oneapi/tbb)/", "oneTBB"), "nlohmann-json3-dev": (r"nlohmann/", "nlohmann-json"),
    "zlib1g-dev": (r"zlib\.h", "zlib"), "libstb-dev": (r"stb/stb_image\.h", "stb_image"), "libarchive-dev": (r"archive\.h", "libarchive"),
    "libboost-dev": (r"boost/math/", "Boost.Math"), "libssl-dev": (r"openssl/", "libcrypto"),
    "libcli11-dev": (r"CLI/", "CLI11"), "libtomlplusplus-dev": (r"toml(?:\+\+/|\.hpp)", "toml++"),
    "libeigen3-dev": (r"Eigen/", "Eigen"), "libprotobuf-dev": (r"google/protobuf/|\w+\.pb\.h", "protobuf"),
    "libopenmpi-dev": (r"mpi\.h", "MPI"), "libmpich-dev": (r"mpi\.h", "MPI"),
    "libboost-test-dev": (r"boost/test/", "Boost.Test"), "curl": (None, "curl"), "gnuplot-nox": (None, "gnuplot"),
}


def sections(text):
    """(line, text) of each part between headings."""
    marks = [0, *(m.start() for m in re.finditer(r"^#+ ", text, re.M)), len(text)]
    for begin, end in zip(marks, marks[1:]):
        yield text.count("\n", 0, begin) + 1, text[begin:end]


def speeds(root):
    for page in pages(root):
        for line, section in sections(re.sub(r"^```.*?^```$", lambda m: "\n" * m.group(0).count("\n"), page.read_text(), flags=re.S | re.M)):
            stated = SPEED.search(NOT_MEASURED.sub("", section))
            if page.name not in ("README.md", "benchmarks.md"):
                for row in section.splitlines():
                    if "PyTorch" in row and SPEED.search(row):
                        yield f"{page.name}:{line}: figures of PyTorch's speed stand in docs/benchmarks.md: {row}"
            if stated and not COMMAND.search(section):
                yield f"{page.name}:{line}: \"{stated.group(0)}\" stands in a section without the command that measures it"


def number(cell):
    return float(cell.replace(",", ""))


def rounded(short, exact):
    """Whether `short` is `exact` to the digits that are written."""
    decimals = len(short.partition(".")[2])
    zeros = len(short) - len(short.rstrip("0,")) - short[len(short.rstrip("0,")):].count(",")
    return abs(number(short) - exact) <= 0.5000001 * 10.0**(-decimals if decimals else zeros)


def cells(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


NAMES = {"LeNet-5": "lenet", "MNIST CNN": "mnistcnn", "ResNet-20": "resnet20", "ResNet-9": "resnet9", "VGG-11": "vgg11bn",
         "ResNet-18": "resnet18", "MLP": "mlp"}


def tables(root):
    """README's rows beside those of the page that measured them."""
    readme, measured = root / "README.md", root / "docs/benchmarks.md"
    if not readme.is_file() or not measured.is_file():
        return
    rows = {}
    for row in map(cells, re.findall(r"^\| \w+ \| \d+ \| (?:train|infer) .*$", measured.read_text(), re.M)):
        rows[tuple(row[:4])] = row
    for line in re.findall(r"^\|.*, (?:32|128)(?:,[^|]*)? \|.*$", readme.read_text(), re.M):
        row = cells(line)
        name = next((short for long, short in NAMES.items() if re.match(rf"{long}\b", row[0])), None)
        batch, mode = re.search(r", (32|128)", row[0]).group(1), "infer" if "inference" in row[0] else "train"
        one, two = rows.get((name, batch, mode, "1")), rows.get((name, batch, mode, "2"))
        if one is None or two is None:
            yield f"README.md: docs/benchmarks.md has no {row[0]}"
            continue
        for short, exact in zip(row[1:], (one[4], one[5], one[6], two[6])):
            if not rounded(short, number(exact)):
                yield f"README.md: {row[0]} has {short}, docs/benchmarks.md {exact}"


def packages(root):
    names, design = root / "tests/packages.txt", root / "docs/design.md"
    if not names.is_file():
        return
    included = "\n".join(line for p in code_files(root, CODE_FOLDERS) for line in re.findall(r"^#include [<\"].*$", p.read_text(), re.M))
    dependencies = design.read_text() if design.is_file() else ""
    wanted = re.search(r"^\[run\](.*?)^\[slow\]", names.read_text(), re.S | re.M)
    for package in re.findall(r"^[\w.+-]+", wanted.group(1), re.M):
        if package not in PACKAGES and package.startswith("lib"):
            yield f"tests/packages.txt: who includes {package}? tests/lint/check_figures.py has no line for it"
        if package in PACKAGES:
            header, name = PACKAGES[package]
            if header and not re.search(rf"[<\"](?:{header})", included):
                yield f"tests/packages.txt: {package} is included by no source"
            if not re.search(rf"^\| [^|]*{re.escape(name)}[^|]* \|", dependencies, re.M):
                yield f"docs/design.md: the table of dependencies has no row for {name}"


WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def counts(root):
    """What pages count: the page, the words with the number, and how many there are."""
    decay = root / "optim/decay.cpp"
    kinds = re.findall(r"^Decay decoupled_\w+\(", decay.read_text(), re.M) if decay.is_file() else []
    views = [p for p in code_files(root, ("tests",)) if "framework/tensor/xview.h" in p.read_text()]
    for name, pattern, things in (("README.md", r"(\w+) decoupled kinds", kinds),
                                  ("docs/design.md", r"compute with it, (\w+) of its tests do", views),
                                  ("docs/design.md", r"`xview`, and (\w+) tests", views)):
        page = root / name
        for word in re.findall(pattern, re.sub(r"\s+", " ", page.read_text())) if page.is_file() else []:
            if word != WORDS[len(things)]:
                yield f"{name}: \"{word}\" where there are {len(things)}: {pattern}"


def check(root):
    return [*speeds(root), *tables(root), *packages(root), *counts(root)]


README = ("| model, batch | Ebb | PyTorch | ratio | two |\n|---|---|---|---|---|\n| LeNet-5, 128 | 15,900 | 7,000 | 2.3 | 2.4 |\n"
          "measured by `ebb-bench`; two decoupled kinds\n")
TABLE = ("`tests/bench/compare.py`\n| lenet | 128 | train | 1 | 15,882 | 7,026 | 2.26 | 2.0 |\n"
         "| lenet | 128 | train | 2 | 28,085 | 11,866 | 2.37 | 2.0 |\n")
CLEAN = {
    "README.md": README, "docs/benchmarks.md": TABLE,
    "docs/design.md": "| zlib | gzip | |\n\n| xtensor | `xview`, and one tests | |\n\n## Speed\n\nA pass takes 8 ms (`ebb-bench --norms`).\n\n## Count\n\n16 outputs.\n",
    "tests/packages.txt": "[run]\ng++\nzlib1g-dev\n\n[test]\npython3\n\n[slow]\n", "data/a.cpp": "#include <zlib.h>\n",
    "optim/decay.cpp": "Decay decoupled_lr(Lambda l) {}\nDecay decoupled_constant(Lambda l) {}\nDecay stable(Lambda l) {}\n",
    "tests/a.cpp": '#include "framework/tensor/xview.h"\n',
}
PLANTED = [
    {**CLEAN, "README.md": README.replace("15,900", "15,800")},
    {**CLEAN, "README.md": README.replace("2.4", "2.5")},
    {**CLEAN, "README.md": README.replace("LeNet-5, 128", "LeNet-5, 32")},
    {**CLEAN, "docs/design.md": CLEAN["docs/design.md"].replace(" (`ebb-bench --norms`)", "")},
    {**CLEAN, "docs/design.md": CLEAN["docs/design.md"].replace("16 outputs", "Twice: 30 % faster")},
    {**CLEAN, "docs/design.md": CLEAN["docs/design.md"].replace("A pass takes", "A pass of PyTorch takes")},
    {**CLEAN, "docs/design.md": CLEAN["docs/design.md"].replace("| zlib |", "| gzip |")},
    {**CLEAN, "data/a.cpp": "// zlib.h\n"},
    {**CLEAN, "optim/decay.cpp": "Decay decoupled_lr(Lambda l) {}\n"},
    {**CLEAN, "tests/b.cpp": '#include "framework/tensor/xview.h"\n'},
    {**CLEAN, "tests/packages.txt": CLEAN["tests/packages.txt"].replace("zlib1g-dev", "zlib1g-dev\nlibnone-dev")},
]

if __name__ == "__main__":
    run(check, PLANTED, CLEAN)
