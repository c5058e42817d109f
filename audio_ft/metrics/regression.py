"""Metrics of a number per clip: mean absolute error, root mean squared error, Pearson, concordance."""

from __future__ import annotations

import numpy as np

from audio_ft.metrics.base import AudioMetric, Measured, divide
from audio_ft.metrics.units import FloatArray
from audio_ft.metrics.view import View

# A variance below this share of the second moment is rounding error: the resample is constant.
_ROUNDING = 1e-12


def _moments(view: View) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return variance of predictions and references, covariance, and difference of means in each resample."""
    sides = view.sample.predictions, view.sample.references
    # Moments of centered values keep their digits when the mean is large; a constant must be exactly 0.
    centered = [side - side.mean() if np.ptp(side) > 0 else np.zeros_like(side) for side in sides]
    means, squares = [view.mean(side) for side in centered], [view.mean(side * side) for side in centered]
    variances = [square - mean**2 for square, mean in zip(squares, means, strict=True)]
    a, b = (np.where(one > _ROUNDING * square, one, 0.0) for one, square in zip(variances, squares, strict=True))
    covariance = np.where((a > 0) & (b > 0), view.mean(centered[0] * centered[1]) - means[0] * means[1], 0.0)
    return a, b, covariance, view.mean(sides[0] - sides[1])


class MeanAbsoluteError(AudioMetric):
    """Average distance between prediction and truth, in the target's unit."""

    kinds = ("number",)
    names = ("mean_absolute_error",)
    greater_is_better = False
    scale = "positive"

    @classmethod
    def measure(cls, view: View) -> dict[str, Measured]:
        """Return mean_absolute_error."""
        return {"mean_absolute_error": Measured(view.mean(np.abs(view.sample.predictions - view.sample.references)))}


class RootMeanSquaredError(AudioMetric):
    """Root of the average squared distance, in the target's unit; large errors weigh more."""

    kinds = ("number",)
    names = ("root_mean_squared_error",)
    greater_is_better = False
    scale = "positive"

    @classmethod
    def measure(cls, view: View) -> dict[str, Measured]:
        """Return root_mean_squared_error."""
        squares = (view.sample.predictions - view.sample.references) ** 2
        return {"root_mean_squared_error": Measured(np.sqrt(view.mean(squares)))}


class Pearson(AudioMetric):
    """Linear correlation of prediction and truth, -1 to 1; undefined where one of them is constant."""

    kinds = ("number",)
    names = ("pearson",)
    scale = "correlation"

    @classmethod
    def measure(cls, view: View) -> dict[str, Measured]:
        """Return pearson."""
        variance_a, variance_b, covariance, _ = _moments(view)
        return {"pearson": Measured(np.clip(divide(covariance, np.sqrt(variance_a * variance_b)), -1, 1))}


class Concordance(AudioMetric):
    """Lin's concordance (1989, Biometrics 45:255): correlation that also counts a shift or a scale as error.

    It is 0 where only one side is constant, and undefined where both are constant and equal.
    """

    kinds = ("number",)
    names = ("concordance",)
    scale = "correlation"

    @classmethod
    def measure(cls, view: View) -> dict[str, Measured]:
        """Return concordance."""
        variance_a, variance_b, covariance, shift = _moments(view)
        return {"concordance": Measured(np.clip(divide(2 * covariance, variance_a + variance_b + shift**2), -1, 1))}
