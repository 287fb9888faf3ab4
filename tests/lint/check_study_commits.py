#!/usr/bin/env python3
"""Each page of docs/studies names a commit of this tree's history, so that its program can be built again. Without the
whole history there is nothing to compare with, which is said.

    check_study_commits.py
    check_study_commits.py --self-test
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from common import ROOT

NAMED = re.compile(r"^\| revision \|.*\bcommit ([0-9a-f]{40})\b", re.M)


def git(root, *arguments):
    return subprocess.run(["git", "-C", str(root), "-c", "safe.directory=*", *arguments], capture_output=True, text=True)


def whole_history(root):
    answer = git(root, "rev-parse", "--is-shallow-repository", "--show-prefix")
    return answer.returncode == 0 and answer.stdout.split("\n")[:2] == ["false", ""]


def problems_of(root):
    """A line for each page whose commit is none of those that lead here."""
    found = []
    for page in sorted((root / "docs/studies").glob("*.md")):
        for commit in NAMED.findall(page.read_text()):
            if git(root, "merge-base", "--is-ancestor", commit, "HEAD").returncode != 0:
                found.append(f"docs/studies/{page.name}: its commit {commit} is not in the history: run the study again "
                             f"(ebb study run {page.stem} --fresh), and make its page (ebb study report)")
    return found


def self_test():
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        (root / "docs/studies").mkdir(parents=True)
        assert not whole_history(root)
        git(root, "init", "-q")
        git(root, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "a")
        assert whole_history(root)
        head = git(root, "rev-parse", "HEAD").stdout.strip()
        row = "| revision | version 1, declaration 0123, commit {} |\n"
        (root / "docs/studies/good.md").write_text(row.format(head))
        (root / "docs/studies/lost.md").write_text(row.format("0" * 40))
        (root / "docs/studies/index.md").write_text("A list.\n")
        problems = problems_of(root)
        assert len(problems) == 1 and problems[0].startswith("docs/studies/lost.md"), problems
    print("1 planted violation found, none in the clean page")


if __name__ == "__main__":
    if not shutil.which("git"):
        print("git is not here: nothing compared")
        sys.exit(77)
    if sys.argv[1:] == ["--self-test"]:
        self_test()
    elif not whole_history(ROOT):
        print("the history is not here: nothing compared")
    else:
        found = problems_of(ROOT)
        print(*found, f"{len(found)} problems", sep="\n")
        sys.exit(1 if found else 0)
