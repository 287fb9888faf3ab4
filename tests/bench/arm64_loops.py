"""Inner loops of compiled kernels for ARM64: what stands in them, and how long models of cores take for them."""
import re
import shutil
import subprocess
import sys
import tempfile

# Cores, their units for multiply-adds of 128 bits, and how LLVM's model of them names those.
CORES = {"neoverse-n1": (2, r"N1UnitV\d"), "neoverse-v1": (4, r"V1UnitV\d")}


def tool(name):
    """The newest of a tool's versions; None where there is none."""
    found = [(int(v), p) for v in range(17, 40) if (p := shutil.which(f"{name}-{v}"))]
    if found:
        return max(found)[1]
    plain = shutil.which(name)
    version = plain and re.search(r"LLVM version (\d+)", run([plain, "--version"]))
    return plain if version and int(version.group(1)) >= 17 else None


def run(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: {done.stderr.strip()[:500]}")
    return done.stdout


def functions(path):
    """Names and instructions (address, text) of an object's functions."""
    name, code = None, []
    for line in run([tool("llvm-objdump"), "-d", "-C", "--no-show-raw-insn", str(path)]).splitlines():
        head = re.match(r"[0-9a-f]+ <(.*)>:$", line)
        if head:
            if name:
                yield name, code
            name, code = head.group(1), []
            continue
        found = re.match(r"\s*([0-9a-f]+):\s+(\S.*)$", line)
        if found:
            code.append((int(found.group(1), 16), re.sub(r"\s+", " ", found.group(2))))
    if name:
        yield name, code


BRANCH = re.compile(r"(?:b\.\w+|cbn?z \w+,|tbn?z \w+, #\d+,) (0x[0-9a-f]+)")


def inner_loops(code):
    """The instructions of loops that hold no other loop and multiply."""
    spans = []
    for at, text in code:
        branch = BRANCH.match(text)
        if branch and int(branch.group(1), 16) <= at:
            spans.append((int(branch.group(1), 16), at))
    for begin, end in spans:
        if any((b, e) != (begin, end) and begin <= b and e <= end for b, e in spans):
            continue
        body = [text for at, text in code if begin <= at <= end]
        if any(re.match(r"f(mla|mul|add)\b", text) for text in body):
            yield body


class Loop:
    """What an inner loop consists of."""

    def __init__(self, body):
        self.body = body
        adds = [t for t in body if re.match(r"fmla (v\d+)\.4s, v\d+\.4s, v\d+", t)]
        self.multiply_adds = len(adds)
        self.sums = len({re.match(r"fmla (v\d+)", t).group(1) for t in adds})
        self.by_lane = sum(bool(re.search(r"\.s\[\d\]$", t)) for t in adds)
        self.unfused = [t for t in body if re.match(r"f(mul|add|madd|mls) ", t)]
        self.stack = [t for t in body if re.match(r"(ldr|ldp|ldur|str|stp|stur)\b.*\[(sp|x29)\b", t)]
        self.loads = 0
        for t in body:
            if re.match(r"ldp [qds]", t):
                self.loads += 2
            elif re.match(r"(ldr|ldur) [qds]\d", t) or re.match(r"ld1r? ", t):
                self.loads += 1

    def problems(self, m, v, expected, vectors):
        found = []
        if self.stack:
            found.append(f"{len(self.stack)} of its instructions touch the stack, first: {self.stack[0]}")
        if self.unfused:
            found.append(f"not fused: {self.unfused[0]}")
        if self.sums < m * v:
            found.append(f"{self.sums} registers of sums instead of {m * v}")
        if not vectors and self.by_lane != self.multiply_adds:
            found.append(f"{self.multiply_adds - self.by_lane} of {self.multiply_adds} multiply-adds are not by lane")
        if self.multiply_adds and self.loads > expected * self.multiply_adds + 1e-9:
            found.append(f"{self.loads / self.multiply_adds:.3f} loads a multiply-add instead of {expected:.3f}")
        return found


def assembly(body):
    """For llvm-mca, which follows no branches."""
    return "\n".join(re.sub(r"\b0x[0-9a-f]+ <.*>$", "#-4", text) for text in body)


def cycles(body, core):
    """Cycles of an iteration in the model of a core, in the long run."""
    units, pattern = CORES[core]
    total = []
    for count in (100, 300):
        with tempfile.NamedTemporaryFile("w", suffix=".s") as file:
            file.write(assembly(body) + "\n")
            file.flush()
            text = run([tool("llvm-mca"), "-mtriple=aarch64", f"-mcpu={core}", f"--iterations={count}", "--instruction-info=false",
                        file.name])
        names = set(re.findall(pattern, text))
        if len(names) != units:
            sys.exit(f"predict_arm64: llvm-mca's model of {core} has the units {sorted(names)} for multiply-adds instead of {units} "
                     f"named {pattern}: another version of LLVM is needed")
        total.append(int(re.search(r"Total Cycles:\s+(\d+)", text).group(1)))
    return (total[1] - total[0]) / 200
