"""A parser that suggests known options, and messages that name settings as the options of the command at hand."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from audio_ft.cli.colors import help_in_color
from audio_ft.errors import InputError, did_you_mean

# The options of the command at hand, in whose words messages name settings.
_options: frozenset[str] = frozenset()
# A setting with its value, as messages of the rooms below name it: data.target=word, or "set peft=lora".
_SETTING = re.compile(
    r"(?<![\w./-])(?:(?P<part>data|text|events)\.(?P<inner>\w+)|(?P<verb>(?:[Ss]et|[Aa]dd|[Uu]se) )(?P<own>[a-z]\w*))"
    r"=(?=[^\s=])"
)


def in_options(message: str) -> str:
    """Return a message with each setting as the command at hand takes it: data.target=word as --target word.

    What it has no option for is given with --set; where it has not even that, the setting keeps its name.
    """

    def option(found: re.Match[str]) -> str:
        name, verb = found["inner"] or found["own"], found["verb"] or ""
        if f"--{name}" in _options and found["part"] in ("data", None):
            return f"{verb}--{name} "
        whole = found[0].removeprefix(verb)
        return f"{verb}--set {whole}" if "--set" in _options else found[0]

    return _SETTING.sub(option, message)


class Parser(argparse.ArgumentParser):
    """Parse arguments, refusing abbreviations, and report what is wrong as InputError with the closest known option."""

    def __init__(self, **settings: Any) -> None:
        formatter = argparse.RawDescriptionHelpFormatter
        super().__init__(allow_abbrev=False, formatter_class=formatter, **settings)

    def parse(self, arguments: Sequence[str]) -> argparse.Namespace:
        """Return the parsed arguments; options may come between and after files.

        Raises:
            InputError: an unknown or missing argument, or a wrong value.
        """
        global _options
        _options = frozenset(option for action in self._actions for option in action.option_strings)
        parsed, unknown = self.parse_known_intermixed_args(arguments)
        if unknown:
            first = next((word for word in unknown if word.startswith("-")), unknown[0])
            self.error(f"unknown argument {first!r}.{did_you_mean(first.partition('=')[0], _options)}")
        return parsed

    def _print_message(self, message: str, file: Any = None) -> None:
        super()._print_message(help_in_color(message, file or sys.stderr), file)

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would print as InputError."""
        end = "" if message.endswith((".", "?")) else "."
        raise InputError(f"{message}{end} (`{self.prog} --help` lists the arguments.)")
