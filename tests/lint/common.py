"""What the lints share: finding the sources, reporting, and proving that each lint sees what it should."""

import pathlib
import re
import sys
import tempfile

SKIPPED = 77  # the exit code of a lint whose tool is missing; CTest shows the test as skipped
ROOT = pathlib.Path(__file__).resolve().parents[2]
PARTS = ("framework", "optim", "data", "models", "lab")
CODE_FOLDERS = PARTS + ("tests", "examples")


def code_files(root, folders=CODE_FOLDERS, suffixes=(".h", ".cpp")):
    """All files with these suffixes below the folders, sorted."""
    return sorted(p for f in folders for p in (root / f).rglob("*") if p.suffix in suffixes and p.is_file())


def private_headers(root):
    """Headers that are neither installed nor documented, as paths from the root."""
    names = root / "framework/cmake/private_headers.txt"
    lines = names.read_text().splitlines() if names.exists() else []
    return {line for line in lines if line and not line.startswith("#")}


def public_headers(root):
    """Headers that users include, as paths."""
    private = private_headers(root)
    return [p for p in code_files(root, PARTS, (".h",)) if str(p.relative_to(root)) not in private]


def without_comments(text):
    """The C++ text with comments and the contents of string literals blanked; line numbers stay."""
    pattern = re.compile(r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', re.S)

    def blank(match):
        found = match.group(0)
        kept = "\n" * found.count("\n")
        return kept if found.startswith("/") else f'""{kept}'

    # An include's name is kept, whatever its quotes; digit separators are no character literals.
    lines = [re.sub(r"(?<=\d)'(?=\d)", "", line) for line in text.split("\n")]
    includes = {i: line for i, line in enumerate(lines) if re.match(r"\s*#\s*include", line)}
    blanked = pattern.sub(blank, "\n".join(lines)).split("\n")
    for i, line in includes.items():
        blanked[i] = line
    return "\n".join(blanked)


def run(check, planted, clean=None):
    """Runs check(root), a list of problems, on the project; with --self-test on small trees instead: each tree in
    `planted` (path: contents) must have a problem, the tree `clean` none. Ends the program."""
    if "--self-test" not in sys.argv[1:]:
        problems = check(ROOT)
        for problem in problems:
            print(problem)
        print(f"{len(problems)} problems")
        sys.exit(1 if problems else 0)
    for number, tree in enumerate([*planted, clean or {}]):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name, contents in tree.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(contents)
            problems = check(root)
        wanted = number < len(planted)
        if bool(problems) != wanted:
            sys.exit(f"self-test: tree {sorted(tree)} gave {problems or 'no problem'}")
    print(f"{len(planted)} planted violations found, none in the clean tree")
    sys.exit(0)
