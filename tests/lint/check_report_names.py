#!/usr/bin/env python3
"""The sections of a report that docs/tutorial.md names, in bold at the beginning of its list, are sections of the report."""

import re

from common import run

PAGE = "docs/tutorial.md"
ITEM = re.compile(r"^- (\*\*[^:\n]*):", re.M)
TITLE = re.compile(r'(?:return \{|title = )\s*"([^"]+)"')


def titles(root):
    """Titles of the sections that the sources of reports return."""
    found = set()
    for source in sorted((root / "lab/reports").glob("*_section*.cpp")):
        found.update(TITLE.findall(source.read_text()))
    return found


def check(root):
    named = [name for item in ITEM.findall((root / PAGE).read_text()) for name in re.findall(r"\*\*(.+?)\*\*", item)]
    if not named:
        return [f"{PAGE}: no section of a report is named; does the pattern of this lint still fit?"]
    known = titles(root)
    return [f"{PAGE}: a report has no section \"{name}\"" for name in named if name not in known]


CODE = {"lab/reports/a_sections.cpp": 'return {"Learning", out};\nreturn {\n    "Worst mistakes",\n out};\n'}
CLEAN = {**CODE, PAGE: "- **Learning**: a.\n- **Learning** and **Worst mistakes**: b, **no name**.\n"}

if __name__ == "__main__":
    run(check, [{**CODE, PAGE: "- **Learning**: a.\n- **Groups**: b.\n"},
                {**CODE, PAGE: "- **Learning** and **Mistakes**: a.\n"},
                {**CODE, PAGE: "Learning: a.\n"}], CLEAN)
