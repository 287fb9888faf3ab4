#!/usr/bin/env python3
"""What README.md and docs/*.md say that a program prints is what it prints. A block behind the line

    <!-- output: examples/new_op.cpp -->

stands together in the output of that example, started as its test starts it; behind `<!-- output: F within 3 % -->` its
numbers with a point may differ by that, as results of trainings do between instruction sets. A .toml stands for `ebb`'s
commands with it. Blocks behind `<!-- slow output: ... -->` are compared with --slow, and they alone.

check_docs_output.py FOLDER [--slow]: FOLDER/NAME has the commands that run an example, a word a line, an empty line
between two."""

import math
import pathlib
import re
import subprocess
import sys

from check_docs_code import pages
from common import ROOT, run

BLOCK = re.compile(r"^<!-- (slow )?output: examples/(\w+)\.(?:cpp|toml)(?: within ([\d.]+) %)? -->\n```text\n(.*?)^```$", re.S | re.M)
MARK = re.compile(r"^[ \t]*<!--(?: \w+)? ?output:", re.M)
NUMBER = re.compile(r"-?\d+\.\d+(?:e[-+]?\d+)?")
NO_DATA = "dataset-fashion-mnist"  # the package that a message about missing data names


def same(wanted, got, share):
    """Whether two lines are one text, their numbers with a point within a share of each other."""
    if share == 0:
        return wanted.rstrip() == got.rstrip()
    numbers = zip(NUMBER.findall(wanted), NUMBER.findall(got))
    return " ".join(NUMBER.sub("#", wanted).split()) == " ".join(NUMBER.sub("#", got).split()) and all(
        math.isclose(float(a), float(b), rel_tol=share) for a, b in numbers)


def stands_in(block, output, share):
    wanted, lines = block.splitlines(), output.splitlines()
    return bool(wanted) and any(all(same(w, g, share) for w, g in zip(wanted, lines[i:])) and len(lines) - i >= len(wanted)
                                for i in range(len(lines)))


def outputs(folder):
    """A function from the name of an example to its output, or None where its data are missing."""
    known = {}

    def output(name):
        if name not in known:
            file = pathlib.Path(folder) / name
            if not file.is_file():
                return f"(no example {name} is built)"
            text = ""
            for command in file.read_text().strip().split("\n\n"):
                done = subprocess.run(command.split("\n"), capture_output=True, text=True)
                if done.returncode != 0 and NO_DATA in done.stderr:
                    text = None
                    break
                text += done.stdout if done.returncode == 0 else f"(status {done.returncode}) {done.stderr}"
            known[name] = text
        return known[name]
    return output


def check(root, output, slow=False):
    problems = []
    for page in pages(root):
        text = page.read_text()
        blocks = list(BLOCK.finditer(text))
        if len(blocks) != len(MARK.findall(text)):
            problems.append(f"{page.name}: a \"<!-- output: FILE -->\" without a block of text right behind it")
        for block in blocks:
            if bool(block.group(1)) != slow:
                continue
            printed = output(block.group(2))
            if printed is None:
                print(f"{page.name}: {block.group(2)} has no data here, so its output is not compared")
            elif not stands_in(block.group(4), printed, float(block.group(3) or 0) / 100):
                line = text.count("\n", 0, block.start()) + 1
                problems.append(f"{page.name}:{line}: not what {block.group(2)} prints, which is\n{printed}")
    return problems


PRINTED = "loss 0.512\nnorm 3.25 of 4 tensors\n"
GOOD = "<!-- output: examples/a.cpp -->\n```text\nnorm 3.25 of 4 tensors\n```\n"
NEAR = "<!-- output: examples/a.cpp within 2 % -->\n```text\nloss 0.51\nnorm 3.2 of 4 tensors\n```\n"
PLANTED = [{"docs/a.md": text} for text in (
    GOOD.replace("3.25", "3.26"), GOOD.replace("a.cpp", "b.cpp"), GOOD.replace("```text", "```"), NEAR.replace("3.2 ", "3.1 "),
    NEAR.replace("4 t", "5 t"), NEAR.replace("norm", "form"), GOOD.replace("norm 3.25 of 4 tensors\n", ""),
    GOOD.replace("4 tensors\n", "4 tensors\nand more\n"))]

if __name__ == "__main__":
    if "--self-test" in sys.argv[1:]:
        run(lambda root: check(root, {"a": PRINTED, "b": ""}.get), PLANTED, {"docs/a.md": GOOD + NEAR})
    found = check(ROOT, outputs(sys.argv[1]), "--slow" in sys.argv[2:])
    print(*found, f"{len(found)} problems", sep="\n")
    sys.exit(1 if found else 0)
