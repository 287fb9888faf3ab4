#!/usr/bin/env python3
"""What pages and CMake's comments name is there: files in backticks that have a folder and an ending, and targets of
links. docs/figures/kernels.py has drawn what stands beside it."""

import re
import subprocess
import sys

from common import run

FILE = re.compile(r"`((?:[\w.-]+/)+[\w.-]+\.(?:h|cpp|py|sh|cmake|toml|txt|md|svg|json))`")
LINK = re.compile(r"\]\(([^)#\s:]+)(?:#[^)\s]*)?\)")
# What readers write or builds make, and placeholders of names.
MADE = re.compile(r"^(?:build|runs|RUNS|DIR|FOLDER)/|NAME|[*<>]|^lab/studies/tracer\.cpp$")
TOPS = ("framework", "optim", "data", "models", "lab", "tests", "examples", "docs", ".ci")


def files(root):
    """All paths of the tree from its root, and all that end them: kernels/tile.h as well as framework/kernels/tile.h."""
    found = set()
    for top in TOPS:
        for path in (root / top).rglob("*"):
            parts = path.relative_to(root).parts
            if path.is_file() and "build" not in parts:
                found.update("/".join(parts[i:]) for i in range(len(parts)))
    return found


def check(root):
    there, problems = files(root), []
    for page in [p for p in [root / "README.md", *sorted((root / "docs").rglob("*.md"))] if p.is_file()]:
        for number, line in enumerate(page.read_text().splitlines(), 1):
            at = f"{page.relative_to(root)}:{number}"
            problems += [f"{at}: there is no file {name}" for name in FILE.findall(line)
                         if name not in there and not MADE.search(name)]
            problems += [f"{at}: the link leads to {target}, which is not there" for target in LINK.findall(line)
                         if not (page.parent / target).exists()]
    drawer = root / "docs/figures/kernels.py"
    if drawer.is_file():
        done = subprocess.run([sys.executable, "-B", str(drawer), "--check"], capture_output=True, text=True)
        problems += done.stdout.splitlines()
    return problems


CLEAN = {
    "README.md": "See [design](docs/design.md#kernels), [the web](https://example.org/a.html) and `optim/decay.h`.\n",
    "docs/design.md": "![a](figures/a.svg) of `kernels/NAME.h` and `build/a.json`\n",
    "docs/figures/a.svg": "<svg/>", "optim/decay.h": "",
}
PLANTED = [
    {**CLEAN, "README.md": "[design](docs/plan.md)\n"},
    {**CLEAN, "README.md": "`optim/kinds.h`\n"},
    {**CLEAN, "docs/design.md": "![a](figures/b.svg)\n"},
    {**CLEAN, "docs/figures/kernels.py": "import sys\nprint('stale')\nsys.exit(1)\n"},
]

if __name__ == "__main__":
    run(check, PLANTED, CLEAN)
