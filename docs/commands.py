"""Write reference/commands.md from the parsers, so that the page cannot differ from `--help`."""

from __future__ import annotations

import os
from pathlib import Path

PAGE = Path(__file__).parent / "reference" / "commands.md"
TOP = """# Command line

`audio-ft COMMAND --help` prints the same. Exit codes: 0 done, 1 failed, 2 wrong arguments or data, 130 stopped.
"""


def page() -> str:
    """Return a section for each command with its help, wrapped at 96 columns."""
    os.environ["COLUMNS"] = "96"
    from audio_ft.cli.command_list import built_in, parser_of

    sections = (f"## {name}\n\n```text\n{parser_of(name).format_help().strip()}\n```\n" for name in built_in())
    return "\n".join((TOP, *sections))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
