"""Error rates of transcripts: words and characters as written, words after Whisper's normalizers, kinds of error.

All are sums over the whole set, errors over the words of all references, and not averages of clips.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from audio_ft.metrics.base import AudioMetric, Measured, divide
from audio_ft.metrics.samples import Tally
from audio_ft.metrics.units import FloatArray, kish
from audio_ft.metrics.view import View

# Errors cluster in clips (a noisy recording, an omitted sentence): the correlation of two words of a clip that is
# assumed until the resamples show another.
_WITHIN_CLIP = 0.2


class ErrorRate(AudioMetric):
    """Errors over the words or characters of the references; a subclass sets the unit."""

    kinds = ("transcript",)
    greater_is_better = False
    scale = "rate"
    unit: ClassVar[Tally]

    @classmethod
    def measure(cls, view: View) -> dict[str, Measured]:
        """Return the rate of all errors."""
        counts = view.sample.tally(cls.unit)
        return {cls.names[0]: _rate(view, counts[:, 1:].sum(axis=1), counts[:, 0])}


class Wer(ErrorRate):
    """Word error rate as written: substitutions, deletions and insertions over reference words, jiwer's default."""

    names = ("wer",)
    unit = "words"


class WerNormalized(ErrorRate):
    """Word error rate after Whisper's normalizer for the language; see audio_ft.metrics.text_normalizers."""

    names = ("wer_normalized",)
    unit = "normalized words"


class Cer(ErrorRate):
    """Character error rate as written, spaces between words included, jiwer's default."""

    names = ("cer",)
    unit = "characters"


class WordErrors(ErrorRate):
    """Parts of the word error rate: words replaced, left out and added, each over reference words."""

    names = ("substitution_rate", "deletion_rate", "insertion_rate")

    @classmethod
    def measure(cls, view: View) -> dict[str, Measured]:
        """Return substitution_rate, deletion_rate and insertion_rate, which add up to wer."""
        counts = view.sample.tally("words")
        return {name: _rate(view, counts[:, column], counts[:, 0]) for column, name in enumerate(cls.names, start=1)}


def _rate(view: View, errors: FloatArray, words: FloatArray) -> Measured:
    """Return errors over words in each resample, with the effective number of independent words."""
    above, below = view.weights @ errors, view.weights @ words
    if not words.any():  # the rate is the number of insertions, as in jiwer
        return Measured(above, effective=np.ones(len(above)))
    return Measured(divide(above, below), effective=below / kish(words, _WITHIN_CLIP))
