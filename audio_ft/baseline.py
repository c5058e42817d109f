"""What a model must beat: the majority answer, and a linear model on MFCC statistics.

Both answer in the shape `metrics.score` takes, so that they stand beside the model with intervals of their own.
"""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audio_ft.errors import InputError

FloatArray = NDArray[np.float64]

MFCC = 20
# 25 ms windows every 10 ms, the usual choice for speech; 40 mel bands leave no empty filter at 8 kHz.
_WINDOW_SECONDS, _HOP_SECONDS, _MEL_BANDS = 0.025, 0.010, 40
# The change between frames, and a penalty ten times scikit-learn's default, were chosen on the validation speakers of
# two small sets (spoken digits, acted emotion); the default fits the training speakers too closely.
_INVERSE_PENALTY = 0.1
# More rows hardly move a linear model with 60 inputs, and a baseline must not outlast the fine-tuning.
MAX_ROWS = 20_000


def mfcc_statistics(samples: ArrayLike, rate: int) -> NDArray[np.float32]:
    """Summarise a clip by its 20 MFCC: their mean, their spread, and the spread of their change from frame to frame.

    The coefficients equal `librosa.feature.mfcc` with 25 ms windows, 10 ms hops and 40 mel bands (Slaney mel scale,
    80 dB of range, orthonormal DCT); filters are built once a rate.

    Args:
        samples: (time,) or (channels, time), which is averaged; any length, an empty clip counts as one silent sample.
        rate: samples a second, in Hz.

    Returns:
        float32 (60,), always finite: 20 means over time, 20 standard deviations, and 20 standard deviations of the
        difference between neighbouring frames (0 for a clip of one frame).

    Raises:
        InputError: another number of dimensions, a sample that is not finite, or a rate below 400 Hz.
    """
    wave = np.asarray(samples, dtype=np.float64)
    if wave.ndim not in (1, 2):
        raise InputError(f"samples must be (time,) or (channels, time), not {wave.shape}")
    if rate < 400:
        raise InputError(f"rate must be at least 400 Hz, not {rate}")
    wave = wave.mean(axis=0) if wave.ndim == 2 and wave.shape[0] else wave.reshape(-1)
    if not np.isfinite(wave).all():
        raise InputError("samples must be finite; this clip holds NaN or infinite ones")
    coefficients = _mfcc(wave if wave.size else np.zeros(1), rate)
    change = np.diff(coefficients, axis=0) if len(coefficients) > 1 else np.zeros_like(coefficients)
    parts = [coefficients.mean(axis=0), coefficients.std(axis=0), change.std(axis=0)]
    return np.concatenate(parts).astype(np.float32)


@lru_cache(maxsize=8)
def _filters(rate: int) -> tuple[int, int, FloatArray, FloatArray]:
    """Return FFT length, hop, window (length,) and mel filters (bins, bands) for a rate."""
    import librosa

    length = 2 * round(_WINDOW_SECONDS * rate / 2)
    hop = max(1, round(_HOP_SECONDS * rate))
    with warnings.catch_warnings():
        # At odd rates a narrow band may hold no FFT bin; it then reads as the floor, which is harmless here.
        warnings.filterwarnings("ignore", message="Empty filters detected")
        mel = librosa.filters.mel(sr=rate, n_fft=length, n_mels=_MEL_BANDS, dtype=np.float64)
    window = librosa.filters.get_window("hann", length, fftbins=True)
    return length, hop, np.asarray(window, dtype=np.float64), np.ascontiguousarray(mel.T)


def _mfcc(wave: FloatArray, rate: int) -> FloatArray:
    """Return the MFCC of a mono wave (time,), as (frames, MFCC)."""
    from scipy.fft import dct

    length, hop, window, mel = _filters(rate)
    padded = np.pad(wave, length // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, length)[::hop]
    power = np.abs(np.fft.rfft(frames * window)) ** 2 @ mel
    decibels = 10 * np.log10(np.maximum(power, 1e-10))
    decibels = np.maximum(decibels, decibels.max() - 80)
    return np.asarray(dct(decibels, type=2, norm="ortho", axis=1)[:, :MFCC])


def _targets(kind: str, train_targets: ArrayLike, n_classes: int | None) -> tuple[NDArray[Any], int]:
    targets = np.asarray(train_targets)
    if kind not in ("single", "multi", "regression"):
        raise InputError(f"kind must be one of single, multi, regression, not {kind!r}")
    if not len(targets):
        raise InputError("a baseline needs at least one training clip; there are none")
    if kind == "single":
        targets = targets.astype(np.int64)
        return targets, n_classes or int(targets.max()) + 1
    return targets.astype(np.float64), targets.shape[1] if kind == "multi" else 0


def majority(kind: str, train_targets: ArrayLike, n: int, n_classes: int | None = None) -> FloatArray:
    """Answer every clip alike: the training set's class frequencies, of which the most frequent wins, or its mean.

    Args:
        kind: "single", "multi" or "regression".
        train_targets: class ids (m,), a 0/1 matrix (m, classes), or floats (m,).
        n: number of clips to answer.
        n_classes: number of classes; without it the greatest training id counts (single).

    Returns:
        Probabilities (n, classes), or floats (n,).

    Raises:
        InputError: unknown kind, or no training clips.
    """
    targets, classes = _targets(kind, train_targets, n_classes)
    if kind == "single":
        return np.tile(np.bincount(targets, minlength=classes) / len(targets), (n, 1))
    return np.tile(targets.mean(axis=0), (n, 1)) if kind == "multi" else np.full(n, targets.mean())


def linear(
    kind: str,
    train_features: ArrayLike,
    train_targets: ArrayLike,
    test_features: ArrayLike,
    n_classes: int | None = None,
    *,
    seed: int = 0,
) -> FloatArray:
    """Answer by a linear model on standardised features: logistic regression, one against the rest, or ridge.

    Trains on at most 20,000 clips, drawn with `seed` when there are more.

    Args:
        kind: "single" (logistic regression), "multi" (one a class), "regression" (ridge).
        train_features: (m, k).
        train_targets: class ids (m,), a 0/1 matrix (m, classes), or floats (m,).
        test_features: (n, k).
        n_classes: number of classes; without it the greatest training id counts (single).
        seed: seed of the draw.

    Returns:
        Probabilities (n, classes), or floats (n,).

    Raises:
        InputError: unknown kind, no training clips, or features and targets that do not fit.
    """
    targets, classes = _targets(kind, train_targets, n_classes)
    features, questions = np.asarray(train_features, np.float64), np.asarray(test_features, np.float64)
    if features.ndim != 2 or len(features) != len(targets) or questions.shape[1:] != features.shape[1:]:
        raise InputError(
            f"train features {features.shape} must be one row per target ({len(targets)}), as wide as {questions.shape}"
        )
    if len(features) > MAX_ROWS:
        rows = np.sort(np.random.default_rng(seed).choice(len(features), MAX_ROWS, replace=False))
        features, targets = features[rows], targets[rows]
    if kind == "multi":
        columns = [_logistic(features, targets[:, c].astype(np.int64), questions, 2)[:, 1] for c in range(classes)]
        return np.stack(columns, axis=1)
    if kind == "single":
        return _logistic(features, targets, questions, classes)
    return _ridge(features, targets, questions)


def _logistic(features: FloatArray, targets: NDArray[np.int64], questions: FloatArray, classes: int) -> FloatArray:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    seen = np.unique(targets)
    answers = np.zeros((len(questions), classes))
    if len(seen) == 1:
        # A class that all training clips share, or none of a multi-label column: nothing to separate.
        answers[:, seen[0]] = 1.0
    else:
        model = make_pipeline(StandardScaler(), LogisticRegression(C=_INVERSE_PENALTY, max_iter=1000)).fit(
            features, targets
        )
        answers[:, seen] = model.predict_proba(questions)
    return answers


def _ridge(features: FloatArray, targets: FloatArray, questions: FloatArray) -> FloatArray:
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), Ridge()).fit(features, targets)
    return np.asarray(model.predict(questions), dtype=np.float64)
