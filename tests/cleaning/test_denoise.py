"""Denoise on sound whose clean version is known."""

from __future__ import annotations

import numpy as np
import pytest

from audio_ft.audio.clip import Clip
from audio_ft.cleaning.steps import Denoise

RATE = 16_000
TIME = np.arange(2 * RATE) / RATE


def voice() -> np.ndarray:
    """Return syllables of a voice that glides between 100 and 140 Hz, with pauses."""
    phase = 2 * np.pi * np.cumsum(120 + 20 * np.sin(4 * np.pi * TIME)) / RATE
    syllables = np.convolve(np.sin(3 * np.pi * TIME) > 0, np.hanning(800) / np.hanning(800).sum(), "same")
    return 0.1 * syllables * sum(np.sin(k * phase) / k for k in range(1, 20))


def tone() -> np.ndarray:
    return 0.1 * np.sin(2 * np.pi * 440 * TIME)


def noise(level: float) -> np.ndarray:
    return level * np.random.default_rng(0).standard_normal(len(TIME))


def snr(clean: np.ndarray, got: np.ndarray) -> float:
    return 10 * np.log10(np.sum(clean**2) / np.sum((got - clean) ** 2))


def denoised(wave: np.ndarray, **settings) -> np.ndarray:
    return Denoise(**settings)(Clip(wave, RATE)).samples[0].astype(np.float64)


@pytest.mark.parametrize("clean", [voice(), tone()], ids=["voice", "tone"])
@pytest.mark.parametrize("level", [0.003, 0.01, 0.03])
def test_denoise_raises_the_snr_by_several_decibels(clean, level):
    noisy = clean + noise(level)
    assert snr(clean, denoised(noisy)) > snr(clean, noisy) + 4.5


@pytest.mark.parametrize("clean", [voice(), tone()], ids=["voice", "tone"])
def test_denoise_barely_changes_clean_sound(clean):
    assert snr(clean, denoised(clean)) > 24


def test_noise_is_reduced_by_at_most_reduction_db():
    for reduction in (6, 12):
        left = 20 * np.log10(denoised(noise(0.01), reduction_db=reduction).std() / 0.01)
        assert -reduction - 0.1 < left < -reduction * 0.6


@pytest.mark.parametrize("length", [2_048, 2_049, 5_000, 31_999])
def test_denoise_without_reduction_is_the_identity(length):
    wave = voice()[:length] + noise(0.01)[:length]
    got = denoised(wave, reduction_db=0)
    assert got.shape == wave.shape
    assert np.allclose(got, wave, atol=1e-6)


def test_digital_silence_is_ignored_in_the_noise_estimate():
    noisy = voice() + noise(0.01)
    padded = np.concatenate([np.zeros(2 * RATE), noisy, np.zeros(2 * RATE)])
    got = denoised(padded)[2 * RATE : 4 * RATE]
    assert snr(voice(), got) > snr(voice(), noisy) + 4.5


def test_noise_is_estimated_per_channel():
    pair = np.stack([voice() + noise(0.003), voice() + noise(0.03)])
    both = Denoise()(Clip(pair, RATE)).samples
    for channel in (0, 1):
        assert np.allclose(both[channel], denoised(pair[channel]), atol=1e-6)


def test_short_clip_is_noted():
    clip = Clip(noise(0.01)[:500], RATE)
    got = Denoise()(clip)
    assert np.array_equal(got.samples, clip.samples)
    assert got.notes == ("too short to denoise",)
