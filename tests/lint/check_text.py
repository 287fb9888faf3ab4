#!/usr/bin/env python3
"""Nothing in the tree depends on one machine, reads unfinished, or keeps an xtensor expression in `auto`."""

import re

from common import CODE_FOLDERS, code_files, run, without_comments

TEXT_SUFFIXES = (".h", ".cpp", ".py", ".sh", ".cmake", ".txt", ".md", ".json", ".in", ".toml")
TOP_FILES = ("CMakeLists.txt", "CMakePresets.json", "README.md", ".ci/run", "docs/Doxyfile")
HERE = "tests/lint/check_text.py"

# Pattern and what is wrong with it.
UNWANTED = [
    (r"/(?:home|Users)/\w|/(?:root)/|(?<![\w.>}\"'$)])/(?:tmp)/\w", "a path of one machine"),
    (r"\bTODO\b|\bFIXME\b|\bXXX\b|\bHACK\b|\bWIP\b|\btbd\b|\bTBD\b", "reads unfinished"),
    (r"(?i)\bnot (yet )?implemented\b|\bunimplemented\b|\bto be (done|added|implemented)\b|\bcoming soon\b",
     "reads unfinished"),
    (r"(?i)\bfor now\b|\bno longer\b|\bused to be\b|\bas of (now|today)\b|\bin the meantime\b|\bquick fix\b",
     "tells the history of the code; say what it does"),
]
UNWANTED_IN_BUILD = [
    (r"-march=native|-ffast-math", "compiles for one machine, or changes what exp and tanh return"),
    (r"XTENSOR_USE_TBB|XTENSOR_USE_OPENMP|XTENSOR_ALLOC_TRACKING", "a switch of xtensor that must stay off"),
]
ALLOWED = {
    "framework/cmake/EbbTargets.cmake": "-march=native",  # the option EBB_NATIVE
}

# xsimd 8.1 compares registers for inequality by an ordered comparison on AVX and AVX-512: NaN != NaN is false there.
UNWANTED_IN_KERNELS = [(r"\b(\w+) != \1\b", "misses NaN on AVX: write xsimd::isnan(x)")]

# What the formatter makes of a template argument that it takes for a comparison or a product.
UNWANTED_IN_CODE = [(r"\b\w+ < T(?: >|,$)|\w>\)\*\w", "the formatter cut a template argument: give it a name before")]

# xtensor expressions keep references to temporaries: only containers and plain views may be called auto.
AUTO = re.compile(r"\bauto\s*(?:&&|&|\*)?\s*\w+\s*=\s*([^;]*)")
EXPRESSION = re.compile(r"\bxt::(?!(?:adapt|eval|xarray|xtensor|no_ownership|all|range|newaxis)\b)\w+\s*[<(]")
VIEW_THEN_OPERATOR = re.compile(r"\bxview<\w+>\([^()]*\)\s*[-+*/]|[-+*/]\s*(?:ebb::)?(?:mutable_)?xview<")
REDUCED_AT_ONCE = re.compile(r"xt::eval\(|\)\s*\(\s*\)\s*$|immediate")


def auto_problems(path, text):
    for match in AUTO.finditer(without_comments(text)):
        value = match.group(1)
        if (EXPRESSION.search(value) or VIEW_THEN_OPERATOR.search(value)) and not REDUCED_AT_ONCE.search(value):
            line = text.count("\n", 0, match.start()) + 1
            yield f"{path}:{line}: auto holds an xtensor expression; write its container: xt::xarray<T> x = ..."


def check(root):
    files = code_files(root, (*CODE_FOLDERS, "docs"), TEXT_SUFFIXES)
    files += [root / name for name in TOP_FILES if (root / name).is_file()]
    problems = []
    for file in files:
        path = str(file.relative_to(root))
        if path == HERE:
            continue
        text = file.read_text(errors="replace")
        build = file.suffix in (".cmake", ".json", ".h", ".cpp") or file.name == "CMakeLists.txt"
        rules = UNWANTED + (UNWANTED_IN_BUILD if build else [])
        rules += UNWANTED_IN_CODE if file.suffix in (".h", ".cpp") else []
        rules += UNWANTED_IN_KERNELS if path.startswith("framework/kernels/") else []
        for number, line in enumerate(text.split("\n"), 1):
            for pattern, reason in rules:
                match = re.search(pattern, line)
                if match and match.group(0) != ALLOWED.get(path):
                    problems.append(f"{path}:{number}: \"{match.group(0)}\": {reason}")
        if file.suffix in (".h", ".cpp"):
            problems += auto_problems(path, text)
    return problems


CLEAN = {
    "optim/a.cpp": "xt::xarray<float> y = xt::exp(x);\nauto view = xview<float>(t);\nauto z = xt::eval(a + b);\n"
                   "auto s = xt::sum(a)();\n// auto y = xt::exp(x);\nauto p = xt::adapt(q, n, xt::no_ownership());\n",
    "docs/a.md": "Files go to build/a and \"$tmp/x\".\n",
}
PLANTED = [
    {"optim/a.cpp": "auto y = xt::exp(x);\n"},
    {"optim/a.cpp": "const auto& y =\n    xt::sum(x, {0});\n"},
    {"framework/kernels/a.cpp": "bad = xsimd::any(x != x);\n"},
    {"optim/a.cpp": "for (; i + lanes < T >> last; ++i) {}\n"},
    {"optim/a.h": "concept Built = std::constructible_from < T,\n"},
    {"optim/a.cpp": "return (width / lanes<T>)*channels;\n"},
    {"optim/a.cpp": "auto y = xview<float>(a) * 2;\n"},
    {"optim/a.cpp": "// T" + "ODO: more\n"},
    {"docs/a.md": "See /ho" + "me/me/notes.\n"},
    {"tests/a.sh": "ls /tm" + "p/build\n"},
    {"README.md": "Pooling is not imple" + "mented.\n"},
    {"framework/CMakeLists.txt": "add_compile_options(-ffast-" + "math)\n"},
]

if __name__ == "__main__":
    run(check, PLANTED, CLEAN)
