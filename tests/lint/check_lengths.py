#!/usr/bin/env python3
"""Files stay small: a header up to 170 lines, a source or a header of the tests up to 440, a Python or shell script up
to 300; lines of code up to 120 columns, tables set by hand (clang-format off) excepted. What is longer for a reason stands in
long_files.txt: path, most lines, reason."""

from common import code_files, run

LIMITS = {".h": 170, ".cpp": 440, ".py": 300, ".sh": 300, ".cmake": 300}
EXCEPTIONS = "tests/lint/long_files.txt"


def exceptions(root):
    file = root / EXCEPTIONS
    rows = [line.split(None, 2) for line in file.read_text().splitlines()] if file.exists() else []
    return {row[0]: int(row[1]) for row in rows if row and not row[0].startswith("#")}


def check(root):
    problems = []
    longer = exceptions(root)
    for path in longer:
        if not (root / path).is_file():
            problems.append(f"{EXCEPTIONS}: {path} is no file")
    for file in code_files(root, suffixes=tuple(LIMITS)):
        path = str(file.relative_to(root))
        lines = file.read_text().splitlines()
        kind = ".cpp" if path.startswith("tests/") and file.suffix == ".h" else file.suffix
        most = longer.get(path, LIMITS[kind])
        if len(lines) > most:
            problems.append(f"{path}: {len(lines)} lines, at most {most}; split it by concept")
        if file.suffix in (".h", ".cpp"):
            table = False  # between "clang-format off" and "on": set by hand, as wide as it reads best
            for number, line in enumerate(lines, 1):
                table = "clang-format off" in line or (table and "clang-format on" not in line)
                if len(line) > 120 and not table:
                    problems.append(f"{path}:{number}: {len(line)} columns, at most 120")
    return problems


if __name__ == "__main__":
    run(check, [{"optim/a.h": "\n" * 171}, {"optim/a.cpp": "\n" * 441}, {"tests/a.cpp": "x" * 121},
                {"tests/a.cpp": "// clang-format off\n// clang-format on\n" + "x" * 121},
                {"optim/a.h": "\n" * 201, EXCEPTIONS: "optim/a.h 200 a table\n"}, {EXCEPTIONS: "gone.h 200 a table\n"}],
        {"optim/a.h": "\n" * 170, "optim/a.cpp": "// clang-format off\n" + "x" * 121 + "\n// clang-format on\n",
         "tests/a.h": "\n" * 300, "optim/b.h": "\n" * 199, EXCEPTIONS: "# comment\noptim/b.h 200 a table\n"})
