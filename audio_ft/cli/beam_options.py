"""The options of `predict` and `evaluate` for beam search with a language model, instead of greedy decoding."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from audio_ft.errors import InputError

if TYPE_CHECKING:
    from audio_ft.tasks.ctc_beam import Beam


def add_beam_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of beam search."""
    group = parser.add_argument_group("beam search, for CTC models")
    group.add_argument("--lm", metavar="FILE", help="language model of words: ARPA (see audio-ft lm) or KenLM")
    group.add_argument("--lm-words", metavar="FILE", help="words that may be predicted (default: all of the model)")
    group.add_argument("--lm-weight", metavar="W", type=float, help="weight of the language model (default: 1)")
    group.add_argument("--word-score", metavar="S", type=float, help="score added for each word (default: 0)")
    group.add_argument("--beams", metavar="N", type=int, help="hypotheses kept at each step (default: 50)")


def beam_of(arguments: argparse.Namespace) -> Beam | None:
    """Return the beam search that the options ask for, or None.

    Raises:
        InputError: options of beam search without a language model, or wrong values.
    """
    from audio_ft.tasks.ctc_beam import Beam

    options = {"words": "--lm-words", "weight": "--lm-weight", "word_score": "--word-score", "beams": "--beams"}
    given = {name: getattr(arguments, option.strip("-").replace("-", "_")) for name, option in options.items()}
    settings = {name: value for name, value in given.items() if value is not None}
    if arguments.lm is not None:
        return Beam(arguments.lm, **settings)
    if settings:
        raise InputError(f"{options[next(iter(settings))]} needs a language model: add --lm FILE.")
    return None
