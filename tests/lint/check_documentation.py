#!/usr/bin/env python3
"""Every public declaration is documented: doxygen on docs/Doxyfile, where a warning is an error."""

import re
import shutil
import subprocess
import sys
import tempfile

from common import PARTS, ROOT, private_headers, run


def check(root):
    if not shutil.which("doxygen"):
        sys.exit("doxygen is missing: sh tests/packages.sh test")
    settings = (ROOT / "docs/Doxyfile").read_text()
    # Kernels are private to the library as a whole: their headers speak to their writers.
    excluded = " ".join(["framework/kernels", *sorted(private_headers(root))])
    inputs = " ".join(p for p in PARTS if (root / p).is_dir())
    with tempfile.TemporaryDirectory() as folder:
        settings += f"\nEXCLUDE = {excluded}\nINPUT = {inputs}\nOUTPUT_DIRECTORY = {folder}\n"
        settings += "GENERATE_HTML = NO\nGENERATE_XML = YES\nXML_PROGRAMLISTING = NO\n"
        done = subprocess.run(["doxygen", "-"], input=settings, text=True, capture_output=True, cwd=root)
    found = dict.fromkeys(re.findall(r"^.*(?:error|warning): .*$", done.stderr, re.M))
    return list(found) or ([] if done.returncode == 0 else [f"doxygen ended with {done.returncode}: {done.stderr}"])


GOOD = {"optim/a.h": "#pragma once\n/// \\file\n/// A.\nnamespace ebb {\n/// Adds.\nint add(int a, int b);\n"
                     "namespace detail {\nint hidden();\n}\n}\n"}
PLANTED = [
    {"optim/a.h": GOOD["optim/a.h"].replace("/// Adds.\n", "")},
    {"optim/a.h": GOOD["optim/a.h"].replace("/// Adds.", "/// Adds.\n/// \\param c no such parameter")},
    {"optim/a.h": GOOD["optim/a.h"].replace("int add", "struct S {\n  int member = 0;\n};\n/// Adds.\nint add")},
]

if __name__ == "__main__":
    run(check, PLANTED, GOOD)
