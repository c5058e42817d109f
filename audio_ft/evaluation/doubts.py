"""Label doubts: rank clips by how probably their label is wrong, from out-of-fold predictions on frozen features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from audio_ft.cleaning.chain import Chain
from audio_ft.data import Data, load
from audio_ft.data.loader import ANY_CLASSES
from audio_ft.errors import InputError
from audio_ft.evaluation.probe import Probed, out_of_fold
from audio_ft.evaluation.scoring import Rows, clean_rows
from audio_ft.file_io import finite
from audio_ft.formatting import counted
from audio_ft.inference.embeddings import Encoder
from audio_ft.redaction import display_name
from audio_ft.targets import Target

if TYPE_CHECKING:
    from datasets import Dataset

# A number is counted as doubtful beyond so many robust standard deviations (Iglewicz and Hoaglin 1993).
OUTLYING = 3.5
# The median absolute deviation of a normal distribution in standard deviations.
MAD = 0.6745


@dataclass(frozen=True)
class Doubt:
    """Say how far a clip's label can be trusted.

    Attributes:
        file: the clip's name in the data.
        group: its speaker or session, None without.
        target: its label or number, as the data has it.
        suggestion: what the probes predict.
        confidence: their probability of the suggestion; None for numbers.
        quality: cleanlab's label quality, from 0 (probably wrong) to 1; for one label, the probability of the label.
        reason: the doubt in words.
        measures: other measurements by name, for transcripts.
    """

    file: str
    group: str | None
    target: Any
    suggestion: Any
    confidence: float | None
    quality: float
    reason: str
    measures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Doubts:
    """Hold the clips of a data set, the most doubtful first.

    Attributes:
        clips: all clips that could be judged.
        estimated: how many labels are estimated to be wrong (for labels, by confident learning).
        kind: the kind of target.
        column: the column that the targets come from.
        method: how the doubts were found, in sentences.
        unreadable: key and reason of each recording that was left out.
        warnings: what a user should know about the data.
        table: the recordings, undecoded.
        grouped_by: the column of groups, None without.
    """

    clips: tuple[Doubt, ...]
    estimated: int
    kind: str
    column: str
    method: tuple[str, ...]
    unreadable: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]
    table: Dataset = field(repr=False)
    grouped_by: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the recordings as JSON values."""
        clips = [asdict(clip) for clip in self.clips]
        for clip in clips:
            clip["measures"] = {name: finite(value) for name, value in clip["measures"].items()}
        others = ("estimated", "kind", "column", "method", "unreadable", "warnings")
        return {"clips": clips, **{name: getattr(self, name) for name in others}}


def doubts(encoder: Encoder, data: Data | str | Path, *, targets: Sequence[type[Target]] = ANY_CLASSES) -> Doubts:
    """Rank the clips of all splits of labeled data by how probably their label is wrong.

    Args:
        encoder: a frozen network that has not been trained on these labels.
        data: recordings with one label, several labels or a number each.
        targets: the kinds of target to try, in order.

    Example:
        >>> import audio_ft as aft
        >>> encoder = aft.Encoder.load("openai/whisper-tiny.en")  # doctest: +SKIP
        >>> found = aft.doubts(encoder, "recordings")  # doctest: +SKIP
        >>> found.clips[0].target, found.clips[0].suggestion  # doctest: +SKIP
        ('yes', 'no')

    Raises:
        InputError: the data cannot be read or has too few clips, or cleanlab is not installed.
    """
    rank = _cleanlab("rank")
    loaded = load(
        Data.accept(data).replace(folds=None, test_fold=None), targets=targets, need=("train",), together=True
    )
    table, target = loaded.splits["train"], loaded.target
    # The default cleaning of a plain checkpoint gives way to the one that prepared recordings went through.
    chain = Chain(()) if encoder.loose and loaded.chain is not None else encoder.chain.remaining(loaded.chain)
    encoder = encoder.covering(table)
    rows = Rows(table, clean_rows(table, chain, encoder.adapter.sample_rate))
    left = table.select(rows.readable)
    given, keys = list(left["target"]), list(left["key"])
    probed = out_of_fold(target, given, encoder.embed(rows.cleaned), rows.groups, keys=keys)
    references = target.encode(given)
    quality = _quality(rank, target, references, probed.predictions)
    clips = [
        _doubt(target, *row)
        for row in zip(keys, list(left["group"]), given, probed.predictions, quality.tolist(), strict=True)
    ]
    return Doubts(
        clips=tuple(sorted(clips, key=lambda clip: (clip.quality, clip.file))),
        estimated=_estimated(target, references, probed.predictions),
        kind=target.kind,
        column=loaded.column,
        method=_method(encoder, probed, clips, loaded.group),
        unreadable=rows.cleaned.errors,
        warnings=loaded.warnings,
        table=table,
        grouped_by=loaded.group,
    )


def _cleanlab(module: str) -> Any:
    """Return a module of cleanlab, which is imported when it is needed."""
    import importlib

    try:
        return importlib.import_module(f"cleanlab.{module}")
    except ImportError as error:
        raise InputError(f"Label doubts need cleanlab ({error}): pip install 'audio-ft[doubts]'.") from error


def _quality(rank: Any, target: Target, references: NDArray[Any], predictions: NDArray[Any]) -> NDArray[np.float64]:
    """Return cleanlab's label quality score of each clip (clips,).

    Self-confidence, the probability of the label: of 30 labels swapped in emotion_de and 150 in digits it found more
    than the normalized margin with every layer, and more unadjusted than adjusted for the classes' mean confidence.
    """
    if target.regression:
        scores = _cleanlab("regression.rank").get_label_quality_scores
        return np.asarray(scores(references, predictions, method="residual"), np.float64)
    if target.exclusive:
        return np.asarray(rank.get_label_quality_scores(references, predictions), np.float64)
    scores = _cleanlab("multilabel_classification").get_label_quality_scores
    return np.asarray(scores([np.flatnonzero(row).tolist() for row in references], predictions), np.float64)


def _estimated(target: Target, references: NDArray[Any], predictions: NDArray[Any]) -> int:
    """Return how many targets are probably wrong: by confident learning (Northcutt et al. 2021), or far residuals."""
    if target.regression:
        residuals = predictions - references
        deviations = np.abs(residuals - np.median(residuals))
        return int((MAD * deviations > OUTLYING * np.median(deviations)).sum())
    if target.exclusive:
        return int(_cleanlab("count").num_label_issues(references, predictions))
    labels = [np.flatnonzero(row).tolist() for row in references]
    return int(_cleanlab("count").num_label_issues(labels, predictions, multi_label=True,
                                                   estimation_method="off_diagonal_calibrated"))  # fmt: skip


def _doubt(target: Any, key: str, group: str | None, given: Any, prediction: NDArray[Any], quality: float) -> Doubt:
    """Return what the probes say of one clip."""
    found = target.as_dict(prediction)
    if target.regression:
        value = float(prediction)
        reason = f"{given:g} in the data, {value:.4g} predicted"
        return Doubt(key, group, given, value, None, quality, reason)
    suggestion = target.predicted(found)
    if target.exclusive:
        confidence = found[suggestion]
        reason = "" if suggestion == given else f"{suggestion} {confidence:.0%}, {given} {found[given]:.0%}"
        return Doubt(key, group, given, suggestion, confidence, quality, reason)
    missing, extra = sorted(set(suggestion) - set(given)), sorted(set(given) - set(suggestion))
    marks = [f"+{name} {found[name]:.0%}" for name in missing] + [f"-{name} {found[name]:.0%}" for name in extra]
    confidence = min((max(found[name], 1 - found[name]) for name in (*missing, *extra)), default=1.0)
    return Doubt(key, group, list(given), suggestion, confidence, quality, ", ".join(marks))


def _method(encoder: Encoder, probed: Probed, clips: Sequence[Doubt], group: str | None) -> tuple[str, ...]:
    """Return how the doubts were found, and how much the probes know."""
    probes = ", ".join(f"layer {probe.layer} (C={probe.penalty:g})" for probe in probed.probes)
    apart = f"disjoint by {group}" if probed.by_group else "not disjoint by speaker"
    trained = f"predicted out of fold ({apart}) by linear probes on {display_name(encoder.name)}"
    lines = [f"{counted(len(clips), 'clip')}, {trained}: {probes}"]
    if any(clip.confidence is not None for clip in clips):
        agreed = sum(clip.suggestion == clip.target for clip in clips)
        lines.append(
            f"the probes agree with {agreed / len(clips):.0%} of the data; doubts mean more where they know more"
        )
    if probed.centered:
        lines.append(f"features standardized within each {group}, which lowers the loss")
    return tuple(lines)
