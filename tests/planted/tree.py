"""A copy of the tree that may be spoiled, with a build of its own."""

import fcntl
import os
import pathlib
import re
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = ("framework", "optim", "data", "models", "lab", "tests", "examples", "docs")
FILES = ("CMakeLists.txt", "CMakePresets.json", "README.md")


class Tree:
    """The tree as it is, copied to build/spoiled, and built there: optimised, kernels of the baseline alone, sources one
    by one, so that a changed file is one to be compiled. One user at a time."""

    def __init__(self, jobs=2):
        self.root = ROOT / "build" / "spoiled"
        self.root.mkdir(parents=True, exist_ok=True)
        self.lock = open(self.root / "lock", "w")
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit(f"{self.root} is in use by another of these scripts")
        self.source = self.root / "tree"
        self.build = self.root / "build"
        self.jobs = str(jobs)
        self.copy()

    def copy(self):
        """Files that differ are replaced, so that a build which is there goes on."""
        found = [ROOT / name for name in FILES]
        for folder in FOLDERS:
            found += [p for p in sorted((ROOT / folder).rglob("*")) if p.is_file() and "__pycache__" not in p.parts]
        wanted = {path.relative_to(ROOT): path for path in found}
        for relative, path in wanted.items():
            self.put(relative, path.read_bytes())
        for path in sorted(self.source.rglob("*")):
            if path.is_file() and path.relative_to(self.source) not in wanted:
                path.unlink()

    def put(self, relative, contents):
        target = self.source / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists() or target.read_bytes() != contents:
            target.write_bytes(contents)
            target.chmod(0o644)

    def restore(self, relative):
        self.put(relative, (ROOT / relative).read_bytes())

    def run(self, command, seconds=None, environment=None):
        """Exit code and output; None when it took longer than `seconds`."""
        try:
            done = subprocess.run(command, cwd=self.source, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, timeout=seconds, env=os.environ | (environment or {}))
            return done.returncode, done.stdout.decode(errors="replace")
        except subprocess.TimeoutExpired as late:
            return None, (late.stdout or b"").decode(errors="replace")

    def configure(self):
        code, output = self.run(["cmake", "-G", "Ninja", "-S", str(self.source), "-B", str(self.build),
                                 "-DCMAKE_BUILD_TYPE=Release", "-DEBB_UNITY=OFF", "-DEBB_BASELINE_KERNELS=ON",
                                 "-DEBB_BUILD_TESTS=ON", "-DEBB_BUILD_EXAMPLES=OFF", "-DCMAKE_CXX_FLAGS=-w"])
        if code != 0:
            raise SystemExit(f"configuring failed:\n{output}")

    def compile(self, *targets):
        return self.run(["cmake", "--build", str(self.build), "-j", self.jobs, "--target", *targets])

    def programs(self):
        """The test programs by name, without their prefix."""
        code, output = self.run(["cmake", "--build", str(self.build), "--target", "help"])
        return sorted(set(re.findall(r"^test_(\w+): phony", output, re.M)))

    def failing(self, programs, seconds=900, study=""):
        """The first suite of the test programs that fails, among the fast ones, or nothing; of a study the suite that
        runs it, and runs it alone, with the claims that do not come out as expected."""
        pattern = r"^study\.studies_show$" if study else rf"^({'|'.join(programs)})\."
        code, output = self.run(["ctest", "--test-dir", str(self.build), "-R", pattern, "-L", "^fast$", "-j", self.jobs,
                                 "--stop-on-failure", "--no-tests=error", "--output-on-failure"], seconds, {"EBB_STUDY": study})
        if code == 0:
            return None
        found = re.findall(r"- (\S+) \((Failed|Timeout|SEGFAULT|Subprocess aborted|Not Run|.*)\)", output)
        claims = ", ".join(re.findall(rf': {study}: "(\w+)",', output)) if study else ""
        if found:
            return f"{found[0][0]}: {study} {claims}" if claims else found[0][0]
        return f"{'/'.join(programs)} ({'too slow' if code is None else 'broken off'})"


def timed(call):
    start = time.monotonic()
    result = call()
    return result, time.monotonic() - start
