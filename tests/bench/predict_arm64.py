#!/usr/bin/env python3
"""What the inner loops of the kernels for ARM64 will do, read from their objects: no machine is needed.

    python3 tests/bench/predict_arm64.py [OBJECTS] [--all] [--write docs/benchmarks.md]
    python3 tests/bench/predict_arm64.py --self-test

OBJECTS is the folder of the kernels' objects, by default that of the preset arm64. Of the largest tiles of matrix product,
convolution and Winograd's method the inner loops are taken out of the disassembly. Each must keep its sums in registers, add
products by fused instructions, by lane where one factor is a number, load no more than the tile's comment says (tile.h), and
reach the share of the multiply-add peak that is asked of it in llvm-mca's models of Neoverse N1 and V1; what does not is
listed, and a fault unless LIMITS says what limits it. --all shows all tiles.
Needs llvm-objdump and llvm-mca of LLVM 17 or newer, whose models are those of these cores; 77 without them.
"""
import argparse
import datetime
import os
import pathlib
import re
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from arm64_loops import CORES, Loop, cycles, functions, inner_loops, run, tool
from compare import ROOT
from page import replace_section

SKIPPED = 77
TITLE = "ARM64: a prediction"
OBJECTS = os.path.join(ROOT, "build/arm64/framework/CMakeFiles/ebb_kernels_neon.dir/kernels")
LANES = 4
ASKED = 0.85


def by_step(m, v):
    """Loads of a step in which each row's factor is loaded by itself, for each multiply-add."""
    return (m + v) / (m * v)


def by_lanes(m, v):
    """Of as many steps as there are lanes, whose factors come a register for each row."""
    return (m + LANES * v) / (LANES * m * v)


def neighbours(m, v):
    """Of a step in which rows are neighbours: a register of factors for as many rows as there are lanes."""
    return (m // LANES + m % LANES + v) / (m * v)


def pairs(m, v):
    """Of a step in which no factor is a number: M registers by V registers."""
    return (m + v) / (m * v)


# Object, pattern of the function with groups m and v, title, and loads.
TILES = [
    ("gemm", r"multiply_tile<float, (?P<v>\d+), (?P<m>\d+)>", "matrix product", by_lanes),
    ("convolution", r"row_tile<float, (?P<m>\d+), (?P<v>\d+), 16>", "convolution, blocks of 16 channels", by_lanes),
    ("convolution", r"row_tile<float, (?P<m>\d+), (?P<v>\d+), 4>", "convolution, blocks of 4 channels", by_lanes),
    ("convolution", r"row_tile<float, (?P<m>\d+), (?P<v>\d+), 3>", "convolution, blocks of 3 channels", by_step),
    ("convolution", r"row_tile<float, (?P<m>\d+), (?P<v>\d+), 1>", "convolution, blocks of 1 channel", neighbours),
    ("convolution_weights", r"weight_tile<float, (?P<m>\d+), (?P<v>\d+)>", "convolution, weight gradient", neighbours),
    ("convolution_planes", r"plane_tile<float, (?P<m>\d+)>", "convolution, planes", neighbours),
    ("convolution_planes", r"plane_tile_gradient<float>", "convolution, planes, weight gradient", pairs),
    ("winograd_multiply", r"product_tile<(?P<m>\d+), (?P<v>\d+)>", "Winograd, product", by_lanes),
    ("winograd_multiply", r"outer_tile_by_lane<(?P<b>\d+), (?P<v>\d+)>", "Winograd, weight gradient", neighbours),
]


def tiles(folder, everything):
    """Title, M, V, loads computed, whether both factors are registers, and inner loop: of the largest tiles, or all."""
    for name, pattern, title, loads in TILES:
        found = {}
        for function, code in functions(os.path.join(folder, f"{name}.cpp.o")):
            match = re.search(pattern, function)
            if not match:
                continue
            sizes = match.groupdict()
            for body in inner_loops(code):
                loop = Loop(body)
                if not loop.multiply_adds:
                    continue
                if "m" in sizes and "v" in sizes:
                    m, v = int(sizes["m"]), int(sizes["v"])
                elif "m" in sizes:
                    m, v = int(sizes["m"]), loop.multiply_adds // int(sizes["m"])
                elif "b" in sizes:
                    m, v = int(sizes["b"]) * LANES, int(sizes["v"])
                else:
                    m, v = 6, 3
                found.setdefault((v, m), []).append(loop)
        if not found:
            sys.exit(f"predict_arm64: {folder}/{name}.cpp.o has no loop of {pattern}: are these the kernels' objects for ARM64?")
        for v, m in sorted(found, reverse=True):
            if everything or m == max(b for a, b in found if a == v) or "planes" in title:
                for loop in found[v, m]:
                    yield title, m, v, loads(m, v), loads is pairs, loop


def measure(folder, everything=False):
    """Rows of the table, and what is wrong."""
    rows, wrong = [], []
    for title, m, v, expected, vectors, loop in tiles(folder, everything):
        problems = loop.problems(m, v, expected, vectors)
        shares = []
        for core, (units, _) in CORES.items():
            share = loop.multiply_adds / units / cycles(loop.body, core)
            shares.append(share)
            if share < ASKED:
                problems.append(f"{100 * share:.0f} % of the peak of {core} instead of {100 * ASKED:.0f} %")
        rows.append((title, m, v, loop, expected, shares))
        wrong += [(f"{title}, {m} x {v}", problem) for problem in problems]
    return rows, wrong


def table(rows):
    out = ["| loop | tile | multiply-adds | instructions | loads for each | computed | stack | " +
           " | ".join(f"{core}, of peak" for core in CORES) + " |", "|" + "---|" * (7 + len(CORES))]
    for title, m, v, loop, expected, shares in rows:
        out.append(f"| {title} | {m} x {v} | {loop.multiply_adds} | {len(loop.body)} | {loop.loads / loop.multiply_adds:.2f} | "
                   f"{expected:.2f} | {len(loop.stack)} | " + " | ".join(f"{100 * share:.0f} %" for share in shares) + " |")
    return out


def section(rows, wrong):
    """The section of docs/benchmarks.md."""
    version = re.search(r"LLVM version (\S+)", run([tool("llvm-mca"), "--version"])).group(1)
    out = [f"Nothing was measured: no ARM64 machine was at hand. `python3 tests/bench/predict_arm64.py --write docs/benchmarks.md`, "
           f"{datetime.date.today()}:",
           f"the inner loops of the largest tiles, taken from the objects that GCC made of the kernel table `neon`, in llvm-mca {version}'s "
           "models of Neoverse N1 (two",
           "multiply-adds of four numbers a cycle) and Neoverse V1 (four). The models know latencies and units, and neither caches nor the "
           "width of the front end.",
           "Sums stay in registers where no instruction touches the stack, and every product of a number and a register is an `fmla` by lane. "
           f"Asked is {100 * ASKED:.0f} % of the peak.", ""]
    return out + table(rows) + ["", *limits(wrong)]


# What stays below what is asked, with what limits it: in the model of V1, and nothing else.
LIMITS = {
    "convolution, planes, 1 x 16": "each multiply-add has a load of its own, and V1 loads three registers a cycle: at most 16 / 17 of 75 %",
    "convolution, blocks of 3 channels, 16 x 1": "likewise",
    "matrix product, 10 x 1": "ten sums, each of which waits four cycles: at most 62.5 % of what V1 begins. These are the last one to four "
                              "columns of a result",
    "Winograd, product, 10 x 1": "likewise, of the last one to four channels",
    "convolution, blocks of 16 channels, 16 x 1": "sixteen sums would do if they took turns one by one, for which their factors are too "
                                                  "many: they do so by eights",
    "convolution, blocks of 4 channels, 16 x 1": "likewise",
}


def known(name, problem):
    return name in LIMITS and "of the peak of neoverse-v1" in problem


def limits(wrong):
    """What is wrong, with the known reasons."""
    if not wrong:
        return ["No loop is below that."]
    return ["Below that:", "", *(f"- {name}: {problem}" + (f": {LIMITS[name]}." if known(name, problem) else ".")
                                 for name, problem in wrong)]


# A loop as it should be, and what may be wrong with one: each `wrong` is a part of the problem that is reported.
SUMS = [f"v{i}" for i in range(20)]
GOOD = ["ldp q20, q21, [x1]", "ldp q22, q23, [x1, #32]", "ldp q24, q25, [x1, #64]", "ldp q26, q27, [x1, #96]"] + \
       [line for m in range(10) for line in [f"ldr q28, [x0, #{16 * m}]"] +
        [f"fmla {SUMS[2 * m + v]}.4s, v{20 + 2 * i + v}.4s, v28.s[{i}]" for i in range(4) for v in range(2)]] + \
       ["add x0, x0, #160", "add x1, x1, #128", "subs x2, x2, #4"]
PLANTED = [
    ("", GOOD),
    ("touch the stack", ["str q5, [sp, #32]"] + GOOD + ["ldr q5, [sp, #32]"]),
    ("loads a multiply-add", [f"ldr q29, [x3, #{16 * i}]" for i in range(8)] + GOOD),
    ("not by lane", ["dup v29.4s, v28.s[0]", "fmla v0.4s, v20.4s, v29.4s"] + GOOD),
    ("not fused", ["fmul v29.4s, v20.4s, v28.s[0]", "fadd v0.4s, v0.4s, v29.4s"] + GOOD),
    ("of the peak of neoverse-n1", GOOD + ["mul v29.4s, v29.4s, v20.4s"] * 8),
    ("registers of sums", [re.sub(r"fmla v1\d\b", "fmla v0", line) for line in GOOD]),
]


def self_test():
    """What is planted is found, by its name, and nothing in a loop as it should be."""
    global TILES
    TILES = TILES[:1]
    with tempfile.TemporaryDirectory() as folder:
        for number, (expected, body) in enumerate(PLANTED):
            name = "_ZN12_GLOBAL__N_113multiply_tileIfLi2ELi10EEEvl"  # multiply_tile<float, 2, 10>(long)
            source = pathlib.Path(folder) / "gemm.s"
            source.write_text(f".type {name},@function\n{name}:\n.Louter:\n.Linner:\n" + "\n".join(body) +
                              "\nb.gt .Linner\nsubs x3, x3, #1\nb.gt .Louter\nret\n")
            run([tool("llvm-mc"), "-triple=aarch64", "-filetype=obj", str(source), "-o", f"{folder}/gemm.cpp.o"])
            rows, wrong = measure(folder)
            if len(rows) != 1 or bool(wrong) != bool(expected) or expected not in " ".join(p for _, p in wrong):
                sys.exit(f"self-test {number}: planted was '{expected}', found is {wrong or 'nothing'} in {len(rows)} loops")
            if not expected and (rows[0][3].multiply_adds != 80 or rows[0][3].loads != 18 or min(rows[0][5]) < 0.95):
                sys.exit(f"self-test: 80 multiply-adds and 18 loads near the peak became {table(rows)[2]}")
            if "### " in "\n".join(section(rows, wrong)) or not any(expected in line for line in section(rows, wrong)):
                sys.exit(f"self-test: the section does not tell of '{expected}'")
    print(f"{len(PLANTED) - 1} planted faults found, none in the clean loop")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("objects", nargs="?", default=OBJECTS)
    parser.add_argument("--all", action="store_true", help="all tiles, not only the largest")
    parser.add_argument("--write", default="", help="file whose section is written anew")
    parser.add_argument("--self-test", action="store_true")
    options = parser.parse_args()
    if not all(map(tool, ("llvm-objdump", "llvm-mc", "llvm-mca"))):
        print("predict_arm64: skipped: needs llvm-objdump, llvm-mc and llvm-mca of LLVM 17 or newer (Debian: llvm-19)", file=sys.stderr)
        sys.exit(SKIPPED)
    if options.self_test:
        self_test()
        return
    rows, wrong = measure(options.objects, options.all)
    print("\n".join(table(rows) + ["", *limits(wrong)]))
    if options.write:
        replace_section(options.write, TITLE, section(rows, wrong))
    sys.exit(0 if options.all or all(known(*found) for found in wrong) else 1)


if __name__ == "__main__":
    main()
