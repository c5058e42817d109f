"""Predictions next to the truth, as the report shows them: a record for each clip, and the sentences on all of them."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from audio_ft.metrics import Score
from audio_ft.targets.wording import Wording


@dataclass(frozen=True)
class Weighed:
    """Hold one label with its probability, and whether it is the truth."""

    label: str
    probability: float
    true: bool


# From when to when (s) an event lasts, and whether it was found, or is a true one.
Span = tuple[float, float, bool]


@dataclass(frozen=True)
class Lane:
    """Hold the true and the predicted events of one class in a recording."""

    label: str
    truth: tuple[Span, ...]
    prediction: tuple[Span, ...]


@dataclass(frozen=True)
class Judged:
    """Hold one clip: its truth, its prediction, and how wrong that is.

    Attributes:
        file: the key of the recording.
        group: its speaker, session or other group; None without groups.
        reference: the truth as text.
        prediction: the prediction as text.
        wrong: whether they differ.
        badness: the order of errors; what it measures depends on the target.
        verdict: how wrong it is, in words.
        weighed: the most probable labels, for classes.
        lanes: events by class, for targets with times.
    """

    file: str
    group: str | None
    reference: str
    prediction: str
    wrong: bool
    badness: float
    verdict: str
    weighed: tuple[Weighed, ...] = ()
    lanes: tuple[Lane, ...] = ()

    @classmethod
    def of(cls, row: Mapping[str, Any], **judgment: Any) -> Judged:
        """Return the clip of a row of predictions.parquet."""
        group = row.get("group")
        return cls(file=str(row["file"]), group=None if group is None or group != group else str(group), **judgment)


@dataclass(frozen=True)
class Word:
    """Hold a spoken word and the predicted one, "" where there is none.

    `kind` is as in `metrics.alignment`, or "spelling" for a substitution that the normalizer ignores.
    """

    kind: str
    reference: str
    hypothesis: str


@dataclass(frozen=True)
class Confusion:
    """Count how often one class or word was predicted as another, out of how many."""

    truth: str
    predicted: str
    clips: int
    of: int


class Reported(ABC):
    """Say what the report says of predictions; the part of `Target` that puts them into words."""

    wording: ClassVar[Wording]

    def judge(self, row: Mapping[str, Any]) -> Judged:
        """Return a row of predictions.parquet for the report: text, verdict and order of errors."""
        truth, guess = str(row["reference"]), str(row["prediction"])
        verdict = "right" if truth == guess else "wrong"
        return Judged.of(row, reference=truth, prediction=guess, wrong=truth != guess, badness=1.0, verdict=verdict)

    def lead(self, clips: Sequence[Judged]) -> str:
        """Return the result as a clause for the top of the report."""
        right = sum(not clip.wrong for clip in clips)
        return f"{right:,} of {len(clips):,} test recordings are {self.wording.right}"

    def predictions_lead(self, clips: Sequence[Judged], scores: Mapping[str, Score]) -> str:
        """Return the sentence that introduces the confusions."""
        return f"{sum(clip.wrong for clip in clips):,} of {len(clips):,} test recordings are predicted wrongly."

    def confusions(self, clips: Sequence[Judged]) -> list[Confusion]:
        """Return the most frequent confusions of classes or words."""
        return []

    def words(self, clip: Judged) -> tuple[Word, ...]:
        """Return truth and prediction of a clip word by word, for targets of words."""
        return ()
