"""The commands: a file each in `commands/`, or an entry point of the group `audio_ft.commands` of another package."""

from __future__ import annotations

import linecache
import re
from importlib import import_module
from pathlib import Path
from types import ModuleType

from audio_ft import extensions
from audio_ft.cli.options import add_options
from audio_ft.cli.parser import Parser
from audio_ft.errors import InputError, did_you_mean

FOLDER = Path(__file__).parent / "commands"
KIND = "commands"
# In the order of work; a command names its own in `STAGE`.
STAGES = ("data", "train", "judge", "use", "share")
_STAGE = re.compile(r'^STAGE = "(\w+)"', re.MULTILINE)


def built_in() -> dict[str, str]:
    """Return the commands of this package and what each does, without importing them: help must not wait."""
    return {file.stem: linecache.getline(str(file), 1).strip().strip('"') for file in _files()}


def by_stage() -> dict[str, dict[str, str]]:
    """Return the commands of this package and what each does, by stage, without importing them."""
    stages: dict[str, dict[str, str]] = {stage: {} for stage in STAGES}
    for name, what in built_in().items():
        found = _STAGE.search("".join(linecache.getlines(str(FOLDER / f"{name}.py"))))
        stages[found[1] if found else STAGES[-1]][name] = what
    return stages


def _files() -> list[Path]:
    return sorted(FOLDER.glob("[!_]*.py"))


def load(name: str) -> ModuleType:
    """Return the module of a command, built in or installed by another package; `commands/` says what it holds.

    Raises:
        InputError: no such command; the message names the closest one.
    """
    own = built_in()
    if name in own:
        return import_module(f"audio_ft.cli.commands.{name}")
    found: ModuleType | None = extensions.load(KIND, name)
    if found is None:
        known = [*own, *extensions.names(KIND)]
        raise InputError(f"there is no command {name!r}; there are {', '.join(known)}.{did_you_mean(name, known)}")
    return found


def parser_of(name: str) -> Parser:
    """Return the parser of one command.

    Raises:
        InputError: no such command.
    """
    command = load(name)
    what = (command.__doc__ or "").partition("\n")[0]
    # Examples come before the options: they answer most questions.
    description = "\n\n".join(filter(None, (what, getattr(command, "EPILOG", ""))))
    parser = Parser(prog=f"audio-ft {name}", description=description)
    command.add_arguments(parser)
    add_options(parser, "--debug", "--quiet")
    return parser
