"""Sections of a page in Markdown, each of which a script may write anew."""
import os
import sys


def replace_section(path, title, body):
    """Writes the lines of one section of the file anew."""
    with open(path, encoding="utf-8") as file:
        before, heading, rest = file.read().partition(f"## {title}\n")
    if not heading:
        sys.exit(f"{path} has no section '{title}': write the whole file first")
    after = rest.partition("\n## ")
    with open(path, "w", encoding="utf-8") as file:
        file.write(before + heading + "\n" + "\n".join(body) + "\n" + "".join(after[1:]))


def kept_section(path, title):
    """The lines of a section that another script wrote; none where it does not stand there."""
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        _, heading, rest = file.read().partition(f"\n## {title}\n")
    return rest.partition("\n## ")[0].strip("\n").splitlines() if heading else []
