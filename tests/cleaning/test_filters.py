"""The filtering steps, against scipy and against what tones of known frequency must do."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import butter, freqz_sos, lfilter, sosfiltfilt

from audio_ft.audio.clip import Clip
from audio_ft.cleaning.steps import BandPass, HighPass, LowPass, PreEmphasis
from audio_ft.errors import AudioError

RATE = 16_000


def tone(hertz: float, seconds: float = 1.0, rate: int = RATE) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def kept_db(step, hertz: float) -> float:
    """Return the level of a tone behind the step, away from the ends, in dB of what went in."""
    inside = slice(RATE // 4, -RATE // 4)
    wave = tone(hertz)
    return 20 * np.log10(step(Clip(wave, RATE)).samples[0, inside].std() / wave[inside].std())


@pytest.mark.parametrize(
    ("step", "kind", "corners"),
    [
        (LowPass(3_000), "lowpass", 3_000),
        (LowPass(3_000, order=7), "lowpass", 3_000),
        (HighPass(80), "highpass", 80),
        (BandPass(50, 7_600), "bandpass", (50, 7_600)),
        (BandPass(300, 3_400, order=2), "bandpass", (300, 3_400)),
    ],
)
def test_filters_equal_scipy_run_forwards_and_backwards(step, kind, corners):
    wave = 0.1 * np.random.default_rng(0).standard_normal((2, RATE))
    sections = butter(step.order, corners, kind, fs=RATE, output="sos")
    expected = sosfiltfilt(sections, wave.astype(np.float32).astype(np.float64), axis=1)
    inside = slice(2_000, -2_000)
    assert np.allclose(step(Clip(wave, RATE)).samples[:, inside], expected[:, inside], atol=1e-6)


@pytest.mark.parametrize(
    ("step", "kind", "corners", "hertz"),
    [
        (LowPass(1_000), "lowpass", 1_000, [200, 900, 1_000, 1_500, 2_500]),
        (HighPass(200), "highpass", 200, [80, 150, 200, 400, 5_000]),
        (BandPass(), "bandpass", (50, 7_600), [30, 50, 100, 1_000, 7_000, 7_600]),
    ],
)
def test_tone_follows_the_response_and_is_halved_at_the_corner(step, kind, corners, hertz):
    sections = butter(step.order, corners, kind, fs=RATE, output="sos")
    response = np.abs(freqz_sos(sections, worN=hertz, fs=RATE)[1])
    for frequency, gain in zip(hertz, response, strict=True):
        assert kept_db(step, frequency) == pytest.approx(40 * np.log10(gain), abs=0.15)
    for corner in np.atleast_1d(corners):
        assert kept_db(step, corner) == pytest.approx(-6.02, abs=0.15)


@pytest.mark.parametrize("step", [LowPass(3_000), HighPass(100), BandPass()])
def test_filters_have_no_delay(step):
    impulse = np.zeros(4_001)
    impulse[2_000] = 1
    answer = step(Clip(impulse, RATE)).samples[0]
    assert np.argmax(np.abs(answer)) == 2_000
    assert np.allclose(answer, answer[::-1], atol=1e-6)


@pytest.mark.parametrize("step", [HighPass(50), BandPass()])
@pytest.mark.parametrize("length", [1, 2, 10, 400, 16_000])
def test_offset_is_removed_from_the_first_sample_on(step, length):
    assert np.abs(step(Clip(np.full((1, length), 0.5), RATE)).samples).max() < 1e-6


def test_offset_passes_the_low_pass():
    assert np.allclose(LowPass(3_000)(Clip(np.full((2, 500), 0.5), RATE)).samples, 0.5, atol=1e-6)


def test_cutoff_above_half_the_rate_changes_nothing():
    clip = Clip(tone(440, rate=8_000), 8_000)
    assert LowPass(4_000)(clip) is clip
    assert np.array_equal(BandPass(50, 7_600)(clip).samples, HighPass(50)(clip).samples)


@pytest.mark.parametrize("step", [HighPass(4_000), BandPass(4_000, 5_000)])
def test_high_pass_above_half_the_rate_is_an_error(step):
    with pytest.raises(AudioError, match="a rate of 8,000 Hz has no frequencies"):
        step(Clip(tone(440, rate=8_000), 8_000))


def test_channels_are_filtered_independently():
    both = np.stack([tone(440), tone(3_000)])
    filtered = BandPass(300, 1_000)(Clip(both, RATE)).samples
    for channel in (0, 1):
        alone = BandPass(300, 1_000)(Clip(both[channel], RATE)).samples
        np.testing.assert_allclose(filtered[channel : channel + 1], alone, rtol=0, atol=1e-6)


def test_preemphasis_equals_scipy_and_starts_without_a_click():
    wave = (0.1 * np.random.default_rng(0).standard_normal((2, 1_000))).astype(np.float32).astype(np.float64)
    expected, _ = lfilter([1, -0.97], [1], wave, axis=1, zi=-0.97 * wave[:, :1])
    assert np.allclose(PreEmphasis()(Clip(wave, RATE)).samples, expected, atol=1e-7)
    assert np.allclose(PreEmphasis()(Clip(np.full((1, 9), 0.5), RATE)).samples, 0.015, atol=1e-6)
