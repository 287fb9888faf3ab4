#!/usr/bin/env python3
"""Who may include whom: the table of docs/design.md, and no third-party type in a public header."""

import re

from common import code_files, private_headers, public_headers, run, without_comments

KERNEL_TABLE = "framework/kernels"
LIBRARIES = ["framework", "optim", "data", "models"]
ROOMS = ["audit", "diagnose", "format", "recipe", "reports", "runs", "setup", "training"]
FOUNDATION = ["framework/tensor", "framework/compute", "framework/parallel", KERNEL_TABLE]

# Part: the parts and files of the project it may include, beside itself. The longest matching part counts.
MAY_INCLUDE = {
    "framework/kernels": [],
    "framework/tensor": [],
    "framework/parallel": ["framework/tensor/error.h", "framework/tensor/text.h", "framework/tensor/placement.h"],
    "framework/compute": ["framework/tensor", "framework/parallel", KERNEL_TABLE],
    "framework/autograd": ["framework/compute", "framework/tensor"],
    "framework/ops": ["framework/autograd", *FOUNDATION],
    "framework/nn": ["framework/ops", "framework/autograd", "framework/io", "framework/compute", "framework/tensor"],
    "framework/io": ["framework/tensor"],
    "models": ["framework/nn", "framework/ops", "framework/autograd", "framework/tensor"],
    "optim": ["framework/autograd/parameter.h", "framework/nn/module.h", *FOUNDATION],
    "data": ["framework/compute", "framework/io", "framework/parallel", "framework/tensor"],
    "lab/audit": [*LIBRARIES, "lab/format"],
    "lab/diagnose": [*LIBRARIES, "lab/audit", "lab/format", "lab/training"],
    "lab/export": [*LIBRARIES, "lab/diagnose", "lab/format", "lab/runs", "lab/training"],
    "lab/format": LIBRARIES,
    "lab/study": [*LIBRARIES, *(f"lab/{room}" for room in ROOMS)],
    "lab/studies": [*LIBRARIES, *(f"lab/{room}" for room in ROOMS), "lab/study"],
    "lab/recipe": LIBRARIES,
    "lab/training": [*LIBRARIES, "lab/format"],
    "lab/setup": [*LIBRARIES, "lab/audit", "lab/diagnose", "lab/export/onnx_op.h", "lab/format", "lab/recipe", "lab/runs/version.h",
                  "lab/training"],
    "lab/runs": [*LIBRARIES, "lab/diagnose", "lab/format", "lab/recipe", "lab/training"],
    "lab/use": [*LIBRARIES, "lab/format", "lab/recipe", "lab/runs", "lab/setup", "lab/training"],
    "lab/reports": [*LIBRARIES, "lab/audit", "lab/diagnose", "lab/format", "lab/recipe", "lab/runs", "lab/training"],
    "lab/program": [*LIBRARIES, *(f"lab/{room}" for room in ROOMS), "lab/study", "lab/studies/studies.h",
                    "lab/export", "lab/use"],
    "tests": ["framework", "optim", "data", "models", "lab"],
    "examples": [],
}

# Third-party library: how its includes begin, and the files or parts that may have them.
THIRD_PARTY = {
    "MPI": (r"mpi\.h", ["framework/parallel/mpi_module.cpp"]),
    "oneTBB": (r"(tbb|oneapi/tbb)/", ["framework/parallel/"]),
    "oneDNN": (r"oneapi/dnnl/", ["tests/bench/"]),
    "xsimd": (r"xsimd/", ["framework/kernels/simd.h"]),
    "intrinsics": (r"\w*intrin\.h|cpuid\.h", ["framework/kernels/simd.h", "tests/bench/"]),
    "xtensor": (r"(xtensor|xtl)/", ["framework/tensor/xview.h", ".cpp", "tests/"]),
    "nlohmann-json": (r"nlohmann/", ["framework/io/", "lab/", "tests/", "examples/"]),
    "zlib": (r"zlib\.h", ["framework/io/", "data/", "lab/", "tests/"]),
    "libarchive": (r"archive(_entry)?\.h", ["data/", "tests/"]),
    "stb": (r"(stb/)?stb_\w+\.h", ["data/pictures/decode.cpp"]),
    "OpenSSL": (r"openssl/", ["framework/io/", "data/", "lab/", "tests/"]),
    "protobuf": (r"google/protobuf/|\w+\.pb\.h", ["lab/export/", "tests/lab/export/"]),
    "CLI11": (r"CLI/", ["lab/", "tests/", "examples/"]),
    "toml++": (r"toml\+\+/|toml\.hpp", ["lab/", "tests/"]),
    "Boost.Math": (r"boost/math/", ["lab/study/"]),
    "Eigen": (r"Eigen/", ["lab/study/least_squares.cpp", "lab/study/singular_values.cpp", "lab/study/valley.cpp",
                          "lab/training/curvature.cpp"]),
    "Boost.CRC": (r"boost/crc\.hpp", ["lab/export/event_record.cpp", "tests/"]),
    "Boost.Test": (r"boost/", ["tests/"]),
    "Google Benchmark": (r"benchmark/", ["tests/bench/"]),
}
THIRD_PARTY_NAMES = re.compile(r"\b(tbb|oneapi|xt|xtl|xsimd|nlohmann|CLI|toml|boost|Eigen)\s*::|\b__m\d+\w?\b")
C_HEADERS = re.compile(r"(assert|ctype|errno|fenv|float|inttypes|limits|locale|math|setjmp|signal|stdarg|stdbool|"
                       r"stddef|"
                       r"stdint|stdio|stdlib|string|time)\.h")
SYSTEM_HEADERS = re.compile(r"(sys|linux|netinet|arpa)/\w+\.h|(unistd|pty|fcntl|sched|pthread|dlfcn|poll|termios|cxxabi|"
                            r"dirent|glob|malloc|spawn|execinfo|link|elf|features|immintrin)\.h")
# Rooms of the program alone, and their headers that a program of a user's begins with: others are private, or their names
# (run(), percent()) would meet the user's own behind ebb.h.
PROGRAM_ROOMS = ["lab/format", "lab/program"]
PROGRAM_PUBLIC = {"lab/program/ebb_main.h", "lab/program/study_main.h"}
KERNEL_PRIVATE = {"framework/kernels/simd.h", "framework/kernels/table_entries.h"}


def part_of(path):
    return max((p for p in MAY_INCLUDE if path.startswith(p + "/")), key=len, default=None)


def allowed(part, target):
    return any(target == a or target.startswith(a + "/") for a in [part, *MAY_INCLUDE[part]])


def includes(text):
    for number, line in enumerate(text.split("\n"), 1):
        match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if match:
            yield number, match.group(1), match.group(2)


def project_problem(root, path, part, target):
    if target.startswith("../") or not (root / target).is_file():
        return f"{target} is no file; includes are paths from the project's root"
    if not allowed(part, target):
        return f"{part} may not include {target}"
    if target in KERNEL_PRIVATE and part not in ("framework/kernels", "tests"):
        return f"{target} is for kernel sources only"
    private = private_headers(root)
    if target in private and path.endswith(".h") and path not in private and part != "tests":
        return f"a public header may not include the private {target}"
    return None


def outside(path):
    """Whether a file is a user's program, which sees what is installed."""
    return path.startswith(("examples/", "tests/install/"))


def installed_problem(root, path, target):
    if not outside(path):
        return f"<{target}> is for users; inside the project write the path from its root in quotes"
    header = root / target.removeprefix("ebb/")
    public = target == "ebb/ebb.h" or header in public_headers(root)
    return None if public else f"<{target}> is not a public header"


def system_problem(path, part, target):
    for library, (pattern, places) in THIRD_PARTY.items():
        if re.match(pattern, target):
            fine = any(path.startswith(p) or path == p or (p[0] == "." and path.endswith(p)) for p in places)
            if fine and part == "framework/kernels" and path != "framework/kernels/simd.h":
                fine = False
            return None if fine else f"{library} ({target}) is not used here"
    if part == "framework/kernels":
        return None if C_HEADERS.fullmatch(target) else f"kernels include C headers only, not <{target}>"
    if re.fullmatch(r"\w+", target) or C_HEADERS.fullmatch(target) or SYSTEM_HEADERS.fullmatch(target):
        return None
    return f"<{target}> is not known to this lint: add it to tests/lint/check_includes.py"


def check(root):
    problems = []
    graph, parts = {}, {}  # what files and parts include
    for file in code_files(root):
        path = str(file.relative_to(root))
        part = part_of(path)
        if part is None:
            problems.append(f"{path}: no part of the project has this folder")
            continue
        for number, kind, target in includes(without_comments(file.read_text())):
            if target.startswith("ebb/"):
                problem = installed_problem(root, path, target)
            elif kind == "<":
                problem = system_problem(path, part, target)
            elif outside(path) and "/" not in target and (file.parent / target).is_file():
                problem = None  # a header of the user's own
            elif part == "examples":
                problem = f'"{target}": examples include <ebb/...>, as users do'
            else:
                problem = project_problem(root, path, part, target)
            if problem:
                problems.append(f"{path}:{number}: {problem}")
            if kind == '"':
                graph.setdefault(path, []).append(target)
                if not outside(path) and part_of(target) not in (part, None):
                    parts.setdefault(part, []).append(part_of(target))
    for header in public_headers(root):
        path = str(header.relative_to(root))
        if path == "framework/tensor/xview.h":
            continue
        if part_of(path) in PROGRAM_ROOMS and path not in PROGRAM_PUBLIC:
            problems.append(f"{path}: it serves the program alone: framework/cmake/private_headers.txt lacks it")
        text = header.read_text()
        if "#pragma once" not in text:
            problems.append(f"{path}: no #pragma once")
        for number, line in enumerate(without_comments(text).split("\n"), 1):
            if THIRD_PARTY_NAMES.search(line) or any(
                    re.match(rf"\s*#\s*include\s*[<\"]{p}", line) for p, _ in THIRD_PARTY.values()):
                problems.append(f"{path}:{number}: a third-party type in a public header: {line.strip()}")
    return problems + cycles(graph) + cycles(parts)


def cycles(graph):
    found, done = [], set()

    def visit(node, trail):
        if node in trail:
            found.append("a cycle of includes: " + " -> ".join(trail[trail.index(node):] + [node]))
        elif node not in done:
            for target in graph.get(node, []):
                visit(target, trail + [node])
            done.add(node)

    for node in sorted(graph):
        visit(node, [])
    return found


GOOD = {
    "framework/cmake/private_headers.txt": "framework/parallel/pool.h\nframework/kernels/simd.h\n",
    "framework/tensor/tensor.h": "#pragma once\n#include <vector>\n// xt::xarray is fine in a comment\n",
    "framework/tensor/error.h": "#pragma once\n",
    "framework/parallel/pool.h": "#pragma once\n",
    "framework/parallel/pool_tbb.cpp": '#include <tbb/task_arena.h>\n#include "framework/parallel/pool.h"\n',
    "framework/kernels/simd.h": "#pragma once\n#include <stdint.h>\n#include <xsimd/xsimd.hpp>\n",
    "framework/autograd/parameter.h": '#pragma once\n#include "framework/tensor/tensor.h"\n',
    "framework/autograd/tape.h": '#pragma once\n#include "framework/autograd/parameter.h"\n',
    "examples/sgd.cpp": "#include <ebb/ebb.h>\n#include <ebb/optim/sgd.h>\n",
    "optim/sgd.h": '#pragma once\n#include "framework/autograd/parameter.h"\n',
    "lab/program/ebb_main.h": "#pragma once\n",
    "tests/install/own/main.cpp": '#include "op.h"\n', "tests/install/own/op.h": "#pragma once\n",
}
PLANTED = [
    {**GOOD, "optim/adam.h": '#pragma once\n#include "framework/autograd/tape.h"\n'},
    {**GOOD, "framework/tensor/shape.h": '#pragma once\n#include "framework/autograd/tape.h"\n'},
    {**GOOD, "framework/kernels/gemm.cpp": "#include <vector>\n"},
    {**GOOD, "framework/kernels/gemm.cpp": "#include <xsimd/xsimd.hpp>\n"},
    {**GOOD, "framework/ops/matmul.cpp": "#include <tbb/parallel_for.h>\n"},
    {**GOOD, "framework/ops/matmul.cpp": '#include "framework/kernels/simd.h"\n'},
    {**GOOD, "framework/ops/matmul.h": "#pragma once\n#include <xtensor/xarray.hpp>\n"},
    {**GOOD, "framework/ops/matmul.h": "#pragma once\nxt::xarray<float> f();\n"},
    {**GOOD, "framework/parallel/loop.h": '#pragma once\n#include "framework/parallel/pool.h"\n'},
    {**GOOD, "framework/ops/matmul.h": "int no_guard();\n"},
    {**GOOD, "framework/ops/matmul.cpp": '#include "matmul.h"\n'},
    {**GOOD, "optim/adam.cpp": "#include <ebb/optim/sgd.h>\n"},
    {**GOOD, "examples/a.cpp": '#include "optim/sgd.h"\n'},
    {**GOOD, "tests/optim/a.cpp": '#include "b.h"\n', "tests/optim/b.h": "#pragma once\n"},
    {**GOOD, "examples/a.cpp": "#include <ebb/framework/parallel/pool.h>\n"},
    {**GOOD, "examples/a.cpp": "#include <ebb/optim/adam.h>\n"},
    {**GOOD, "lab/program/commands.h": "#pragma once\n"},
    {**GOOD, "lab/format/numbers.h": "#pragma once\n"},
    {**GOOD, "framework/tensor/a.h": '#pragma once\n#include "framework/tensor/b.h"\n',
     "framework/tensor/b.h": '#pragma once\n#include "framework/tensor/a.h"\n'},
]

if __name__ == "__main__":
    run(check, PLANTED, GOOD)
