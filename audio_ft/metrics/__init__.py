"""Scores and their 95 % intervals, computed from arrays.

`score` computes everything for one kind of target; `METRICS` holds the evaluate.Metric classes behind it, by name.
Importing this package is cheap: the classes, and evaluate with them, are imported when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

# Imported after the submodule `score`, so that the package's attribute `score` is the function.
from audio_ft.metrics.compute import score
from audio_ft.metrics.intervals import bootstrap, resampling
from audio_ft.metrics.registry import METRICS, direction
from audio_ft.metrics.score import Score

if TYPE_CHECKING:
    from audio_ft.metrics.classification import confusion

__all__ = ["METRICS", "Score", "bootstrap", "confusion", "direction", "resampling", "score"]


def __getattr__(name: str) -> Any:
    if name == "confusion":
        from audio_ft.metrics.classification import confusion

        return confusion
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
