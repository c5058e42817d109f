"""Metrics of a number per clip: mean absolute error, root mean squared error, Pearson, concordance.

Pearson is undefined when predictions or references are constant. Concordance is 0 when only one of them is, and
undefined when both are constant and equal.
"""

from __future__ import annotations

import numpy as np

from audio_ft.metrics.base import AudioMetric, Measured, divide
from audio_ft.metrics.units import FloatArray
from audio_ft.metrics.view import View

# A variance below this share of the second moment is rounding error: the resample is constant.
_ROUNDING = 1e-12


def _centered(values: FloatArray) -> FloatArray:
    # Moments of centered values keep their digits when the mean is large; a constant must be exactly 0.
    return values - values.mean() if np.ptp(values) > 0 else np.zeros_like(values)


def _moments(view: View) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return variance of predictions and references, covariance, and difference of means in each resample."""
    x, y = view.sample.predictions, view.sample.references
    a, b = _centered(x), _centered(y)
    mean_a, mean_b, square_a, square_b = view.mean(a), view.mean(b), view.mean(a * a), view.mean(b * b)
    variance_a, variance_b = square_a - mean_a**2, square_b - mean_b**2
    variance_a = np.where(variance_a > _ROUNDING * square_a, variance_a, 0.0)
    variance_b = np.where(variance_b > _ROUNDING * square_b, variance_b, 0.0)
    covariance = np.where((variance_a > 0) & (variance_b > 0), view.mean(a * b) - mean_a * mean_b, 0.0)
    return variance_a, variance_b, covariance, view.mean(x - y)


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
    """Linear correlation of prediction and truth, -1 to 1."""

    kinds = ("number",)
    names = ("pearson",)
    scale = "correlation"

    @classmethod
    def measure(cls, view: View) -> dict[str, Measured]:
        """Return pearson."""
        variance_a, variance_b, covariance, _ = _moments(view)
        return {"pearson": Measured(np.clip(divide(covariance, np.sqrt(variance_a * variance_b)), -1, 1))}


class Concordance(AudioMetric):
    """Lin's concordance (1989, Biometrics 45:255): correlation that also counts a shift or a scale as error."""

    kinds = ("number",)
    names = ("concordance",)
    scale = "correlation"

    @classmethod
    def measure(cls, view: View) -> dict[str, Measured]:
        """Return concordance."""
        variance_a, variance_b, covariance, shift = _moments(view)
        return {"concordance": Measured(np.clip(divide(2 * covariance, variance_a + variance_b + shift**2), -1, 1))}
