"""Normalize against its formulas written out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.preprocessing import minmax_scale

from audio_ft.audio.clip import Clip
from audio_ft.cleaning.steps import Normalize

RATE = 16_000


def noise(channels: int = 1, level: float = 0.03) -> np.ndarray:
    return (level * np.random.default_rng(0).standard_normal((channels, RATE))).astype(np.float32)


@pytest.mark.parametrize("level", [1e-3, 0.03, 5.0])
def test_peak_is_at_the_level(level):
    got = Normalize("peak", dbfs=-1)(Clip(noise(2, level), RATE)).samples
    assert 20 * np.log10(np.abs(got).max()) == pytest.approx(-1, abs=1e-5)
    assert np.allclose(got / got.max(), noise(2, level) / noise(2, level).max(), atol=1e-6)


def test_rms_equals_the_formula():
    got = Normalize("rms", dbfs=-26)(Clip(noise(), RATE)).samples[0].astype(np.float64)
    assert 10 * np.log10(np.mean(got**2)) == pytest.approx(-26, abs=1e-3)
    tone = np.sin(2 * np.pi * 100 * np.arange(RATE) / RATE)
    loud = Normalize("rms", dbfs=20 * np.log10(0.5 / np.sqrt(2)))(Clip(0.01 * tone, RATE)).samples[0]
    assert np.allclose(loud, 0.5 * tone, atol=1e-6)


def test_rms_ignores_the_offset():
    plain = Normalize("rms", dbfs=-30)(Clip(noise(level=0.1), RATE)).samples
    offset = Normalize("rms", dbfs=-30)(Clip(noise(level=0.1) + 0.2, RATE)).samples
    assert offset.std() == pytest.approx(plain.std(), rel=1e-4)


def test_rms_never_clips_and_adds_a_note():
    spiky = noise(level=0.001)
    spiky[0, 100] = 0.9
    got = Normalize("rms", dbfs=-12)(Clip(spiky, RATE))
    assert np.abs(got.samples).max() == pytest.approx(1, abs=1e-6)
    assert np.abs(got.samples).max() <= 1
    assert got.notes == ("level held back: the RMS aimed at would clip",)


def test_minmax_equals_scikit_learn():
    wave = noise()[0] + 0.3
    expected = minmax_scale(wave.astype(np.float64), feature_range=(-1, 1))
    assert np.allclose(Normalize("minmax")(Clip(wave, RATE)).samples[0], expected, atol=1e-6)


def test_channel_balance_is_kept():
    wave = noise(2) * np.array([[1.0], [0.25]])
    for method in ("peak", "rms"):
        got = Normalize(method)(Clip(wave, RATE)).samples
        assert got[0].std() / got[1].std() == pytest.approx(wave[0].std() / wave[1].std(), rel=1e-4)


@pytest.mark.parametrize("method", ["peak", "rms", "minmax"])
@pytest.mark.parametrize("offset", [0.0, 0.02, -0.7])
def test_silence_is_not_amplified(method, offset):
    residue = 1e-9 * noise()
    clip = Clip(residue + offset, RATE)
    assert np.array_equal(Normalize(method)(clip).samples, clip.samples)


def test_default_level_depends_on_the_method_and_is_saved():
    assert Normalize() == Normalize("peak", dbfs=-1) == Normalize(dbfs=-1.0)
    assert Normalize("rms") == Normalize("rms", dbfs=-20)
    assert Normalize("minmax") == Normalize("minmax", dbfs=0)
    assert Normalize("rms").to_dict()["dbfs"] == -20.0
