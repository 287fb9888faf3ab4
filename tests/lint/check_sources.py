#!/usr/bin/env python3
"""Every source is built and every test file runs: a .cpp that no CMake file names is forgotten, and so is a shell
script that its shell cannot parse."""

import pathlib
import re
import subprocess

from common import PARTS, code_files, run


def named_in(root, folder, pattern):
    """Files that the CMake files (and scripts, which may compile a probe of their own) below the folder name."""
    names = set()
    for listing in sorted((root / folder).rglob("*")):
        if listing.name != "CMakeLists.txt" and listing.suffix not in (".cmake", ".py"):
            continue
        # Test lists are written from tests/, library lists from their own folder.
        base = root / "tests" if folder == "tests" else listing.parent
        text = re.sub(r"#.*", "", listing.read_text())
        for variable, values in (("EBB_PARALLEL", ("tbb", "threads")),):
            text = "\n".join([text] + [text.replace("${" + variable + "}", value) for value in values])
        for folder_name in re.findall(r"file\(GLOB\w*\s[^)]*?([\w./${}-]+)/\*\.cpp", text):
            globbed = pathlib.Path(folder_name.replace("${CMAKE_CURRENT_SOURCE_DIR}", str(listing.parent)))
            names.update(str(file.resolve()) for file in globbed.glob("*.cpp"))
        for name in re.findall(pattern, text):
            for start in (base, listing.parent):
                names.add(str((start / name.replace("${PROJECT_SOURCE_DIR}/", str(root) + "/")).resolve()))
    return names


def check(root):
    root = root.resolve()
    problems = []
    for folder in [*PARTS, "tests", "examples"]:
        names = named_in(root, folder, r"[\w./${}-]+\.cpp")
        stems = named_in(root, folder, r"[\w/]+")  # examples/CMakeLists.txt names programs without their suffix
        for file in code_files(root, (folder,), (".cpp",)):
            external = file.is_relative_to(root / "tests/install")  # a project of its own, built by its test
            program = folder == "examples" and str(file.with_suffix("")) in stems
            if str(file) not in names and not program and not external:
                problems.append(f"{file.relative_to(root)}: named in no CMake file of {folder}/, so never built")
    scripts = code_files(root, ("tests", "examples", "docs"), (".sh",)) + [p for p in [root / ".ci/run"] if p.exists()]
    for script in scripts:
        shell = "bash" if "bash" in script.read_text().split("\n")[0] else "sh"
        done = subprocess.run([shell, "-n", str(script)], capture_output=True, text=True)
        if done.returncode != 0:
            problems.append(f"{script.relative_to(root)}: {done.stderr.strip()}")
    return problems


GOOD = {
    "optim/CMakeLists.txt": "ebb_library(optim\n  sgd.cpp\n  pool_${EBB_PARALLEL}.cpp\n)\n",
    "optim/sgd.cpp": "", "optim/pool_tbb.cpp": "", "optim/pool_threads.cpp": "",
    "tests/optim/tests.cmake": "ebb_test(optim SOURCES optim/sgd_test.cpp)\n",
    "tests/optim/sgd_test.cpp": "",
    "lab/CMakeLists.txt": "file(GLOB studies CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/studies/*.cpp)\n",
    "lab/studies/bursts.cpp": "",
    "tests/run.sh": "#!/bin/sh\nif true; then echo; fi\n",
}
PLANTED = [
    {**GOOD, "optim/adam.cpp": ""},
    {**GOOD, "tests/optim/adam_test.cpp": ""},
    {**GOOD, "lab/study/other.cpp": ""},
    {**GOOD, "optim/CMakeLists.txt": "ebb_library(optim\n  # sgd.cpp\n  pool_${EBB_PARALLEL}.cpp\n)\n"},
    {**GOOD, "tests/other.sh": "#!/bin/sh\nif true; then\n"},
]

if __name__ == "__main__":
    run(check, PLANTED, GOOD)
