"""Figures of recordings, trainings and predictions. Each function returns a matplotlib Figure.

Example:
    plots.learning_curves(run).savefig("curves.png")
    plots.to_svg(plots.feature(clip, "mfcc", theme=plots.DARK))
"""

from __future__ import annotations

from audio_ft.plots.audio import before_after, feature, features
from audio_ft.plots.classification import confusion_matrix, reliability, selective_accuracy
from audio_ft.plots.comparisons import histogram, robustness_curve, slices
from audio_ft.plots.explanation import evidence, faithfulness_curves
from audio_ft.plots.export import to_png, to_svg, write
from audio_ft.plots.theme import DARK, LIGHT, Theme
from audio_ft.plots.timeline import timeline
from audio_ft.plots.training import headline, learning_curves, score_intervals

__all__ = [
    "DARK",
    "LIGHT",
    "Theme",
    "before_after",
    "confusion_matrix",
    "evidence",
    "faithfulness_curves",
    "feature",
    "features",
    "headline",
    "histogram",
    "learning_curves",
    "reliability",
    "robustness_curve",
    "score_intervals",
    "selective_accuracy",
    "slices",
    "timeline",
    "to_png",
    "to_svg",
    "write",
]
