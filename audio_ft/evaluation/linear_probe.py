"""A linear probe: the best linear model on one frozen layer, chosen by the validation clips alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.errors import InputError
from audio_ft.evaluation.probe import loss_of
from audio_ft.models.linear_head import LinearHead
from audio_ft.parallel import progress_bar

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from audio_ft.targets import Target

# Inverse penalties to choose among. With the means of 312 to 2,002 clips the best was 0.1 for nearly every layer of
# wav2vec2-mini and hubert-mini.
PENALTIES = (0.01, 0.1, 1.0)
# Layer and penalty are chosen with this many training windows at most, and the chosen one learns from all that are
# given: a probe must not take longer than an epoch.
SEARCHED = 4_000
# L-BFGS has converged to what the third decimal of a score shows.
ITERATIONS, TOLERANCE = 300, 1e-3


@dataclass(frozen=True)
class LinearProbe:
    """Hold a probe with its inverse penalty, and how good it is on the validation clips.

    Attributes:
        head: the linear model.
        penalty: its inverse penalty.
        score: the score that chooses, greater is better.
        loss: mean loss, see `probe.loss_of`.
    """

    head: LinearHead
    penalty: float
    score: float
    loss: float

    @property
    def rank(self) -> tuple[float, float]:
        """What probes are ordered by: the score and, where that is equal, the loss."""
        return self.score, -self.loss


def fit_probes(
    target: Target,
    layers: list[int],
    vectors: NDArray[np.float32],
    references: NDArray[Any],
    validate: Callable[[int, LinearHead], tuple[NDArray[Any], NDArray[Any]]],
    score: Callable[[NDArray[Any], NDArray[Any]], float],
    *,
    seed: int = 0,
) -> list[LinearProbe]:
    """Return the best probe of each layer by its score on the validation clips, lowest layer first.

    The loss would choose a stronger penalty: a probe is often overconfident on new speakers, which raises its loss but
    not its error (hubert-mini on digits: test accuracy .736 chosen by loss, .806 by score).

    Args:
        target: what to predict.
        layers: how many transformer layers are below each column of `vectors`.
        vectors: the training windows' vectors (windows, layers, width).
        references: their targets, encoded.
        validate: returns predictions and references of the validation clips for a column and a head.
        score: measures predictions against references; greater is better. Between equal scores the loss decides.
        seed: seed of the choice of windows for the search.

    Raises:
        InputError: a linear model cannot learn the target.
    """

    def measured(column: int, penalty: float, head: LinearHead) -> LinearProbe:
        found = validate(column, head)
        return LinearProbe(head, penalty, score(*found), loss_of(target, *found))

    few = sample(len(vectors), SEARCHED, seed)
    best: list[LinearProbe] = []
    for column, penalty, head in _search(target, layers, vectors[few], references[few]):
        probe = measured(column, penalty, head)
        if len(best) <= column:
            best.append(probe)
        elif probe.rank > best[column].rank:
            best[column] = probe
    if len(few) == len(vectors):
        return best
    top = max(range(len(best)), key=lambda column: best[column].rank)
    for column in {top, len(layers) - 1}:
        head = _fitted(target, layers[column], best[column].penalty, vectors[:, column], references)
        best[column] = measured(column, best[column].penalty, head)
    return best


def sample(count: int, most: int, seed: int) -> NDArray[np.int64]:
    """Return the places of at most `most` out of `count`, in order."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, most, replace=False))


def _search(
    target: Target, layers: list[int], vectors: NDArray[np.float32], references: NDArray[Any]
) -> Iterator[tuple[int, float, LinearHead]]:
    """Yield column, penalty and head for each layer and penalty."""
    grid = [(column, penalty) for column in range(len(layers)) for penalty in PENALTIES]
    for column, penalty in progress_bar(grid, desc="fitting probes", unit="probe"):
        yield column, penalty, _fitted(target, layers[column], penalty, vectors[:, column], references)


def _fitted(
    target: Target, layer: int, penalty: float, vectors: NDArray[np.float32], references: NDArray[Any]
) -> LinearHead:
    """Return a head that learned from the vectors (windows, width) of one layer."""
    mean, scale = vectors.mean(0), vectors.std(0) + 1e-6

    def build() -> Any:
        from sklearn.linear_model import LogisticRegression, Ridge

        if target.regression:
            return Ridge(1 / penalty)
        return LogisticRegression(C=penalty, max_iter=ITERATIONS, tol=TOLERANCE)

    learned = target.fit_linear(build, (vectors - mean) / scale, references)
    if learned is None:
        raise InputError(f"A linear probe cannot learn {target.wording.short}; set method=fine-tune and probe=false.")
    weights, bias = (np.asarray(part, np.float32) for part in learned)
    return LinearHead(layer, mean, scale, weights, bias)
