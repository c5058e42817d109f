"""Pauses, and recordings without speech: what is skipped is surely nothing, what is kept may be."""

from __future__ import annotations

import numpy as np
import pytest
from checkpoints import speech

from audio_ft.audio.clip import Clip, read
from audio_ft.audio.vad import PAUSE_SECONDS, SILENT_DBFS, STEADY_DB, Spectrum, is_silent

RATE = 16_000
NOISES = ("white", "pink", "brown", "hum", "humming room", "dither")


def steady(kind, seconds, rate=RATE, seed=0):
    """Make steady noise (time,) in 16-bit steps, as loud as speech but for the dither."""
    rng, count = np.random.default_rng(seed), round(seconds * rate)
    if kind == "dither":
        return (np.round(rng.random(count) - rng.random(count)) / 32768).astype(np.float32)
    if "hum" in kind:
        time = np.arange(count) / rate
        noise = sum(0.1 / order * np.sin(2 * np.pi * 50 * order * time + seed) for order in range(1, 8))
        noise = noise + (0.01 * rng.standard_normal(count) if kind == "humming room" else 0)
    else:
        steep = {"white": 0, "pink": 0.5, "brown": 1}[kind]
        hertz = np.maximum(np.fft.rfftfreq(count, 1 / rate), 1.0)
        noise = np.fft.irfft(np.fft.rfft(rng.standard_normal(count)) / hertz**steep, count)
        noise = 0.3 * noise / np.abs(noise).max()
    return (np.round(noise * 32768) / 32768).astype(np.float32)


def in_noise(wave, kind, snr, seconds, rate, seed=0):
    """Put a wave somewhere into noise that is `snr` dB softer than itself, lasting `seconds`."""
    noise = steady(kind, max(seconds, len(wave) / rate), rate, seed).astype(np.float64)
    noise *= np.sqrt(np.mean(np.square(wave)) / np.mean(np.square(noise)) / 10 ** (snr / 10))
    at = int(np.random.default_rng(seed).integers(0, len(noise) - len(wave) + 1))
    noise[at : at + len(wave)] += wave
    return Clip(noise[np.newaxis], rate)


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
@pytest.mark.parametrize("kind", NOISES)
def test_steady_noise_of_any_color_and_level_is_silent(kind, rate):
    for seconds, seed in ((3, 1), (10, 2), (30, 3)):
        wave = steady(kind, seconds, rate, seed)
        spectrum = Spectrum.of(Clip(wave, rate))
        assert spectrum.rise() < STEADY_DB - 0.8
        assert spectrum.is_silent()
        assert is_silent(Clip(np.stack([wave, -wave]), rate))


def test_level_ignores_the_offset():
    tone = Clip.tone(440, 2.0, dbfs=-20.0)
    assert Spectrum.of(tone).loudest() == pytest.approx(-23.01, abs=0.05)
    for offset in (0.0, 0.3):
        assert Spectrum.of(tone.with_samples(tone.samples + offset)).loudest() == pytest.approx(-23.01, abs=0.05)
    assert Spectrum.of(Clip.silence(1.0)).loudest() < -150
    faint = speech(5 * RATE)
    faint = faint / np.sqrt(np.mean(np.square(faint)))
    assert is_silent(Clip(faint * 10 ** ((SILENT_DBFS - 10) / 20), RATE))
    assert not is_silent(Clip(faint * 10 ** ((SILENT_DBFS + 5) / 20), RATE))


def test_click_is_silent_and_syllable_is_not():
    wave = steady("dither", 5.0)
    wave[RATE : RATE + 8] = 0.03
    assert is_silent(Clip(wave, RATE))
    wave[2 * RATE : 2 * RATE + RATE // 5] += speech(RATE // 5)
    assert not is_silent(Clip(wave, RATE))


@pytest.mark.parametrize("count", [0, 1, 7, 100, 600])
def test_clips_of_a_few_samples_are_handled(count):
    assert is_silent(Clip(np.zeros((1, count)), RATE))
    if count >= 100:
        assert not is_silent(Clip(speech(20 * RATE)[np.newaxis, :count] + Clip.tone(500, 1).samples[:, :count], RATE))
    assert Spectrum.of(Clip(np.zeros((1, count)), RATE)).pauses() == []


def test_speech_at_zero_db_snr_is_not_silent():
    for kind in ("white", "pink", "brown"):
        for seed in range(5):
            assert not in_noise(speech(RATE, seed), kind, 0, 20, RATE, seed).samples.shape[1] < RATE
            assert not is_silent(in_noise(speech(RATE, seed), kind, 0, 20, RATE, seed))


@pytest.mark.real
@pytest.mark.parametrize("data", ["digits", "prompts_asr", "emotion_de"])
def test_real_speech_is_not_silent(shared, data):
    files = sorted((shared / "data" / data).rglob("*.*"))
    clips = [read(file) for file in files if file.suffix in (".wav", ".flac", ".ogg")][::40]
    assert len(clips) > 10
    for seed, clip in enumerate(clips):
        assert not is_silent(clip)
        for snr in (0, 5, 10):
            wave = clip.samples[0]
            # The recording as it is and in half a minute of noise: alone it may be all speech, with no median of noise.
            assert not is_silent(in_noise(wave, "white", snr, 0, clip.rate, seed))
            assert not is_silent(in_noise(wave, "white", snr, 25, clip.rate, seed))


def test_pauses_are_found():
    wave = np.concatenate([speech(3 * RATE, 1), steady("dither", 0.5), speech(2 * RATE, 2), np.zeros(2 * RATE)])
    (first, second) = Spectrum.of(Clip(wave, RATE)).pauses()
    np.testing.assert_allclose(first, (3.0, 3.5), atol=0.05)
    np.testing.assert_allclose(second, (5.5, 7.5), atol=0.05)


def test_closure_is_not_a_pause_and_noise_hides_pauses():
    gap = round((PAUSE_SECONDS - 0.1) * RATE)
    wave = np.concatenate([speech(2 * RATE, 1), np.zeros(gap), speech(2 * RATE, 2)])
    assert Spectrum.of(Clip(wave, RATE)).pauses() == []
    wave = np.concatenate([speech(2 * RATE, 1), np.zeros(RATE), speech(2 * RATE, 2)])
    level = np.sqrt(np.mean(np.square(wave)))
    drowned = wave + level * np.random.default_rng(0).standard_normal(len(wave))
    assert Spectrum.of(Clip(drowned, RATE)).pauses() == []
