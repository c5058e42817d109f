"""The command line: finds the verb, and hands its arguments to the verb's own file in `commands/`."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from audio_ft import __version__
from audio_ft.cli.console import DONE, WRONG, Parser, add_common_arguments, guarded, nearest, show
from audio_ft.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

VERBS = {
    "quickstart": "run the whole job on what ships inside: no network, no GPU, about two minutes",
    "inspect": "show what recordings hold: counts, durations, rates, classes, and what a split would leak",
    "show": "draw or save what recordings hold: waveform, spectrogram, MFCC and a dozen features more",
    "clean": "clean one recording or a folder, to hear what training will hear",
    "prepare": "clean a data set into processed recordings, features and split lists",
    "train": "fine-tune a model, as a recipe or flags say",
    "evaluate": "score a model on a split, with 95 % intervals",
    "robustness": "say how the score falls in noise, rooms, on the telephone, too loud, too fast or cut short",
    "compare": "say which of two runs is better, on the same clips",
    "predict": "answer about recordings, with the model's own cleaning",
    "lm": "make a language model of words, for predict and evaluate --lm",
    "report": "write a run as one HTML page: scores, curves, confusions, and errors to listen to",
    "card": "write the model card of a run",
    "reproduce": "train again from run.json, and say whether the scores agree",
    "push": "put a finished run on the Hub, in one commit or not at all",
}
EXAMPLES = """examples:
  audio-ft quickstart
  audio-ft inspect recordings
  audio-ft train --model facebook/wav2vec2-base --data recordings --output-dir runs/first
  audio-ft evaluate runs/first recordings --split test
  audio-ft predict runs/first door.wav

`audio-ft VERB --help` explains a verb. Exit codes: 0 done, 1 failed, 2 wrong arguments or data, 130 stopped."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 failed, 2 wrong arguments or data, 130 stopped."""
    words = list(sys.argv[1:] if argv is None else argv)
    ahead = words[: _place_of_verb(words)]
    rest = words[len(ahead) :]
    try:
        return guarded(lambda: _dispatch(ahead, rest), debug="--debug" in words, quiet="--quiet" in words)
    except SystemExit as end:  # argparse's --help
        return end.code if isinstance(end.code, int) else DONE


def _dispatch(ahead: Sequence[str], rest: Sequence[str]) -> int:
    top = top_parser()
    if top.parse(ahead).version:
        show(_versions())
        return DONE
    if not rest:
        top.print_help(sys.stderr)
        return WRONG
    verb = rest[0]
    if verb not in VERBS:
        raise InputError(f"there is no verb {verb!r}; there are {', '.join(VERBS)}.{nearest(verb, list(VERBS))}")
    arguments = verb_parser(verb).parse(rest[1:])
    return int(_command(verb).run(arguments))


def _place_of_verb(words: Sequence[str]) -> int:
    """Return where the verb stands: the options before it take no values."""
    return next((place for place, word in enumerate(words) if not word.startswith("-")), len(words))


def top_parser() -> Parser:
    """Return the parser of what stands before the verb."""
    verbs = "\n".join(f"  {verb:<12}{what}" for verb, what in VERBS.items())
    parser = Parser(
        prog="audio-ft",
        usage="audio-ft [--debug] [--quiet] VERB …",
        description=f"Fine-tune Wav2Vec2, HuBERT and Whisper on your own recordings.\n\nverbs:\n{verbs}",
        epilog=EXAMPLES,
    )
    parser.add_argument("--version", action="store_true", help="show the version and the decoders in use")
    add_common_arguments(parser)
    return parser


def verb_parser(verb: str) -> Parser:
    """Return the parser of one verb."""
    what = VERBS[verb]
    parser = Parser(prog=f"audio-ft {verb}", description=f"{what[0].upper()}{what[1:]}.")
    _command(verb).add_arguments(parser)
    add_common_arguments(parser)
    return parser


def _command(verb: str) -> Any:
    """Return the module of a verb: `add_arguments(parser)` and `run(arguments)`."""
    return import_module(f"audio_ft.cli.commands.{verb}")


def _versions() -> str:
    from audio_ft.audio.clip import decoders

    return f"audio-ft {__version__}\n{decoders()}"


if __name__ == "__main__":
    sys.exit(main())
