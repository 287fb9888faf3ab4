#!/usr/bin/env python3
"""Every public declaration is documented: doxygen on docs/Doxyfile, where a warning is an error."""

import re
import shutil
import subprocess
import sys
import tempfile

from common import PARTS, ROOT, code_files, private_headers, run

# Doxygen 1.9.8 takes a member "Module* module = nullptr;" for a C++20 module's declaration.
DEFECTS = r"Found documentation for module \w+ but it has no primary interface unit"


def check(root):
    if not shutil.which("doxygen"):
        sys.exit("doxygen is missing: sh tests/packages.sh test")
    settings = (ROOT / "docs/Doxyfile").read_text()
    # Kernels are private to the library as a whole: their headers speak to their writers.
    excluded = " ".join(["framework/kernels", *sorted(private_headers(root))])
    inputs = " ".join(p for p in ("docs/reference", *PARTS) if (root / p).is_dir())
    with tempfile.TemporaryDirectory() as folder:
        if not (root / "docs/reference").is_dir():
            settings += "\nFILTER_PATTERNS =\n"  # a tree of the self-test
        settings += f"\nEXCLUDE = {excluded}\nINPUT = {inputs}\nOUTPUT_DIRECTORY = {folder}\n"
        settings += "GENERATE_HTML = NO\nGENERATE_XML = YES\nXML_PROGRAMLISTING = NO\n"
        done = subprocess.run(["doxygen", "-"], input=settings, text=True, capture_output=True, cwd=root)
    front = root / "docs/reference/front.dox"
    if front.is_file():
        groups = set(re.findall(r"\\defgroup (\w+)", front.read_text()))
        folders = {"_".join(file.parent.relative_to(root).parts) for file in code_files(root, PARTS, (".h",))
                   if str(file.relative_to(root)) not in private_headers(root)
                   and not str(file.relative_to(root)).startswith("framework/kernels/")}
        wrong = [f"docs/reference/front.dox: no group {name}" for name in sorted(folders - groups)]
        wrong += [f"docs/reference/front.dox: the group {name} has no public header" for name in sorted(groups - folders)]
        if wrong:
            return wrong
    found = dict.fromkeys(re.findall(r"^.*(?:error|warning): .*$", done.stderr, re.M))
    if not found and done.returncode != 0:
        return [f"doxygen ended with {done.returncode}: {done.stderr}"]
    return [line for line in found if not re.search(DEFECTS, line)]


GOOD = {"optim/a.h": "#pragma once\n/// \\file\n/// A.\nnamespace ebb {\n/// Adds.\nint add(int a, int b);\n"
                     "/// A part.\nstruct Part {\n  Part* module = nullptr;  ///< Above it.\n};\n"
                     "namespace detail {\nint hidden();\n}\n}\n"}
PLANTED = [
    {"optim/a.h": GOOD["optim/a.h"].replace("/// Adds.\n", "")},
    {"optim/a.h": GOOD["optim/a.h"].replace("/// Adds.", "/// Adds.\n/// \\param c no such parameter")},
    {**GOOD, "docs/reference/front.dox": "/** \\defgroup data Data */\n"},
    {"optim/a.h": GOOD["optim/a.h"].replace("int add", "struct S {\n  int member = 0;\n};\n/// Adds.\nint add")},
]

if __name__ == "__main__":
    run(check, PLANTED, GOOD)
