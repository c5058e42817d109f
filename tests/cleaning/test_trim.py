"""Trim on sounds whose place is known, against librosa on clean ones, and on what usually defeats trimming."""

from __future__ import annotations

import librosa
import numpy as np
import pytest

from audio_ft.audio.clip import Clip
from audio_ft.cleaning.steps import Trim

RATE = 16_000


def harmonics(seconds: float, rate: int = RATE) -> np.ndarray:
    """Return a buzz of 120 Hz with a level near that of speech."""
    time = np.arange(round(seconds * rate)) / rate
    return 0.1 * sum(np.sin(2 * np.pi * 120 * k * time) / k for k in range(1, 12))


def recording(lead: float = 1.0, sound: float = 1.0, tail: float = 1.0, hiss: float = 1e-4) -> np.ndarray:
    wave = np.concatenate([np.zeros(round(lead * RATE)), harmonics(sound), np.zeros(round(tail * RATE))])
    return wave + hiss * np.random.default_rng(0).standard_normal(len(wave))


def place(step: Trim, wave: np.ndarray) -> tuple[float, float]:
    """Return where in `wave` the kept part starts and stops, in seconds: a ramp in a second, silent channel tells."""
    # A ramp this faint and slow is far below the sound, and its first and last values give the place away.
    ramp = 1e-9 * np.arange(len(wave))
    kept = step(Clip(np.stack([wave, ramp]), RATE)).samples[1].astype(np.float64)
    return float(kept[0] / 1e-9 / RATE), float(kept[-1] / 1e-9 / RATE) + 1 / RATE


@pytest.mark.parametrize("pad", [0.0, 0.05, 0.2])
def test_trim_cuts_both_ends_and_keeps_the_padding(pad):
    start, stop = place(Trim(pad_seconds=pad), recording())
    # A frame (25 ms) and the swing of the high-pass before a sudden onset lie outside, never inside.
    assert 1 - pad - 0.045 <= start <= 1 - pad + 1e-6
    assert 2 + pad - 1e-6 <= stop <= 2 + pad + 0.045


def test_trim_does_not_change_the_samples():
    clip = Clip(recording(), RATE)
    kept = Trim()(clip)
    first = round(place(Trim(), recording())[0] * RATE)
    assert np.array_equal(kept.samples, clip.samples[:, first : first + kept.length])
    assert kept.notes == ()


@pytest.mark.parametrize(("lead", "tail"), [(0.5, 0.5), (0.0, 1.2), (0.8, 0.0), (0.0, 0.0)])
def test_trim_equals_librosa_within_a_frame(lead, tail):
    wave = recording(lead, 0.7, tail)
    _, (first, last) = librosa.effects.trim(wave, top_db=40, frame_length=400, hop_length=80)
    start, stop = place(Trim(top_db=40, pad_seconds=0, highpass=0), wave)
    assert start == pytest.approx(first / RATE, abs=0.025)
    assert stop == pytest.approx(last / RATE, abs=0.025)


@pytest.mark.parametrize(
    "under",
    [
        lambda time: 0.02 + 0 * time,
        lambda time: -0.3 + 0 * time,
        lambda time: 0.05 * np.sin(2 * np.pi * 30 * time),
        lambda time: 0.05 * np.sin(2 * np.pi * 50 * time + 1),
        lambda time: 0.1 * time,
    ],
    ids=["offset", "large offset", "rumble", "hum", "drift"],
)
def test_offset_and_rumble_do_not_affect_trim(under):
    wave = recording()
    clean = Trim()(Clip(wave, RATE)).seconds
    dirty = wave + under(np.arange(len(wave)) / RATE)
    assert Trim()(Clip(dirty, RATE)).seconds == pytest.approx(clean, abs=0.03)
    assert 1.1 <= clean <= 1.18
    assert Trim(highpass=0)(Clip(dirty, RATE)).seconds > clean + 0.5


@pytest.mark.parametrize("gain", [1.0, 0.02], ids=["loud", "quiet"])
def test_click_changes_neither_threshold_nor_cut(gain):
    wave = gain * recording()
    clicked = wave.copy()
    clicked[[3_000, 45_000]] = 1.0
    assert Trim()(Clip(clicked, RATE)).seconds == pytest.approx(Trim()(Clip(wave, RATE)).seconds, abs=0.03)


def test_plosive_after_a_closure_is_kept():
    burst = 0.03 * np.random.default_rng(1).standard_normal(RATE // 50)
    gap = np.zeros(RATE // 10)
    wave = np.concatenate([np.zeros(RATE), harmonics(0.3), gap, burst, np.zeros(RATE)])
    _, stop = place(Trim(pad_seconds=0), wave)
    assert stop >= 1.42
    assert stop < 1.47


def test_soft_fricative_at_the_end_is_kept():
    hiss = 0.0022 * np.random.default_rng(1).standard_normal(RATE // 5)  # about 35 dB below the vowel
    wave = np.concatenate([np.zeros(RATE), harmonics(0.3), hiss, np.zeros(RATE)])
    _, stop = place(Trim(), wave)
    assert stop >= 1.5


def test_single_knock_is_kept():
    wave = 1e-5 * np.random.default_rng(0).standard_normal(2 * RATE)
    wave[RATE : RATE + 160] = 0.5
    kept = Trim()(Clip(wave, RATE))
    assert kept.seconds < 0.3
    assert np.abs(kept.samples).max() == np.float32(0.5)


def test_white_noise_is_kept():
    noise = np.random.default_rng(0).standard_normal(3 * RATE)
    assert Trim()(Clip(0.1 * noise, RATE)).seconds == 3
    start, stop = place(Trim(), recording() + 1e-2 * noise)
    assert start <= 1
    assert stop >= 2
    quiet = Trim()(Clip(recording() + 3e-4 * noise, RATE)).seconds
    assert quiet == pytest.approx(Trim()(Clip(recording(), RATE)).seconds, abs=0.03)


@pytest.mark.parametrize("level", [0.0, 0.5, -1.0])
def test_silence_is_kept_and_noted(level):
    clip = Clip(np.full((2, RATE), level), RATE)
    kept = Trim()(clip)
    assert np.array_equal(kept.samples, clip.samples)
    assert kept.notes == ("silent",)


def test_minimum_length_is_centered_on_the_sound():
    wave = np.zeros(3 * RATE)
    wave[round(1.45 * RATE) : round(1.55 * RATE)] = harmonics(0.1)
    start, stop = place(Trim(min_seconds=1.0), wave)
    assert stop - start == pytest.approx(1.0, abs=1e-3)
    assert (start + stop) / 2 == pytest.approx(1.5, abs=0.02)


@pytest.mark.parametrize("at", [0.0, 2.9])
def test_minimum_length_stays_inside_the_clip(at):
    wave = np.zeros(3 * RATE)
    wave[round(at * RATE) : round((at + 0.1) * RATE)] = harmonics(0.1)
    start, stop = place(Trim(min_seconds=1.0), wave)
    assert stop - start == pytest.approx(1.0, abs=1e-3)
    assert start >= 0
    assert stop <= 3 + 1e-3
    assert start <= at + 1e-3
    assert stop >= at + 0.1 - 1e-3


def test_clip_below_the_minimum_is_kept():
    clip = Clip(harmonics(0.06), RATE)
    assert np.array_equal(Trim(min_seconds=0.1)(clip).samples, clip.samples)


def test_loudest_channel_decides_for_all_channels():
    early, late = recording(0.5, 0.5, 2.0), recording(2.0, 0.5, 0.5)
    kept = Trim()(Clip(np.stack([early, late]), RATE))
    assert kept.channels == 2
    assert kept.seconds == pytest.approx(2.1, abs=0.08)


def test_trimming_twice_changes_almost_nothing():
    once = Trim()(Clip(recording(), RATE))
    assert Trim()(once).seconds == pytest.approx(once.seconds, abs=0.01)


@pytest.mark.real
def test_digits_keep_their_soft_ends(shared):
    import soundfile

    kept = whole = 0.0
    for path in sorted((shared / "data" / "digits" / "train").glob("6_*.wav"))[::5]:
        wave, rate = soundfile.read(path, dtype="float32")
        clip = Clip(wave, rate)
        whole += clip.seconds
        kept += Trim()(clip).seconds
    # Cut by hand to the word already; "six" ends in a soft s that a threshold of 35 dB loses (0.89).
    assert kept / whole > 0.97
