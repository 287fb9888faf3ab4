#!/usr/bin/env python3
"""Every public op has a row in the gradient table: each function and operator of framework/ops/*.h that returns a Var
must be named by a `row("name")` in tests/framework/ops/gradient_rows_*.cpp, and each row must name such a function."""

import re

from common import private_headers, run, without_comments

DECLARATION = re.compile(r"^(?:inline\s+)?(?:ebb::)?Var\s+(operator\s*[^\s(]+|\w+)\s*\(", re.M)
ROW = re.compile(r"\brow\(\s*\"([^\"]+)\"")


def public_ops(root):
    """Name of each op and the header that declares it."""
    private = private_headers(root)
    ops = {}
    for header in sorted((root / "framework/ops").glob("*.h")):
        path = str(header.relative_to(root))
        if path not in private:
            for name in DECLARATION.findall(without_comments(header.read_text())):
                ops.setdefault(re.sub(r"\s+", "", name), path)
    return ops


def rows(root):
    """Name of each row and the source that has it."""
    found = {}
    for source in sorted((root / "tests/framework/ops").glob("gradient_rows_*.cpp")):
        # Comments hold no rows; string literals hold the names.
        for name in ROW.findall(re.sub(r"//[^\n]*", "", source.read_text())):
            found.setdefault(name, str(source.relative_to(root)))
    return found


def check(root):
    ops, table = public_ops(root), rows(root)
    problems = [f"{path}: {name} has no row in the gradient table" for name, path in ops.items() if name not in table]
    problems += [f"{path}: the row {name} names no op of framework/ops" for name, path in table.items()
                 if name not in ops]
    if not ops:
        problems.append("framework/ops: no op found; does the pattern of this lint still fit?")
    return problems


HEADER = "/// y\nVar relu(const Var& x);  ///< Var none(\ninline Var operator+(const Var& a, const Var& b) {}\n"
TABLE = 'table.row("relu");\nRow& plus = table.row(\n    "operator+");\n'
SOURCE = "tests/framework/ops/gradient_rows_a.cpp"
CLEAN = {"framework/ops/a.h": HEADER, SOURCE: TABLE}

if __name__ == "__main__":
    run(check, [{**CLEAN, SOURCE: 'table.row("relu");\n'},
                {**CLEAN, SOURCE: 'table.row("relu");\n// table.row("operator+");\n'},
                {**CLEAN, "framework/ops/b.h": "Var exp(const Var& x);\n"},
                {**CLEAN, SOURCE: TABLE + 'table.row("gone");\n'},
                {SOURCE: TABLE}], CLEAN)
