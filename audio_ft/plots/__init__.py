"""Figures of recordings, trainings and predictions: each function returns a matplotlib Figure.

from audio_ft import plots
plots.learning_curves(run).savefig("curves.png")
plots.to_svg(plots.feature(clip, "mfcc", theme=plots.DARK))
"""

from __future__ import annotations

from audio_ft.plots.answers import confusion_matrix, reliability, selective_accuracy
from audio_ft.plots.audio import before_after, feature, features, mel, spectrogram, waveform
from audio_ft.plots.comparisons import slices, stress_curve
from audio_ft.plots.pictures import to_png, to_svg, write
from audio_ft.plots.theme import DARK, LIGHT, Theme
from audio_ft.plots.training import headline, learning_curves, score_intervals

__all__ = [
    "DARK",
    "LIGHT",
    "Theme",
    "before_after",
    "confusion_matrix",
    "feature",
    "features",
    "headline",
    "learning_curves",
    "mel",
    "reliability",
    "score_intervals",
    "selective_accuracy",
    "slices",
    "spectrogram",
    "stress_curve",
    "to_png",
    "to_svg",
    "waveform",
    "write",
]
