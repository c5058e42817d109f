"""Error rates of transcripts: words and characters as written, words after Whisper's normalizers, kinds of error.

All are sums over the whole set, errors over what the references hold, and not averages of clips: an empty reference
adds its insertions to the errors and nothing to the words, an empty transcript deletes every word of its reference.
Where not one reference holds a word the rate is the number of insertions, which is jiwer's definition. A resample that
happens to draw no word from a set that has some is left out of the interval.
"""

from __future__ import annotations

import numpy as np

from audio_ft.metrics.base import AudioMetric, Measured
from audio_ft.metrics.intervals import FloatArray
from audio_ft.metrics.resampling import View
from audio_ft.metrics.samples import Tally

# Errors of one clip come together (a noisy recording, a sentence left out): two words of a clip are taken to be right
# or wrong together with this correlation until the resamples say otherwise.
_WITHIN_CLIP = 0.2


class Wer(AudioMetric):
    """Word error rate as written: substitutions, deletions and insertions over reference words, jiwer's default."""

    kinds = ("transcript",)
    names = ("wer",)
    greater_is_better = False
    scale = "rate"

    @classmethod
    def measure(cls, view: View) -> dict[str, Measured]:
        """Return wer."""
        return {"wer": _all_errors(view, "words")}


class WerNormalized(AudioMetric):
    """Word error rate after Whisper's normalizer for the language; see audio_ft.metrics.text_normalizers."""

    kinds = ("transcript",)
    names = ("wer_normalized",)
    greater_is_better = False
    scale = "rate"

    @classmethod
    def measure(cls, view: View) -> dict[str, Measured]:
        """Return wer_normalized."""
        return {"wer_normalized": _all_errors(view, "normalized words")}


class Cer(AudioMetric):
    """Character error rate as written, spaces between words included, jiwer's default."""

    kinds = ("transcript",)
    names = ("cer",)
    greater_is_better = False
    scale = "rate"

    @classmethod
    def measure(cls, view: View) -> dict[str, Measured]:
        """Return cer."""
        return {"cer": _all_errors(view, "characters")}


class WordErrors(AudioMetric):
    """Parts of the word error rate: words replaced, left out and added, each over reference words."""

    kinds = ("transcript",)
    names = ("substitution_rate", "deletion_rate", "insertion_rate")
    greater_is_better = False
    scale = "rate"

    @classmethod
    def measure(cls, view: View) -> dict[str, Measured]:
        """Return substitution_rate, deletion_rate and insertion_rate, which add up to wer."""
        counts = view.sample.tally("words")
        return {name: _rate(view, counts[:, column], counts[:, 0]) for column, name in enumerate(cls.names, start=1)}


def _all_errors(view: View, unit: Tally) -> Measured:
    counts = view.sample.tally(unit)
    return _rate(view, counts[:, 1:].sum(axis=1), counts[:, 0])


def _rate(view: View, errors: FloatArray, words: FloatArray) -> Measured:
    """Return errors over words in each resample, known as well as so many independent words would tell it."""
    above, below = view.weights @ errors, view.weights @ words
    if not words.any():
        return Measured(above, effective=np.ones(len(above)))
    values = np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0)
    # Kish's design effect, the size of the cluster being the words of the clip that the average word is in.
    design = 1 + (float((words**2).sum() / words.sum()) - 1) * _WITHIN_CLIP
    return Measured(values, effective=below / design)
