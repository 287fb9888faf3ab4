#!/usr/bin/env python3
"""No test vanishes: every test program lists at least as many cases as tests/floor.txt says.

    check_floor.py SUITES_FOLDER            compares what the build found (NAME.cases) with the floor
    check_floor.py SUITES_FOLDER --raise    writes the present counts into tests/floor.txt
    check_floor.py --self-test
"""

import pathlib
import sys
import tempfile

FLOOR = pathlib.Path(__file__).resolve().parents[1] / "floor.txt"
HEADER = ("# Test program and the least number of its cases; raised by:\n"
          "# python3 tests/lint/check_floor.py build/release/tests/suites --raise\n")


def read_floor(file):
    rows = [line.split() for line in file.read_text().splitlines() if line.strip() and not line.startswith("#")]
    return {name: int(least) for name, least in rows}


def counted(folder):
    """Cases of each program of this configuration; None for one that was not built."""
    found = {}
    for program in sorted(folder.glob("*.include.cmake")):
        name = program.name.removesuffix(".include.cmake")
        cases = folder / f"{name}.cases"
        found[name] = int(cases.read_text()) if cases.exists() else None
    return found


def check(floor, found):
    problems = []
    for name, least in floor.items():
        if name not in found:
            problems.append(f"{name}: in tests/floor.txt, but no such test program is configured")
        elif found[name] is None:
            problems.append(f"{name}: not built")
        elif found[name] < least:
            problems.append(f"{name}: {found[name]} cases, at least {least} must be there")
    problems += [f"{name}: not in tests/floor.txt; add the line \"{name} {cases}\""
                 for name, cases in found.items() if name not in floor]
    return problems


def self_test():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for program in ("tensor", "ops", "unbuilt"):
            (folder / f"{program}.include.cmake").touch()
        (folder / "tensor.cases").write_text("12\n")
        (folder / "ops.cases").write_text("3\n")
        (folder / "floor.txt").write_text("# comment\ntensor 12\nops 4\ngone 1\nunbuilt 5\n")
        problems = check(read_floor(folder / "floor.txt"), counted(folder))
        assert len(problems) == 3 and "ops: 3 cases" in problems[0], problems
        assert check({"tensor": 1}, {"tensor": 1, "new": 2}) and not check({"tensor": 1}, {"tensor": 2})
    print("4 planted violations found, none in the clean list")


if __name__ == "__main__":
    if sys.argv[1:] == ["--self-test"]:
        self_test()
        sys.exit(0)
    counts = counted(pathlib.Path(sys.argv[1]))
    if "--raise" in sys.argv:
        missing = [name for name, cases in counts.items() if cases is None]
        if missing or not counts:
            sys.exit(f"not built: {' '.join(missing) or 'anything'}")
        FLOOR.write_text(HEADER + "".join(f"{name} {cases}\n" for name, cases in sorted(counts.items())))
        sys.exit(0)
    found = check(read_floor(FLOOR), counts)
    print(*found, f"{sum(c or 0 for c in counts.values())} cases, {len(found)} problems", sep="\n")
    sys.exit(1 if found else 0)
