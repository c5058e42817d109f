"""Score and compare plain arrays: what `audio_ft.metrics` does with a validated sample."""

from __future__ import annotations

from typing import Any

import numpy as np

from audio_ft import metrics
from audio_ft.metrics import comparison
from audio_ft.metrics.samples import Sample
from audio_ft.tasks.base import Places


def places(*clips: int) -> Places:
    """Return where windows lie of which only the clips matter."""
    return Places(np.asarray(clips, np.int64), np.zeros(len(clips)), np.ones(len(clips)))


def sample(kind: str, predictions: Any, references: Any, labels: Any = (), language: str | None = None) -> Sample:
    return Sample.registry[kind].checked(predictions, references, labels, language)


def score(kind: str, predictions: Any, references: Any, labels: Any = (), language: str | None = None, **settings: Any):
    return metrics.score(sample(kind, predictions, references, labels, language), **settings)


def compare(
    kind: str, first: Any, second: Any, references: Any, labels: Any = (), language: str | None = None, **settings: Any
):
    one, two = (sample(kind, each, references, labels, language) for each in (first, second))
    return comparison.compare(one, two, **settings)
