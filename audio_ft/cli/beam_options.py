"""The arguments by which `predict` and `evaluate` let a language model help: beam search in greedy decoding's stead."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from audio_ft.errors import InputError

if TYPE_CHECKING:
    from audio_ft.tasks.ctc_beam import Beam


def add_beam_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of beam search."""
    group = parser.add_argument_group("beam search, for models that write character by character")
    group.add_argument("--lm", metavar="FILE", help="language model of words: ARPA file (see audio-ft lm) or KenLM's")
    group.add_argument("--lm-words", metavar="FILE", help="the words that may be written (default: the ARPA file's)")
    group.add_argument("--lm-weight", metavar="W", type=float, help="weight of the language model (default: 1)")
    group.add_argument("--word-score", metavar="S", type=float, help="what each word adds to a text (default: 0)")
    group.add_argument("--beams", metavar="N", type=int, help="hypotheses followed at a time (default: 50)")


def beam_of(arguments: argparse.Namespace) -> Beam | None:
    """Return the beam search that the arguments ask for, or None.

    Raises:
        InputError: settings of a search without its language model, or settings that cannot be.
    """
    from audio_ft.tasks.ctc_beam import Beam

    options = {"words": "--lm-words", "weight": "--lm-weight", "word_score": "--word-score", "beams": "--beams"}
    given = {name: getattr(arguments, option.strip("-").replace("-", "_")) for name, option in options.items()}
    settings = {name: value for name, value in given.items() if value is not None}
    if arguments.lm is not None:
        return Beam(arguments.lm, **settings)
    if settings:
        raise InputError(f"{options[next(iter(settings))]} is about beam search; name a language model with --lm FILE.")
    return None
