#!/usr/bin/env python3
"""Code in README.md, docs/*.md and the comments of headers is code that compiles. A block of C++ behind the line

    <!-- code: examples/new_op.cpp op -->

is the region of that file between its lines `// code: op` and `// code: end`, letter by letter but for the indentation;
without a region it is any lines of the file that stand together. --write fills the blocks of pages from the regions.
In a header an example is such a block, so that none stands there unmarked. What a page says that a program prints is
compared by check_docs_output.py."""

import pathlib
import re
import sys
import textwrap

from common import PARTS, ROOT, code_files, run

BLOCK = re.compile(r"^<!-- code: (\S+?)(?: (\w+))? -->\n```cpp\n(.*?)^```$", re.S | re.M)
MARK = re.compile(r"^[ \t]*<!-- code:", re.M)
COMMENT = re.compile(r"^[ \t]*/// ?(.*)$")
UNMARKED = re.compile(r"^ {4,}\S.*[;{]$")  # a line of an indented block that is code and no formula
REGION = re.compile(r"^[ \t]*// code: (\w+)\n(.*?)^[ \t]*// code: end$", re.S | re.M)


def pages(root):
    return [p for p in [root / "README.md", *sorted((root / "docs").glob("*.md"))] if p.is_file()]


def comments(header):
    """The documentation comments of a header as a page; the other lines are empty."""
    lines = [COMMENT.match(line) for line in header.read_text().split("\n")]
    return "\n".join(line.group(1) if line else "" for line in lines)


def unmarked(text):
    """Numbers of the lines of code that stand in no block. A list's or a parameter's second line has fewer blanks or a
    line above it."""
    lines = BLOCK.sub(lambda block: "\n" * block.group(0).count("\n"), text).split("\n")
    first, found = None, []
    for i, line in enumerate(lines):
        first = None if not line.startswith("    ") else i if first is None else first
        if first is not None and UNMARKED.match(line) and (first == 0 or not lines[first - 1]):
            found.append(i + 1)
    return found


def plain(code):
    return textwrap.dedent(code).strip("\n") + "\n"


def stands_in(block, text):
    """True when the lines of the block stand together in the text, all indented by the same amount more."""
    wanted = block.split("\n")[:-1]
    lines = text.split("\n")
    return any(plain("\n".join(lines[i:i + len(wanted)])) == block for i in range(len(lines) - len(wanted) + 1))


def source(root, name, region):
    """The text of a region (None: of the whole file), or an error message."""
    file = root / name
    if not file.is_file():
        return None, f"{name} is no file"
    text = file.read_text()
    if region is None:
        return text, None
    regions = {match.group(1): plain(match.group(2)) for match in REGION.finditer(text)}
    if region not in regions:
        return None, f"{name} has no region \"// code: {region}\" ... \"// code: end\""
    return regions[region], None


def check(root):
    problems = []
    headers = code_files(root, PARTS, (".h",))
    for page in [*pages(root), *headers]:
        text = comments(page) if page in headers else page.read_text()
        name = page.relative_to(root)
        if page in headers:
            problems += [f"{name}:{line}: an example that nobody compiles: a block of cpp behind \"<!-- code: FILE "
                         "REGION -->\"" for line in unmarked(text)]
        blocks = list(BLOCK.finditer(text))
        if len(blocks) != len(MARK.findall(text)):
            problems.append(f"{name}: a \"<!-- code: FILE REGION -->\" without a block of cpp right behind it")
        for block in blocks:
            where = f"{name}:{text.count(chr(10), 0, block.start()) + 1}"
            wanted, problem = source(root, block.group(1), block.group(2))
            code = plain(block.group(3))
            if problem:
                problems.append(f"{where}: {problem}")
            elif code == "\n":
                problems.append(f"{where}: an empty block; --write fills it")
            elif code != wanted and (block.group(2) or not stands_in(code, wanted)):
                problems.append(f"{where}: not the code of {block.group(1)}; --write takes it over")
    return problems


def write(root):
    for page in pages(root):
        def filled(block):
            wanted, problem = source(root, block.group(1), block.group(2))
            if problem or block.group(2) is None:
                return block.group(0)
            return f"<!-- code: {block.group(1)} {block.group(2)} -->\n```cpp\n{wanted}```"

        text = page.read_text()
        if BLOCK.sub(filled, text) != text:
            page.write_text(BLOCK.sub(filled, text))


CODE = {"examples/a.cpp": "int main() {\n  // code: sum\n  int x = 1;\n  ++x;\n  // code: end\n}\n"}
GOOD = "<!-- code: examples/a.cpp sum -->\n```cpp\nint x = 1;\n++x;\n```\n"
PART = "<!-- code: examples/a.cpp -->\n```cpp\n++x;\n// code: end\n```\n"
FREE = "```cpp\nanything\n```\n"
HEADER = "/// Adds one:\n///\n" + "".join(f"/// {line}\n" for line in GOOD.splitlines()) + "int add();\n"
FORMULA = "/// Adds:\n///\n///     y = x + 1;  z = y\n///     w = z\n/// \\param x number;\n///     of things;\nint add();\n"
PLANTED = [
    {**CODE, "docs/a.md": GOOD.replace("= 1", "= 2")},
    {**CODE, "docs/a.md": GOOD.replace("++x;\n", "")},
    {**CODE, "docs/a.md": PART.replace("++x", "--x")},
    {**CODE, "docs/a.md": "<!-- code: examples/a.cpp sum -->\n```cpp\n```\n"},
    {**CODE, "docs/a.md": "<!-- code: examples/a.cpp sum -->\n\n```cpp\nint x = 1;\n++x;\n```\n"},
    {**CODE, "docs/a.md": GOOD.replace("sum", "product")},
    {**CODE, "README.md": GOOD.replace("a.cpp", "b.cpp")},
    {**CODE, "optim/a.h": HEADER.replace("++x", "--x")},
    {**CODE, "optim/a.h": "/// Adds.\n///\n///     int y = 1;\n///     ++y\nint add();\n"},
    {**CODE, "optim/a.h": "struct A {\n  /// Adds:\n  ///\n  ///     for (;;) {\n  ///     }\n  int add();\n};\n"},
]

if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        write(pathlib.Path(ROOT))
    run(check, PLANTED, {**CODE, "README.md": GOOD + PART, "docs/a.md": FREE + GOOD, "optim/a.h": HEADER + FORMULA})
