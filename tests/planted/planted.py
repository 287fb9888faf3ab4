#!/usr/bin/env python3
"""Plants the faults of faults.txt one by one into a copy of the tree, and runs the fast tests there: which test sees it?

    python3 tests/planted/planted.py                 all of them
    python3 tests/planted/planted.py NAME...         these
    python3 tests/planted/planted.py --check         only whether each still fits the tree
    python3 tests/planted/planted.py --list FILE     those of another list of this folder

Status 1 when one is not caught, does not compile or does not fit."""

import argparse
import pathlib
import re
import sys

from tree import ROOT, Tree, timed

LIST = pathlib.Path(__file__).with_name("faults.txt")


class Fault:
    def __init__(self, head):
        self.name, *self.programs = head.split()
        self.sentence = ""
        self.edits = []  # (file, old, new)


def parse(text):
    faults, field = [], None
    for line in text.splitlines():
        if line.startswith("== "):
            faults.append(Fault(line[3:]))
            field = "sentence"
        elif not faults or (not line and field != "old"):
            field = None if field == "new" else field
        elif line.startswith("in "):
            faults[-1].edits.append([line[3:], "", ""])
            field = None
        elif line.startswith("< "):
            faults[-1].edits[-1][1], field = line[2:], "old"
        elif line.startswith(">"):
            faults[-1].edits[-1][2], field = line[2:], "new"
        elif field == "sentence":
            faults[-1].sentence = line
        elif field in ("old", "new"):
            faults[-1].edits[-1][1 if field == "old" else 2] += "\n" + line
        else:
            raise SystemExit(f"{LIST.name}: a line that belongs nowhere: {line}")
    return faults


def spoiled(fault, read):
    """File -> contents with the fault in it."""
    files = {}
    for path, old, new in fault.edits:
        text = files.get(path) or read(path)
        if text.count(old) != 1:
            raise ValueError(f"{fault.name}: {path} has the text {text.count(old)} times, not once: {old}")
        files[path] = text.replace(old, new)
    return files


def problems_of(faults, read):
    found = []
    for fault in faults:
        if not fault.sentence or not fault.edits or not fault.programs:
            found.append(f"{fault.name}: a sentence, a program and an edit are wanted")
        try:
            spoiled(fault, read)
        except (ValueError, OSError) as error:
            found.append(str(error))
    names = [fault.name for fault in faults]
    return found + [f"{name} stands twice" for name in set(names) if names.count(name) > 1]


class Suites:
    """Runs suites of a tree that passes them as it is: asked once, before the first fault that needs them."""

    def __init__(self, tree):
        self.tree = tree
        self.sound = set()

    def everything_but(self, programs):
        return [p for p in self.tree.programs() if p not in programs]

    def compile(self, programs):
        return self.tree.compile(*(f"test_{p}" for p in programs))

    def require_sound(self, programs, study=""):
        if (tuple(programs), study) in self.sound:
            return
        code, output = self.compile(programs)
        if code != 0:
            raise SystemExit(f"the tree as it is does not compile:\n{output[-2000:]}")
        suite = self.tree.failing(programs, study=study)
        if suite:
            raise SystemExit(f"{suite} fails without any fault")
        self.sound.add((tuple(programs), study))


def study_of(fault):
    """The study that a fault is in, when it is in nothing else."""
    found = {match[1] if (match := re.fullmatch(r"lab/studies/(\w+)\.cpp", path)) else "" for path, _, _ in fault.edits}
    return found.pop() if len(found) == 1 and fault.programs == ["study"] else ""


def caught_by(suites, fault):
    """The suite that sees the fault; nothing when none does."""
    tree, study = suites.tree, study_of(fault)
    tries = [(fault.programs, study)] if study else []
    tries += [(fault.programs, ""), (suites.everything_but(fault.programs), "")]
    for programs, of in tries:
        suites.require_sound(programs, of)
        files = spoiled(fault, lambda path: (ROOT / path).read_text())
        for path, text in files.items():
            tree.put(path, text.encode())
        try:
            code, output = suites.compile(programs)
            if code != 0:
                errors = re.findall(r"error: .*|undefined reference.*", output)
                raise ValueError(f"{fault.name} does not compile: {errors[:3] or output[-500:]}")
            suite = tree.failing(programs, study=of)
            if suite:
                return suite
        finally:
            for path in files:
                tree.restore(path)
    return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--list", default=LIST.name)
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    faults = parse((LIST.parent / arguments.list).read_text())
    problems = problems_of(faults, lambda path: (ROOT / path).read_text())
    if arguments.check or problems:
        print(*problems, f"{len(problems)} problems in {len(faults)} planted faults", sep="\n")
        return 1 if problems else 0
    unknown = set(arguments.names) - {fault.name for fault in faults}
    if unknown:
        raise SystemExit(f"no such fault: {', '.join(sorted(unknown))}")
    chosen = [fault for fault in faults if not arguments.names or fault.name in arguments.names]

    tree = Tree(arguments.jobs)
    tree.configure()
    suites = Suites(tree)
    caught, slowest = 0, ("", 0.0)
    print(f"{'fault':32} {'seconds':>8}  caught by", flush=True)
    for fault in chosen:
        try:
            suite, seconds = timed(lambda: caught_by(suites, fault))
        except ValueError as error:
            print(error, flush=True)
            continue
        caught += suite is not None
        slowest = max(slowest, (fault.name, seconds), key=lambda entry: entry[1])
        print(f"{fault.name:32} {seconds:8.0f}  {suite or 'NOTHING: ' + fault.sentence}", flush=True)
    print(f"{caught} of {len(chosen)} faults caught; slowest: {slowest[0]}, {slowest[1]:.0f} s")
    return 0 if caught == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main())
