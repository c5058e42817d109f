"""Scores and their 95 % intervals, computed from arrays.

`score` computes everything for one kind of target; `METRICS` holds the evaluate.Metric classes behind it, by name.
Importing this package is cheap: the classes, and evaluate with them, are imported when they are first used.
"""

from audio_ft.metrics.compute import score
from audio_ft.metrics.intervals import Score
from audio_ft.metrics.registry import METRICS, direction
from audio_ft.metrics.spread import Spread
from audio_ft.metrics.units import bootstrap, resampling

__all__ = ["METRICS", "Score", "Spread", "bootstrap", "direction", "resampling", "score"]
