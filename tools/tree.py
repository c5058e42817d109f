"""Write the tree of audio_ft/ into CONTRIBUTING.md: files on top and folders, a line each, from their docstrings."""

from __future__ import annotations

import ast
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
PAGE = REPOSITORY / "CONTRIBUTING.md"
BEGIN, END = "<!-- tree: written by `make tree` from the docstrings -->\n", "<!-- /tree -->\n"


def tree(package: Path) -> str:
    """Return the tree as a Markdown block: files first, then folders, each with the first line of its docstring."""
    files = [path for path in sorted(package.glob("*.py")) if not path.name.startswith("__")]
    folders = sorted(path.parent for path in package.glob("*/**/__init__.py"))
    lines = [(path.name, first_line(path)) for path in files]
    for folder in folders:
        depth = len(folder.relative_to(package).parts)
        lines.append((f"{'  ' * (depth - 1)}{folder.name}/", first_line(folder / "__init__.py")))
    width = max(len(name) for name, _ in lines) + 2
    return "\n".join(["```text", f"{package.name}/", *(f"  {name:<{width}}{what}" for name, what in lines), "```"])


def first_line(file: Path) -> str:
    """Return the first line of a file's docstring, without the period."""
    return (ast.get_docstring(ast.parse(file.read_text("utf-8"))) or "").partition("\n")[0].removesuffix(".")


def with_tree(text: str, package: Path) -> str:
    """Return the text of CONTRIBUTING.md with the tree between its two markers."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise SystemExit(f"CONTRIBUTING.md: the markers {BEGIN.strip()} and {END.strip()} are missing; add them")
    return f"{before}{BEGIN}{tree(package)}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(with_tree(PAGE.read_text("utf-8"), REPOSITORY / "audio_ft"), "utf-8")
