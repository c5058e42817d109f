"""The command line: finds the command, and hands its arguments to the command's own file in `commands/`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from audio_ft import __version__
from audio_ft.cli import command_list
from audio_ft.cli.console import DONE, WRONG, guarded, open_closed_streams, show
from audio_ft.cli.options import FLAG, add_options
from audio_ft.cli.parser import Parser
from audio_ft.cli.recipe_files import run_code
from audio_ft.system.machine import prepare_for_torch

if TYPE_CHECKING:
    from collections.abc import Sequence

ABOUT = "Fine-tune Wav2Vec2, HuBERT and Whisper on your own recordings."
EXAMPLES = """examples:
  audio-ft quickstart
  audio-ft inspect recordings
  audio-ft train --model openai/whisper-tiny.en --data recordings \\
                 --output-dir runs/first
  audio-ft evaluate runs/first recordings --split test
  audio-ft predict runs/first door.wav"""
EXIT_CODES = """`audio-ft COMMAND --help` explains a command. Exit codes: 0 done, 1 failed,
2 wrong arguments or data, 130 stopped."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 failed, 2 wrong arguments or data, 130 stopped."""
    words = list(sys.argv[1:] if argv is None else argv)
    open_closed_streams()
    prepare_for_torch()
    # The options before the command take no values.
    place = next((place for place, word in enumerate(words) if not word.startswith("-")), len(words))
    try:
        return guarded(
            lambda: _dispatch(words[:place], words[place:]), debug="--debug" in words, quiet="--quiet" in words
        )
    except SystemExit as end:  # argparse's --help
        return end.code if isinstance(end.code, int) else DONE


def _dispatch(before: Sequence[str], words: Sequence[str]) -> int | None:
    top = top_parser()
    if top.parse(before).version:
        from audio_ft.audio.codec.installed import decoders

        show(f"audio-ft {__version__}", decoders())
        return DONE
    if not words:
        top.print_help(sys.stderr)
        return WRONG
    name, *arguments = words
    command, parsed = command_list.load(name), command_list.parser_of(name).parse(arguments)
    for file in getattr(parsed, "code", ()):
        run_code(file)
    code: int | None = command.run(parsed)
    return code


def top_parser() -> Parser:
    """Return the parser of what comes before the command."""
    lines = [ABOUT, EXAMPLES]
    for stage, commands in command_list.by_stage().items():
        listed = (f"  {name:<12}{what.removesuffix('.')}" for name, what in commands.items())
        lines.append("\n".join((f"{stage}:", *listed)))
    usage = "audio-ft [--debug] [--quiet] COMMAND …"
    parser = Parser(prog="audio-ft", usage=usage, description="\n\n".join(lines), epilog=EXIT_CODES)
    parser.add_argument("--version", **FLAG, help="show the version and the decoders in use")
    add_options(parser, "--debug", "--quiet")
    return parser
