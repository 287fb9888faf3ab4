#!/usr/bin/env python3
"""What the kernel objects of an instruction set contain.

    check_kernel_objects.py ARCH OBJECT...     (from the build)
    check_kernel_objects.py --self-test        (compiles small violations with g++)

Exported symbols: only those of ebb::kernels::ARCH, or templates with the architecture in their type. Any other inline
function compiled for wide registers could be picked by the linker for the whole program and crash older processors.
Undefined symbols: nothing of the C++ library, since kernels neither allocate nor throw. Instructions: none wider than
the set's, and for avx2, avx512 and neon fused multiply-adds in full registers. OBJDUMP names the tool where objects are of
another machine.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

# For each instruction set: the tag in types, the registers its code may not touch, the instruction it must have.
ARCHS = {
    "sse2": ("xsimd::sse2", r"%[yz]mm|%k[1-7]\b", None),
    "avx2": ("xsimd::avx2", r"%zmm|%k[1-7]\b", r"vfmadd\w*\s.*%ymm"),
    "avx512": ("xsimd::avx512bw", None, r"vfmadd\w*\s.*%zmm"),
    "neon": ("xsimd::neon64", None, r"fmla\s+v\d+\.4s"),
    "generic": ("xsimd::", None, None),
}
# Families whose work is multiply-add: each of their objects but those that only pack must have the instruction above.
MULTIPLY_ADD = r"(elementwise|reduction|gemm|matmul|conv\w*|winograd\w*)(?<!_pack)\.cpp\.o$"


def tool(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def symbols(path, *options):
    # The mangled and the demangled listings have the same order.
    plain = [line.split() for line in tool("nm", "-P", "--no-sort", *options, path).splitlines()]
    demangled = tool("nm", "-C", "--no-sort", *options, path).splitlines()
    for fields, line in zip(plain, demangled):
        yield fields[0], fields[1], line[19:]


def check_object(arch, path):
    tag, forbidden, wanted = ARCHS[arch]
    problems = []
    for name, kind, text in symbols(path, "--extern-only", "--defined-only"):
        if kind == "V" and name.startswith("DW.ref."):
            continue
        if not text.startswith(f"ebb::kernels::{arch}::") and tag not in text:
            problems.append(f"{path}: exports {text} ({kind}), which other code may be linked to")
    for name, _, text in symbols(path, "--undefined-only"):
        if name.startswith("_Z") and not text.startswith("ebb::kernels::"):
            problems.append(f"{path}: needs {text} of the C++ library")
    code = tool(os.environ.get("OBJDUMP", "objdump"), "-d", "--no-show-raw-insn", path)
    if forbidden and re.search(forbidden, code):
        line = re.search(f".*({forbidden}).*", code).group(0).strip()
        problems.append(f"{path}: has instructions beyond {arch}: {line}")
    if wanted and re.search(MULTIPLY_ADD, path) and not re.search(wanted, code):
        problems.append(f"{path}: no {wanted}: the multiply-adds are not fused")
    return problems


def self_test():
    good = """namespace ebb::kernels::ARCH {
                void axpy(float* y, const float* x) { for (int i = 0; i < 4096; ++i) y[i] += 2 * x[i]; }
              }"""
    bad = [
        ("avx2", "-mavx2 -mfma", good + "namespace std { __attribute__((weak)) float lowest() { return 1; } }"),
        ("avx2", "-mavx2 -mfma", good + "template <class T> __attribute__((noinline)) T twice(T x) { return x * x; }"
                                        "float use(float x) { return twice(x); }"),
        ("avx2", "-mavx2 -mfma", good + "namespace ebb::kernels::avx2 { void* get() { return new float[8]; } }"),
        ("avx2", "-mavx2", good),
        ("avx512", "-mavx2 -mfma", good),
        ("sse2", "-mavx2", good),
    ]
    fine = [("avx2", "-mavx2 -mfma", good), ("sse2", "", good), ("avx512", "-mavx512f -mprefer-vector-width=512", good)]
    with tempfile.TemporaryDirectory() as folder:
        for number, (arch, flags, text) in enumerate(bad + fine):
            source = pathlib.Path(folder) / "elementwise.cpp"
            source.write_text(text.replace("ARCH", arch))
            tool("g++", "-O3", *flags.split(), "-c", str(source), "-o", f"{source}.o")
            problems = check_object(arch, f"{source}.o")
            if bool(problems) != (number < len(bad)):
                sys.exit(f"self-test {number}: {problems or 'no problem'}")
    print(f"{len(bad)} planted violations found, none in the {len(fine)} clean objects")


if __name__ == "__main__":
    if sys.argv[1:] == ["--self-test"]:
        self_test()
    else:
        found = [p for path in sys.argv[2:] for p in check_object(sys.argv[1], path)]
        print(*found, f"{len(found)} problems in {len(sys.argv) - 2} objects", sep="\n")
        sys.exit(1 if found or len(sys.argv) < 3 else 0)
