"""Resample against soxr itself and against tones; Mono against plain averages and crossed wires."""

from __future__ import annotations

import math

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_ft.audio.clip import Clip
from audio_ft.cleaning.steps import Mono, Resample
from audio_ft.errors import AudioError


def noise(channels: int, length: int) -> np.ndarray:
    return (0.1 * np.random.default_rng(0).standard_normal((channels, length))).astype(np.float32)


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000, 96_000])
def test_resample_equals_soxr(rate):
    clip = Clip(noise(2, rate // 2 + 7), rate)
    expected = soxr.resample(clip.samples.T, rate, 16_000, quality="HQ").T
    got = Resample(16_000)(clip)
    common = min(expected.shape[1], got.length)
    assert got.length - common <= 1
    assert np.allclose(got.samples[:, :common], expected[:, :common], atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(
    length=st.integers(1, 5_000),
    rate=st.sampled_from([8_000, 11_025, 12_345, 22_050, 44_100, 48_000]),
    target=st.sampled_from([8_000, 16_000, 24_000]),
)
def test_resampled_length_is_exact(length, rate, target):
    got = Resample(target)(Clip(np.zeros((1, length)), rate))
    assert (got.length, got.rate) == (math.ceil(length * target / rate) if rate != target else length, target)


def test_tone_keeps_its_pitch_and_one_above_half_the_rate_is_removed():
    time = np.arange(44_100) / 44_100
    kept = Resample(16_000)(Clip(0.5 * np.sin(2 * np.pi * 1_000 * time), 44_100)).samples[0]
    expected = 0.5 * np.sin(2 * np.pi * 1_000 * np.arange(16_000) / 16_000)
    assert np.abs(kept - expected)[500:-500].max() < 1e-3
    gone = Resample(16_000)(Clip(0.5 * np.sin(2 * np.pi * 9_000 * time), 44_100)).samples[0]
    assert np.abs(gone[500:-500]).max() < 1e-4


def test_clip_at_the_rate_is_returned_unchanged():
    clip = Clip(noise(2, 100), 16_000)
    assert Resample(16_000)(clip) is clip


def test_mono_averages():
    clip = Clip(noise(3, 500), 16_000)
    got = Mono()(clip)
    assert got.samples.shape == (1, 500)
    assert got.notes == ()
    assert np.allclose(got.samples[0], clip.samples.mean(axis=0), atol=1e-7)


def test_mono_keeps_the_selected_channel():
    clip = Clip(noise(2, 500), 16_000)
    assert np.array_equal(Mono(channel=1)(clip).samples[0], clip.samples[1])
    with pytest.raises(AudioError, match="no channel 2: the clip has 2"):
        Mono(channel=2)(clip)


@pytest.mark.parametrize("right", [-1.0, -0.8, -1.3])
@pytest.mark.parametrize("offset", [0.0, 0.4])
def test_mono_detects_inverted_polarity(right, offset):
    left = noise(1, 4_000)[0]
    clip = Clip(np.stack([left, right * left]) + offset, 16_000)
    got = Mono()(clip)
    loudest = int(abs(right) > 1)
    assert np.array_equal(got.samples[0], clip.samples[loudest])
    assert got.notes == (f"anti-phase stereo: the channels cancel each other, channel {loudest} kept",)


def test_mono_averages_ordinary_stereo_without_a_note():
    left, right = noise(2, 4_000)
    for pair in ([left, right], [left, left], [left, 0 * left], [left, right - 0.5 * left], [0 * left, 0 * left]):
        clip = Clip(np.stack(pair), 16_000)
        got = Mono()(clip)
        assert got.notes == ()
        assert np.allclose(got.samples[0], clip.samples.mean(axis=0), atol=1e-7)


def test_channels_cancel_below_15_db():
    # Two channels of equal power whose correlation is r keep (1 + r) / 2 of it: -15 dB is r = -0.9368.
    turns = 2 * np.pi * 440 * np.arange(16_000) / 16_000
    one, other = np.sin(turns), np.cos(turns)
    for correlation, noticed in ((-0.93, False), (-0.944, True)):
        second = correlation * one + math.sqrt(1 - correlation**2) * other
        got = Mono()(Clip(0.1 * np.stack([one, second]), 16_000))
        assert bool(got.notes) is noticed
