"""Print a script that completes commands and options in your shell."""

from __future__ import annotations

import argparse

from audio_ft.cli.command_list import KIND, built_in, parser_of
from audio_ft.cli.console import show
from audio_ft.cli.options import FLAG, add_options
from audio_ft.extensions import names

SHELLS = ("bash", "zsh", "fish", "tcsh")
STAGE = "use"
EPILOG = """Put it where your shell looks for it, once:
  audio-ft completion bash > ~/.local/share/bash-completion/completions/audio-ft
  audio-ft completion zsh > ~/.zfunc/_audio-ft      (with `fpath+=~/.zfunc` above `compinit` in ~/.zshrc)
  audio-ft completion fish > ~/.config/fish/completions/audio-ft.fish
  audio-ft completion tcsh > ~/.audio-ft.tcsh       (with `source ~/.audio-ft.tcsh` in ~/.tcshrc)"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `completion`."""
    parser.add_argument("shell", metavar="SHELL", choices=SHELLS, help=" or ".join(SHELLS))


def run(arguments: argparse.Namespace) -> None:
    """Print the script, of one parser of all commands."""
    import shtab

    whole = argparse.ArgumentParser(prog="audio-ft", allow_abbrev=False)
    whole.add_argument("--version", **FLAG)
    add_options(whole, "--debug", "--quiet")
    commands = whole.add_subparsers(metavar="COMMAND")
    for name in dict.fromkeys([*built_in(), *names(KIND)]):
        parser = parser_of(name)
        for action in parser._actions:
            # What takes free text completes names of files.
            if action.nargs != 0 and action.choices is None and action.type is None:
                action.complete = shtab.FILE  # type: ignore[attr-defined]
        what = (parser.description or "").partition("\n")[0]
        commands.add_parser(name, parents=[parser], add_help=False, help=what)
    show(*shtab.complete(whole, arguments.shell).split("\n"))
