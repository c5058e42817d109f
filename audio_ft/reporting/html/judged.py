"""Test clips as a person reads them: answer beside truth, worst first."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from audio_ft.evaluation.predictions import Predictions

# Answers shown beside the truth.
LIKELIEST = 3
# Confusions worth a line.
CONFUSIONS = 8


@dataclass(frozen=True)
class Answer:
    """Hold one label that the model weighed: its probability, and whether it is the truth."""

    label: str
    probability: float
    true: bool


@dataclass(frozen=True)
class Judged:
    """Hold one test clip: what it is, what the model said, and how bad that is.

    Attributes:
        file: the key of the recording.
        group: its speaker, session or other group; None without groups.
        reference: the truth as text.
        prediction: the answer as text.
        wrong: whether they differ.
        badness: the order of errors; what it measures depends on the kind of target.
        verdict: how wrong it is, in words.
        answers: the likeliest labels, for classes.
    """

    file: str
    group: str | None
    reference: str
    prediction: str
    wrong: bool
    badness: float
    verdict: str
    answers: tuple[Answer, ...] = ()


@dataclass(frozen=True)
class Word:
    """Hold a spoken word beside the one written, "" where there is none.

    `kind` is "equal", "substitution", "deletion", "insertion", or "spelling" for a substitution that the normalizer
    forgives.
    """

    kind: str
    reference: str
    hypothesis: str


@dataclass(frozen=True)
class Confusion:
    """Count the test clips of one class that were taken for another."""

    truth: str
    taken_for: str
    clips: int
    of: int


def judged(predictions: Predictions, language: str | None = None) -> list[Judged]:
    """Return clips with the answers they were given, worst first.

    Args:
        predictions: clips of one split.
        language: what is spoken, for transcripts: errors that its normalizer forgives come after all others.
    """
    if predictions.kind == "text":
        clips = _texts(predictions.table.to_dict("records"), language)
    else:
        judge = {"single": _label, "multi": _labels, "regression": _number}[predictions.kind]
        clips = [judge(row, predictions.labels) for row in predictions.table.to_dict("records")]
    return sorted(clips, key=lambda clip: (not clip.wrong, -clip.badness, clip.file))


def confusions(clips: Sequence[Judged]) -> list[Confusion]:
    """Return the commonest pairs of a true class and the one it was taken for."""
    sizes = Counter(clip.reference for clip in clips)
    pairs = Counter((clip.reference, clip.prediction) for clip in clips if clip.wrong)
    commonest = pairs.most_common(CONFUSIONS)
    return [Confusion(truth, taken_for, count, sizes[truth]) for (truth, taken_for), count in commonest]


def replaced(clips: Iterable[Judged], language: str | None) -> list[Confusion]:
    """Return the pairs of a spoken word and the one it was taken for, "" where it was left out or added.

    The commonest come first; what happened once, or is only spelled otherwise, is no habit.
    """
    words = [word for clip in clips if clip.wrong for word in aligned(clip, language)]
    spoken = Counter(word.reference for word in words)
    pairs = Counter((word.reference, word.hypothesis) for word in words if word.kind not in ("equal", "spelling"))
    return [Confusion(*pair, count, spoken[pair[0]]) for pair, count in pairs.most_common(CONFUSIONS) if count > 1]


def aligned(clip: Judged, language: str | None) -> tuple[Word, ...]:
    """Return truth and transcript of a clip side by side."""
    from audio_ft.metrics.alignment import align
    from audio_ft.metrics.text_normalizers import normalizer

    plain = normalizer(language)
    words = []
    for pair in align(clip.reference, clip.prediction):
        said, written = pair.reference or "", pair.hypothesis or ""
        forgiven = pair.kind == "substitution" and plain(said).split() == plain(written).split()
        words.append(Word("spelling" if forgiven else pair.kind, said, written))
    return tuple(words)


def _shared(row: dict[str, Any]) -> dict[str, Any]:
    group = row.get("group")
    return {"file": str(row["file"]), "group": None if group is None or group != group else str(group)}


def _label(row: dict[str, Any], labels: Sequence[str]) -> Judged:
    """Judge one label a clip: the surer of a wrong answer, the worse."""
    truth, said, sure = str(row["reference"]), str(row["prediction"]), float(row["confidence"])
    wrong = truth != said
    return Judged(
        **_shared(row),
        reference=truth,
        prediction=said,
        wrong=wrong,
        badness=sure,
        verdict=f"{sure:.0%} sure of {'a wrong' if wrong else 'the right'} answer",
        answers=_likeliest(row["probabilities"], labels, {truth}),
    )


def _labels(row: dict[str, Any], labels: Sequence[str]) -> Judged:
    """Judge a set of labels by how many of them are missing or too many, then by the probability misplaced."""
    truth, said = [str(name) for name in row["reference"]], [str(name) for name in row["prediction"]]
    different = set(truth) ^ set(said)
    probabilities = np.asarray(row["probabilities"], np.float64)
    misplaced = float(np.abs(probabilities - [label in truth for label in labels]).sum())
    missed, added = len(set(truth) - set(said)), len(set(said) - set(truth))
    return Judged(
        **_shared(row),
        reference=", ".join(truth) or "(none)",
        prediction=", ".join(said) or "(none)",
        wrong=bool(different),
        badness=len(different) + misplaced / (len(labels) + 1),
        verdict=f"{missed} missed, {added} too many" if different else "all right",
        answers=_likeliest(probabilities, labels, set(truth)),
    )


def _number(row: dict[str, Any], labels: Sequence[str]) -> Judged:
    """Judge a number by its distance from the truth; no number is ever quite right, so all of them count as wrong."""
    truth, said = float(row["reference"]), float(row["prediction"])
    return Judged(
        **_shared(row),
        reference=f"{truth:.4g}",
        prediction=f"{said:.4g}",
        wrong=True,
        badness=abs(said - truth),
        verdict=f"{said - truth:+.4g}",
    )


def _texts(rows: Sequence[dict[str, Any]], language: str | None) -> list[Judged]:
    """Judge transcripts by the words that stay wrong after normalizing, then by all wrong words."""
    from audio_ft.metrics.alignment import errors
    from audio_ft.metrics.text_normalizers import normalizer

    plain = normalizer(language)
    texts = [[plain(str(row[side])) for row in rows] for side in ("reference", "prediction")]
    grave = [count.total for count in errors(*texts)] if rows else []
    return [_text(row, left) for row, left in zip(rows, grave, strict=True)]


def _text(row: dict[str, Any], grave: int) -> Judged:
    """Judge one transcript, of which `grave` words are wrong after normalizing."""
    words, counts = int(row["words"]), [int(row[name]) for name in ("substitutions", "deletions", "insertions")]
    wrong = sum(counts)
    parts = [f"{count} {what}" for count, what in zip(counts, ("replaced", "left out", "added"), strict=True) if count]
    said = f"{', '.join(parts)}; {words:,} {'word' if words == 1 else 'words'} spoken" if wrong else "all right"
    return Judged(
        **_shared(row),
        reference=str(row["reference"]),
        prediction=str(row["prediction"]),
        wrong=wrong > 0,
        badness=1_000 * grave + wrong + min(wrong / max(words, 1), 1.0) / 2,
        verdict=said if grave or not wrong else f"{said}; none wrong but in case, punctuation or spelling",
    )


def _likeliest(probabilities: Any, labels: Sequence[str], truth: set[str]) -> tuple[Answer, ...]:
    """Return the likeliest labels, and the true one where it is not among them."""
    values = [float(value) for value in probabilities]
    order = sorted(range(len(labels)), key=lambda place: -values[place])
    kept = order[:LIKELIEST] + [place for place in order[LIKELIEST:] if labels[place] in truth][:1]
    return tuple(
        Answer(labels[place], values[place] if math.isfinite(values[place]) else 0.0, labels[place] in truth)
        for place in kept
    )
