#!/usr/bin/env python3
"""tests/packages.sh installs exactly what is missing and asks for nothing else; tried with stand-ins for dpkg-query,
apt-get, id and sudo. The list names each package once in a section."""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

TESTS = pathlib.Path(__file__).resolve().parents[1]
STANDINS = {
    "dpkg-query": 'for p; do :; done; case " $INSTALLED " in *" $p "*) echo installed ;; *) exit 1 ;; esac\n',
    "apt-get": 'echo "apt-get $*" >>"$LOG"; case "$*" in *$APT_FAILS*) exit 100 ;; esac\n',
    "apt-cache": 'case " $OFFERED " in *" $2 "*) echo "  Candidate: 1" ;; *) echo "  Candidate: (none)" ;; esac\n',
    "id": 'echo "$USER_ID"\n',
    "sudo": 'echo "sudo $*" >>"$LOG"; [ "$1" = -n ] && shift; exec "$@"\n',
}
REAL = ("sh", "sed", "grep", "tr", "dirname", "env", "cat", "true", "printf")


def sections():
    found = {}
    for line in (TESTS / "packages.txt").read_text().splitlines():
        line = re.sub(r"\s*#.*", "", line)
        if line.startswith("["):
            found[line.strip("[]")] = []
        elif line:
            list(found.values())[-1].append(line)
    return found


def install(arguments, installed, user=0, leave_out=(), apt_fails="nothing fails", offered=()):
    """Exit code, output and log of the stand-ins of one run of the script."""
    with tempfile.TemporaryDirectory() as folder:
        for name, body in STANDINS.items():
            if name not in leave_out:
                path = pathlib.Path(folder) / name
                path.write_text("#!/bin/sh\n" + body)
                path.chmod(0o755)
        for name in REAL:
            os.symlink(subprocess.run(["sh", "-c", f"command -v {name}"], capture_output=True, text=True).stdout.strip()
                       if name != "true" else "/bin/true", f"{folder}/{name}")
        log = pathlib.Path(folder) / "log"
        log.touch()
        variables = {"PATH": folder, "INSTALLED": " ".join(installed), "LOG": str(log), "USER_ID": str(user),
                     "APT_FAILS": apt_fails, "OFFERED": " ".join(offered)}
        done = subprocess.run(["/bin/sh", str(TESTS / "packages.sh"), *arguments], env=variables, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True)
        return done.returncode, done.stdout + done.stderr, log.read_text()


def check():
    problems = []

    def expect(what, condition, seen):
        if not condition:
            problems.append(f"{what}: {seen}")

    lists = sections()
    expect("sections", list(lists) == ["run", "test", "slow", "package", "clang", "coverage", "fuzz", "arm64", "night", "docs", "peer"], list(lists))
    for name, packages in lists.items():
        expect(f"[{name}] is free of repetitions", len(set(packages)) == len(packages) > 0, packages)
    run, test = lists["run"], [name for name in lists["test"] if not name.endswith("?")]
    optional = [name[:-1] for name in lists["test"] if name.endswith("?")]
    expect("something is optional", optional == ["clang-format-14"] and not any("?" in n for n in run), optional)
    seen = install(["run", "test"], run + test, user=1000, leave_out=("sudo", "apt-get"))
    expect("nothing missing: no root, no tools needed", seen == (0, "", ""), seen)
    seen = install(["run", "test"], run[1:] + test[:-1])
    wanted = f"--no-install-recommends install {run[0]} {test[-1]}"
    expect("root: update, then exactly the missing", seen[0] == 0 and wanted in seen[2].splitlines()[1], seen)
    expect("update comes first", " update" in seen[2].splitlines()[0] and seen[2].count("\n") == 2, seen)
    seen = install(["test"], test, offered=optional)
    expect("what is optional is installed where it is offered", seen[2].endswith(f"install {optional[0]}\n"), seen)
    seen = install(["test"], test + optional, user=1000, leave_out=("sudo", "apt-get", "apt-cache"))
    expect("what is optional and there is not asked for", seen == (0, "", ""), seen)
    seen = install(["test"], test, user=1000, leave_out=("sudo",), offered=optional)
    expect("what is optional is no error without root", seen[0] == 0 and optional[0] in seen[1], seen)
    seen = install(["test"], test[1:])
    expect("what is not offered is left out", seen[0] == 0 and seen[2].endswith(f"install {test[0]}\n"), seen)
    seen = install(["docs"], [], user=1000)
    expect("a user: sudo without a password", seen[0] == 0 and "sudo -n env DEBIAN_FRONTEND" in seen[2], seen)
    seen = install(["docs"], [], user=1000, leave_out=("sudo",))
    expect("no root and no sudo: says what to type", seen[0] == 1 and "apt-get install" in seen[1] and not seen[2], seen)
    seen = install(["docs"], [], apt_fails=" install ")
    expect("apt-get fails: an error that names it", seen[0] == 1 and "could not install" in seen[1], seen)
    seen = install(["docs"], [], apt_fails=" update")
    expect("no lists: an error, and nothing is tried", seen[0] == 1 and "lists" in seen[1] and "-y" not in seen[2], seen)
    seen = install(["nonsense"], [])
    expect("an unknown section is an error", seen[0] == 2 and "no section [nonsense]" in seen[1], seen)
    seen = install([], [])
    expect("no section: usage", seen[0] == 2 and "usage" in seen[1], seen)
    seen = install(["run"], [], leave_out=("dpkg-query",))
    expect("another system: lists what is needed", seen[0] == 0 and "libxsimd-dev" in seen[1] and not seen[2], seen)
    return problems


if __name__ == "__main__":
    found = check()
    print(*found, f"{len(found)} problems", sep="\n")
    sys.exit(1 if found else 0)
