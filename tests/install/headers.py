#!/usr/bin/env python3
"""Public headers, as a user's program meets them: each compiles alone, without a warning, and all together compile in
under 3 s.

    headers.py COMPILER
"""

import os
import pathlib
import resource
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/lint"))
from common import public_headers  # noqa: E402

FLAGS = ["-std=c++20", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror", f"-I{ROOT}"]
GOAL = 3.0    # seconds of processor time
BOUND = 6.0   # what the test allows on a slower machine


def compile_text(compiler, text, folder, *options):
    """Processor seconds of compiling the text, and the compiler's messages."""
    source = pathlib.Path(folder) / "user.cpp"
    source.write_text(text)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([compiler, *FLAGS, *options, str(source)], capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, done.stderr if done.returncode else ""


def main(compiler):
    names = [str(p.relative_to(ROOT)) for p in public_headers(ROOT)]
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            _, messages = compile_text(compiler, f'#include "{name}"\n', folder, "-fsyntax-only")
            if messages:
                failed += 1
                print(f"{name} does not compile alone:\n{messages}")
        together = "".join(f'#include "{n}"\n' for n in names if not n.endswith("/xview.h")) + "int main() {}\n"
        seconds, messages = compile_text(compiler, together, folder, "-O2", "-c", "-o", os.devnull)
        failed += bool(messages)
        print(messages, end="")
        print(f"{len(names)} headers; all together (but xview.h) compile in {seconds:.2f} s of processor time; "
              f"goal {GOAL} s, bound {BOUND} s")
        failed += seconds > BOUND
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main(sys.argv[1])
