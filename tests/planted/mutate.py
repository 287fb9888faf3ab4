#!/usr/bin/env python3
"""Mutation testing of the core, its headers included: changes one operator, constant, comparison or statement at a time
in a copy of the tree, and asks whether the fast tests notice.

    python3 tests/planted/mutate.py --count 200 --seed 1        so many, chosen at random
    python3 tests/planted/mutate.py --count 50 optim framework/io
    python3 tests/planted/mutate.py --count 200 --skip 80       the same choice but its first 80, which were tried before

A mutant whose object files are the same as before, or that equivalents.txt explains, cannot be killed and does not count.
Prints the survivors, the score of each part, and all of it in build/spoiled/mutation.txt. Status 1 below --least."""

import argparse
import hashlib
import pathlib
import random
import re
import sys

from tree import ROOT, Tree, timed

# Part: the test programs that cover it, the nearest first.
PARTS = {
    "optim": ["optim", "golden", "determinism", "steady"],
    "framework/autograd": ["autograd", "gradients", "nn"],
    "framework/ops": ["ops", "gradients", "normalization", "losses", "convolution", "golden", "nn"],
    "framework/io": ["io", "data", "nn"],
}
EXPLAINED = pathlib.Path(__file__).with_name("equivalents.txt")

SWAPS = [
    (r"(?<=[\w)\]]) \+ (?=[\w(*])", " - "), (r"(?<=[\w)\]]) - (?=[\w(*])", " + "),
    (r"(?<=[\w)\]]) \* (?=[\w(])", " / "), (r"(?<=[\w)\]]) / (?=[\w(])", " * "),
    (r" \+= ", " -= "), (r" -= ", " += "), (r" \*= ", " /= "), (r" /= ", " *= "),
    (r" < ", " <= "), (r" <= ", " < "), (r" > ", " >= "), (r" >= ", " > "), (r" == ", " != "), (r" != ", " == "),
    (r" && ", " || "), (r" \|\| ", " && "), (r"(?<=[ (])!(?=[\w(])", ""),
    (r"\btrue\b", "false"), (r"\bfalse\b", "true"),
    (r"\bstd::min\b", "std::max"), (r"\bstd::max\b", "std::min"),
    (r"\+\+(?=\w)", "--"), (r"--(?=\w)", "++"),
]
NUMBER = re.compile(r"(?<![\w.\"'])(\d+(?:\.\d+)?(?:e-?\d+)?)(?![\w.'\"])")
# A whole statement in a line that calls or assigns: to leave it out still compiles.
STATEMENT = re.compile(r"^\s+(?=\S)(?!return\b|using\b|const\b|auto\b|static\b|constexpr\b|break\b|continue\b|case\b|throw\b|"
                       r"template\b|public:|private:|double |float |bool |int |std::\w+(<[^=]*>)? \w+[ ;({]|"
                       r"[A-Z]\w*(<[^=]*>)?[*&]* (const )?\w+[ ;({=])[^/{}]*;\s*$")


def code_spans(line):
    """The parts of a line outside of strings, characters and comments."""
    spans, begin, i = [], 0, 0
    while i < len(line):
        if line.startswith("//", i):
            break
        if line[i] in "\"'" and not (line[i] == "'" and i > 0 and line[i - 1].isdigit()):
            spans.append((begin, i))
            quote, i = line[i], i + 1
            while i < len(line) and line[i] != quote:
                i += 2 if line[i] == "\\" else 1
            begin = i + 1
        i += 1
    spans.append((begin, min(i, len(line))))
    return [(a, b) for a, b in spans if a < b]


def other_number(digits):
    if "." in digits or "e" in digits:
        return f"{float(digits) * 1.5 + (1.0 if float(digits) == 0 else 0.0)!r}"
    return str(int(digits) + 1)


def mutants_of_line(line):
    """Texts that the line may become, "" for a line left out."""
    if line.lstrip().startswith(("#", "//", "static_assert")) or "fail(" in line:
        return []
    found = []
    for begin, end in code_spans(line):
        part = line[begin:end]
        for pattern, replacement in SWAPS:
            for match in re.finditer(pattern, part):
                found.append(line[:begin + match.start()] + replacement + line[begin + match.end():])
        for match in NUMBER.finditer(part):
            found.append(line[:begin + match.start()] + other_number(match.group()) + line[begin + match.end():])
    if STATEMENT.match(line) and line.count("(") == line.count(")"):
        found.append("")
    return [text for text in dict.fromkeys(found) if text != line]


def all_mutants(parts):
    """(file, line number from 0, new line) of every mutant, in the order of the files."""
    found = []
    for part in parts:
        for path in sorted(p for p in (ROOT / part).rglob("*") if p.suffix in (".cpp", ".h")):
            for number, line in enumerate(path.read_text().split("\n")):
                found += [(str(path.relative_to(ROOT)), number, text) for text in mutants_of_line(line)]
    return found


def explanations():
    """(file, old line, new line) -> why it cannot be noticed."""
    why = {}
    for entry in EXPLAINED.read_text().split("\n\n") if EXPLAINED.exists() else []:
        lines = [line for line in entry.split("\n") if line and not line.startswith("#")]
        if len(lines) == 4:
            why[(lines[0], lines[1].removeprefix("- ").strip(), lines[2].removeprefix("+ ").strip())] = lines[3]
    return why


def digest(path):
    return hashlib.sha256(path.read_bytes()).digest()


class Trial:
    def __init__(self, tree):
        self.tree = tree
        self.limits = {}
        # Of the tree as it is. Whoever includes a header may be changed by it: tests as well, where it has templates.
        self.objects = {path: (path.stat().st_mtime_ns, digest(path)) for path in tree.build.rglob("*.o")}

    def changed(self):
        """Whether an object file has other bytes than before. Those that were not compiled again have the same."""
        for path, (time, before) in self.objects.items():
            now = path.stat().st_mtime_ns
            if now == time:
                continue
            if digest(path) != before:
                return True
            self.objects[path] = (now, before)
        return False

    def sees(self, programs):
        return self.tree.failing(programs, self.limits[tuple(programs)])

    def measure(self, programs):
        suite, seconds = timed(lambda: self.tree.failing(programs))
        if suite:
            raise SystemExit(f"{suite} fails without any mutant")
        self.limits[tuple(programs)] = 120 + 10 * seconds

    def judge(self, path, number, text, programs):
        """"killed by ...", "no code", "same code" or "SURVIVED"."""
        lines = (ROOT / path).read_text().split("\n")
        lines[number] = text
        differs = False
        self.tree.put(path, "\n".join(lines).encode())
        try:
            everything = [p for p in self.tree.programs() if p not in programs]
            for group in (programs[:1], programs[1:], everything):
                code, _ = self.tree.compile(*(f"test_{p}" for p in group))
                if code != 0:
                    return "no code"
                differs = differs or self.changed()
                if not differs and path.endswith(".cpp"):
                    return "same code"
                suite = self.sees(group) if differs else None
                if suite:
                    return f"killed by {suite}"
            return "SURVIVED" if differs else "same code"
        finally:
            self.tree.restore(path)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("parts", nargs="*", default=list(PARTS))
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--skip", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--least", type=float, default=95)
    parser.add_argument("--list", action="store_true", help="count them, and show twenty")
    arguments = parser.parse_args()
    wrong = [part for part in arguments.parts if part not in PARTS]
    if wrong:
        raise SystemExit(f"no part {wrong[0]}; there are: {', '.join(PARTS)}")
    everything = all_mutants(arguments.parts)
    chosen = random.Random(arguments.seed).sample(everything, min(arguments.count, len(everything)))[arguments.skip:]
    if arguments.list:
        for path, number, text in chosen[:20]:
            print(f"{path}:{number + 1}\n- {(ROOT / path).read_text().splitlines()[number].strip()}\n+ {text.strip()}")
        print(f"{len(everything)} mutants")
        return 0

    tree = Tree(arguments.jobs)
    tree.configure()
    code, output = tree.compile("tests")
    if code != 0:
        raise SystemExit(f"the tree as it is does not compile:\n{output[-2000:]}")
    trial = Trial(tree)
    for programs in {tuple(PARTS[part]) for part in arguments.parts}:
        others = [p for p in tree.programs() if p not in programs]
        for group in (list(programs[:1]), list(programs[1:]), others):
            trial.measure(group)
    known = explanations()
    counts = {part: {"killed": 0, "survived": 0, "equivalent": 0, "no code": 0} for part in arguments.parts}
    with open(tree.root / "mutation.txt", "w", encoding="utf-8") as log:
        for path, number, text in chosen:
            part = next(part for part in arguments.parts if path.startswith(part + "/"))
            old = (ROOT / path).read_text().split("\n")[number].strip()
            verdict = ("equivalent" if (path, old, text.strip()) in known
                       else trial.judge(path, number, text, PARTS[part]))
            kind = "survived" if verdict == "SURVIVED" else "equivalent" if verdict == "same code" else verdict
            counts[part]["killed" if kind.startswith("killed") else kind] += 1
            line = f"{verdict}: {path}:{number + 1}\n- {old}\n+ {text.strip()}"
            print(line if kind == "survived" else ".", end="\n" if kind == "survived" else "", flush=True)
            log.write(line + "\n\n")
            log.flush()
    print(f"\n{'part':22} {'mutants':>8} {'killed':>8} {'survived':>9} {'equivalent':>11} {'score':>7}")
    killed = killable = 0
    for part, c in counts.items():
        here = c["killed"] + c["survived"]
        killed, killable = killed + c["killed"], killable + here
        print(f"{part:22} {here + c['equivalent']:8} {c['killed']:8} {c['survived']:9} {c['equivalent']:11} "
              f"{100 * c['killed'] / max(1, here):6.1f} %")
    score = 100 * killed / max(1, killable)
    print(f"{killed} of {killable} killable mutants killed: {score:.1f} %, of {len(everything)} possible (seed "
          f"{arguments.seed})")
    return 0 if score >= arguments.least else 1


if __name__ == "__main__":
    sys.exit(main())
