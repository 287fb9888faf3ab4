#!/usr/bin/env python3
"""The table "In the library" of docs/extending.md names the files that adding something touches. It is held to what is
there: a witness is a thing that was added, and the library's files that name it, outside comments, are those of its row;
each file that a row names exists, and one of the row's witnesses is named in it."""

import re

from common import PARTS, ROOT, code_files, run

PAGE = "docs/extending.md"
# Row of the table: witnesses, each as the words by which code names it.
LION = r"\b[lL]ion(Options|Rule)?\b|optim/lion\.h|\blion\.cpp"
CIFAR100 = r"[cC]ifar-?100|cifar\.cpp"
TRAPEZOID = r"\btrapezoid\b"
TRAIN_SAMPLES = r"\btrain_samples\b"
WITNESSES = {
    "an op": (r'"elu"|ops/activation\.cpp', r'"max_pool2d"', r'"concat"'),
    "a layer": (r"\bConvTranspose2d\b|conv_transpose2d\.(cpp|h)",),
    "a data set": (CIFAR100,),
    "a model": (r"\bSpeedNet\b|speednet|speed_net",),
    "a decay kind": (r"\bdecoupled_constant\b",),
    "an optimizer": (LION, r"\b[aA]dagrad(Options|Rule)?\b|optim/adagrad\.h"),
    "a schedule of recipes": (TRAPEZOID,),
    "a key of recipes": (TRAIN_SAMPLES,),
}
# Files that name a witness without being touched for the next one.
APART = {
    ("data/cifar.cpp", LION): "a class of CIFAR-100",
    ("lab/recipe/synonyms.cpp", TRAPEZOID): "other words have a row of their own",
    ("lab/recipe/synonyms.cpp", TRAIN_SAMPLES): "other words have a row of their own",
    ("lab/use/completed_card.cpp", CIFAR100): "model files of the first versions know three sets",
}


def rows(text):
    """Name and backquoted paths of each row of the table; a bare file name lies in the folder of the one before."""
    table = text.partition("## In the library")[2].partition("\n\n|")[2].partition("\n\n")[0]
    found = {}
    for line in table.splitlines():
        cells = [c.strip() for c in line.strip("|").split("|")]
        if len(cells) != 2 or cells[0] in ("to add", "---"):
            continue
        paths = []
        for name in re.findall(r"`([\w./]+)`", cells[1]):
            if "/" in name:
                paths.append(name)
            elif re.search(r"\.(h|cpp|txt)$", name) and paths:
                paths.append(paths[-1].rpartition("/")[0] + "/" + name)
        found[cells[0]] = paths
    return found


def naming(root, words):
    """The library's files that name one of the words outside comments; studies use what there is."""
    found = set()
    for path in code_files(root, PARTS, (".h", ".cpp", ".txt")):
        name = str(path.relative_to(root))
        text = re.sub(r"//[^\n]*", "", path.read_text()) if path.suffix != ".txt" else path.read_text()
        if not name.startswith("lab/studies/") and (name, words) not in APART and re.search(words, text):
            found.add(name)
    return found


def check(root, witnesses):
    page = root / PAGE
    if not page.exists():
        return []
    table = rows(page.read_text())
    problems = [f"{PAGE}: no row \"{row}\" in the table of the library" for row in witnesses if row not in table]
    for row, paths in table.items():
        problems += [f"{PAGE}: \"{row}\" names {p}, which does not exist" for p in paths if not (root / p).exists()]
    for row, all_words in witnesses.items():
        paths = table.get(row, [])
        named = set()
        for words in all_words:
            files = naming(root, words)
            named |= files
            if not files:
                problems.append(f"{PAGE}: \"{row}\": nothing is called {words}")
            problems += [f"{PAGE}: \"{row}\" does not name {f}, where {words} stands" for f in sorted(files)
                         if f not in paths and not any(p.endswith("/") and f.startswith(p) for p in paths)]
        library = [p for p in paths if p.split("/")[0] in PARTS and not p.endswith("/")]
        problems += [f"{PAGE}: \"{row}\" names {p}, where none of {all_words} stands" for p in library
                     if (root / p).exists() and p.endswith((".cpp", ".h", ".txt")) and p not in named]
    return problems


if __name__ == "__main__":
    page = """# Extending

## In the library

| to add | files |
|---|---|
| a kind | a line in `optim/decay.cpp` and `{}` |
"""
    tree = {"optim/decay.cpp": "Decay halved(Lambda l);\n", "optim/decay.h": "Decay halved(Lambda l);\n",
            "optim/other.h": "// halved is meant by this comment alone\n"}
    kind = {"a kind": (r"\bhalved\b",)}
    trees = [{PAGE: page.format("decay.h"), **tree, "lab/more.cpp": "auto kind = halved(0.5);\n"},  # a file that is not told
             {PAGE: page.format("gone.h"), **tree},                                            # one that is not there
             {PAGE: page.format("other.h"), **tree},                                           # one that needs no touch
             {PAGE: "# Extending\n"}]                                                          # no table
    run(lambda root: check(root, kind if root != ROOT else WITNESSES), trees, {PAGE: page.format("decay.h"), **tree})
