#!/usr/bin/env python3
"""Every .h and .cpp is as clang-format 14 writes it; other versions write otherwise, so without that one the lint is
skipped. To repair: clang-format-14 -i FILE"""

import re
import shutil
import subprocess
import sys

from common import ROOT, SKIPPED, code_files, run


def formatter():
    for name in ("clang-format-14", "clang-format"):
        if shutil.which(name) and " 14." in subprocess.run([name, "--version"], capture_output=True, text=True).stdout:
            return name
    print("clang-format 14 is missing, so formatting is not checked; where the system has it: "
          "sh tests/packages.sh test")
    sys.exit(SKIPPED)


def check(root):
    files = [str(p) for p in code_files(root)]
    if not files:
        return []
    style = f"--style=file:{ROOT}/.clang-format"
    done = subprocess.run([formatter(), style, "--dry-run", *files], capture_output=True, text=True)
    wrong = re.findall(r"^(.*?):(\d+):\d+: (?:warning|error)", done.stderr, re.M)
    first = {}
    for path, line in wrong:
        first.setdefault(path, line)
    problems = [f"{path}:{line}: not formatted; repair with clang-format -i" for path, line in first.items()]
    if done.returncode != 0 and not problems:
        problems.append(done.stderr)
    return problems


if __name__ == "__main__":
    run(check, [{"optim/a.cpp": "int  f( ) {return 1;}\n"}, {"data/a.h": "#pragma once\nint* a;\nint *b;\n"}],
        {"optim/a.cpp": "int f() { return 1; }\n"})
