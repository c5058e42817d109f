"""Voices: groups of recordings that may be one speaker under two names, by the embeddings of a frozen encoder.

How far apart two voices are differs from network to network and from data set to data set, so it is measured in the
data itself: two halves of one group are one voice, two groups are two. Groups that are as near as halves of one, and
much nearer than the others, are reported. `benchmarks/voices.py` measures how many planted ones that finds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from audio_ft.data.findings import Finding, ranked
from audio_ft.data.rows import audio_table
from audio_ft.data.splitting.splits import FLATTERS
from audio_ft.doctor.inspection import Inspection, Recording
from audio_ft.evaluation.scoring import clean_rows
from audio_ft.formatting import counted
from audio_ft.inference.embeddings import Encoder
from audio_ft.redaction import display_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

# Statistics of fewer groups, or of groups of fewer clips, are those of chance: with four or five groups of digits there
# were more false alarms than `EXPECTED` (benchmarks/voices.py). More clips of a group tell little more.
FEWEST_GROUPS, FEWEST_CLIPS, MOST_CLIPS = 6, 8, 60
# Principal components that are compared, at most one for so many clips.
COMPONENTS, CLIPS_EACH = 64, 4
# Each group is halved so often, at random.
HALVINGS = 20
# Pairs count as near as halves of one group up to this share of the halves.
HALVES = 0.95
# One such pair for so many groups may be a speaker under two names. Where more are, the network does not tell voices
# apart, and the spread of the others, from which all near ones are left out, would make each of them look unlikely.
GROUPS_EACH = 4
# Pairs are reported that groups of different speakers would give in one of ten data sets of this size, by the spread of
# the others. `benchmarks/voices.py` measures that it is kept.
EXPECTED = 0.1
# The deviation of log distances is never taken to be less: a few pairs may agree by chance.
LEAST_DEVIATION = 0.05
# Keeps distances of equal clips above 0.
LEAST = 1e-9
# The name of the finding, and how many recordings it names.
SAME_VOICE, KEYS = "same voice", 6


class Near(NamedTuple):
    """Say that two groups sound like one speaker.

    `distance` is that of two halves of one group where it is 1, `usual` that of other groups; `expected` is how many
    pairs of different speakers would be as near in a data set of this size.
    """

    group: str
    other: str
    distance: float
    usual: float
    expected: float


@dataclass(frozen=True)
class Voices:
    """Hold which groups may be one speaker, the nearest first, and how that was found, in a sentence."""

    pairs: tuple[Near, ...]
    method: str


class _Layer(NamedTuple):
    """Hold squared distances in one layer as logarithms: of halves (halvings, groups) and of pairs of groups."""

    halves: Floats
    pairs: Floats

    @property
    def bound(self) -> float:
        """Return up to which distance two groups are as near as halves of one."""
        return float(np.quantile(self.halves, HALVES))

    @property
    def separation(self) -> float:
        """Return by how many robust deviations the usual pair is farther apart than halves of one group."""
        middle = np.median(self.pairs)
        deviation = 1.4826 * float(np.median(np.abs(self.pairs - middle)))
        return float(middle - self.bound) / max(deviation, LEAST_DEVIATION)


def compare_voices(features: NDArray[np.float32], groups: Sequence[str]) -> Voices:
    """Compare the voices of groups.

    Args:
        features: vectors (clips, layers, width), as `inference.embed` returns them.
        groups: the group of each clip. Those of fewer than `FEWEST_CLIPS` clips are left out.
    """
    if few := _too_few(groups):
        return Voices((), few)
    names, codes, counts = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)
    kept = np.flatnonzero(counts >= FEWEST_CLIPS)
    rows = np.flatnonzero(np.isin(codes, kept))
    codes, size = np.searchsorted(kept, codes[rows]), int(counts[kept].min() // 2)
    one, two = np.triu_indices(len(kept), 1)
    layers = [_layer(features[rows, layer], codes, size, (one, two)) for layer in range(features.shape[1])]
    number = int(np.argmax([layer.separation for layer in layers]))
    best = layers[number]
    near = best.pairs <= best.bound
    others = best.pairs[~near]
    compared = f"{counted(len(rows), 'clip')} of {counted(len(kept), 'group')} compared in layer {number}"
    crowded = near.sum() > len(kept) / GROUPS_EACH
    if crowded or _expected(np.median(best.halves), others, best) > EXPECTED:
        return Voices((), f"cannot be told apart here: two halves of one group are nearly as far apart as two groups "
                          f"({compared})")  # fmt: skip
    expected = _expected(best.pairs, others, best)
    unit = float(best.halves.mean())
    usual = float(np.exp((others.mean() - unit) / 2))
    pairs = [
        Near(str(names[kept[one[pair]]]), str(names[kept[two[pair]]]), float(np.exp((best.pairs[pair] - unit) / 2)),
             usual, float(expected[pair]))
        for pair in np.argsort(best.pairs)
        if near[pair] and expected[pair] <= EXPECTED
    ]  # fmt: skip
    return Voices(tuple(pairs), f"{compared}; groups are {usual:.1f} times as far apart as halves of one")


def _too_few(groups: Sequence[str]) -> str:
    """Return why the groups of clips are too few to be compared, "" if they are not."""
    enough = sum(count >= FEWEST_CLIPS for count in Counter(groups).values())
    if enough >= FEWEST_GROUPS:
        return ""
    return f"cannot be compared: that takes {FEWEST_GROUPS} groups of {FEWEST_CLIPS} clips, and there are {enough}"


def _layer(
    features: NDArray[np.float32], codes: NDArray[np.int64], size: int, pairs: tuple[NDArray[np.int64], ...]
) -> _Layer:
    """Return the distances in one layer; of each group, two halves of `size` clips are drawn again and again.

    Distances are those of Mahalanobis, with the covariance within halves, so that what is said counts less.
    """
    from scipy.spatial.distance import cdist
    from sklearn.covariance import ledoit_wolf

    points, rng = _components(features), np.random.default_rng(0)
    count = int(codes.max()) + 1
    halves, total = [], np.zeros((count, count))
    for _ in range(HALVINGS):
        order = rng.permutation(len(codes))
        order = order[np.argsort(codes[order], kind="stable")]
        place = np.arange(len(order)) - np.searchsorted(codes[order], codes[order])
        drawn = place < 2 * size
        half = 2 * codes[order[drawn]] + (place[drawn] >= size)
        clips = points[order[drawn]]
        centers = clips.reshape(2 * count, size, -1).mean(1)
        covariance, _ = ledoit_wolf(clips - centers[half], assume_centered=True)
        white = np.linalg.solve(np.linalg.cholesky(covariance + LEAST * np.eye(len(covariance))), centers.T).T
        squared = cdist(white[::2], white[1::2], "sqeuclidean") + LEAST
        halves.append(np.log(np.diag(squared)))
        total += squared
    return _Layer(np.array(halves), np.log((total + total.T) / (2 * HALVINGS))[pairs])


def _components(features: NDArray[np.float32]) -> Floats:
    """Return the principal components of standardized features (clips, width) with the most variance."""
    scaled = (features - features.mean(0)) / (features.std(0) + 1e-6)
    _, _, axes = np.linalg.svd(scaled, full_matrices=False)
    return np.asarray(scaled @ axes[: min(COMPONENTS, len(scaled) // CLIPS_EACH)].T, np.float64)


def _expected(distance: Floats | float, others: Floats, layer: _Layer) -> Floats:
    """Return how many pairs of different groups would be as near as a distance, by the t distribution of the others.

    Pairs share groups, so the degrees of freedom are those of groups and not of pairs.
    """
    from scipy.stats import t

    count = (1 + np.sqrt(1 + 8 * len(layer.pairs))) / 2
    deviation = max(float(others.std(ddof=1)), LEAST_DEVIATION) * np.sqrt(1 + 1 / len(others))
    return np.asarray(t.sf((others.mean() - distance) / deviation, count - 1) * len(layer.pairs))


def with_voices(found: Inspection, encoder: Encoder) -> Inspection:
    """Return an inspection with findings on groups that may be one speaker under two names."""
    clips = chosen(found.recordings)
    if few := _too_few([str(one.group) for one in clips]):
        return replace(found, voices=few)
    clips, features = embedded(clips, encoder)
    voices = compare_voices(features, [str(one.group) for one in clips])
    findings = [_finding(pair, found.recordings) for pair in voices.pairs]
    names = {key: finding.name for finding in findings for key in finding.keys}
    recordings = tuple(replace(one, findings=(*one.findings, names[one.key])) if one.key in names else one
                       for one in found.recordings)  # fmt: skip
    return replace(found, findings=ranked([*found.findings, *findings]), recordings=recordings,
                   voices=f"{display_name(encoder.name)}: {voices.method}")  # fmt: skip


def chosen(recordings: Sequence[Recording]) -> list[Recording]:
    """Return recordings that have a group and a sound, at most `MOST_CLIPS` of a group, drawn by chance."""
    by_group: dict[str, list[Recording]] = {}
    for one in sorted(recordings, key=lambda one: one.key):
        if one.group and one.header.error is None and not (one.measured and one.measured.silent):
            by_group.setdefault(one.group, []).append(one)
    rng = np.random.default_rng(0)
    return [own[row] for _, own in sorted(by_group.items())
            for row in np.sort(rng.permutation(len(own))[:MOST_CLIPS])]  # fmt: skip


def embedded(clips: Sequence[Recording], encoder: Encoder) -> tuple[list[Recording], NDArray[np.float32]]:
    """Return the clips that can be read, and their vectors (clips, layers, width)."""
    table, places = audio_table([one.source for one in clips])
    table = table.select(places)
    encoder = encoder.covering(table)
    cleaned = clean_rows(table, encoder.chain, encoder.adapter.sample_rate)
    return [clips[row] for row in cleaned.used], encoder.embed(cleaned)


def _finding(pair: Near, recordings: Sequence[Recording]) -> Finding:
    """Return the finding on two groups, with recordings of both in turn."""
    own = [[one for one in recordings if one.group == group and one.header.error is None]
           for group in (pair.group, pair.other)]  # fmt: skip
    splits = [{one.split for one in side if one.split} for side in own]
    where = [f"{name!r} in {' and '.join(sorted(held))}" if held else repr(name)
             for name, held in zip((pair.group, pair.other), splits, strict=True)]  # fmt: skip
    apart = f"; if they are, {FLATTERS}" if splits[0] != splits[1] else ""
    sentence = (
        f"{where[0]} and {where[1]} may be one voice under two names: {pair.distance:.1f} times as far apart as halves "
        f"of one name, where other names are {pair.usual:.1f} times ({pair.expected:.1g} such pairs are expected by "
        f"chance){apart}"
    )
    keys = [one.key for both in zip_longest(*own) for one in both if one][:KEYS]
    return Finding(SAME_VOICE, "warning", sentence, "listen to both; give one speaker one name", tuple(keys))
