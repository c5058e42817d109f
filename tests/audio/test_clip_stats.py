"""Facts about recordings: the duration, rate and level are exact, the signal-to-noise ratio is close where stated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from audio_ft.audio.clip import Clip, read
from audio_ft.audio.clip_stats import ClipStats, loudness, signal_to_noise
from audio_ft.augmentation.noise import colored
from audio_ft.cleaning.steps.filters import HighPass

WORDS = Path(__file__).parents[2] / "audio_ft" / "assets" / "words"


def mixed(clip: Clip, snr: float, slope: float, rng: np.random.Generator) -> Clip:
    """Return a clip of one channel with noise so far (dB) below it, both measured above 60 Hz."""
    noise = colored(clip.length, slope, rng)[np.newaxis].astype(np.float32)
    powers = [float(np.mean(HighPass(60.0, 2)(clip.with_samples(wave)).samples ** 2)) for wave in (clip.samples, noise)]
    return clip.with_samples(clip.samples + noise * np.sqrt(powers[0] / powers[1] / 10 ** (snr / 10)))


@pytest.mark.parametrize("slope", [0, 1])
@pytest.mark.parametrize("snr", [0, 5, 10, 20])
def test_snr_of_synthetic_speech_is_estimated_within_two_decibels(snr, slope):
    rng = np.random.default_rng(snr)
    words = [read(file) for file in sorted((WORDS / "test").glob("*.ogg"))[::4]]
    pause = np.zeros((1, 4_000), np.float32)
    clean = [word.with_samples(np.hstack([pause, word.samples, pause])) for word in words]
    errors = [signal_to_noise(mixed(clip, snr, slope, rng)) - snr for clip in clean]
    assert abs(np.median(errors)) < 1.5
    assert np.percentile(np.abs(errors), 90) < 2


@pytest.mark.real
@pytest.mark.parametrize("folder", ["digits", "emotion_de", "prompts_asr"])
def test_snr_of_real_speech_is_estimated_within_two_decibels(shared, folder):
    rng = np.random.default_rng(0)
    files = sorted(file for file in (shared / "data" / folder / "test").iterdir() if file.suffix in (".wav", ".flac"))
    clips = [clip for clip in map(read, files[:: len(files) // 40]) if (signal_to_noise(clip) or 0) >= 20]
    for snr in (0, 10):
        errors = [signal_to_noise(mixed(clip, snr, 0, rng)) - snr for clip in clips]
        assert abs(np.median(errors)) < 1
        assert np.percentile(np.abs(errors), 90) < 2


def test_offset_and_gain_do_not_change_the_snr():
    rng = np.random.default_rng(0)
    speech = read(next((WORDS / "test").glob("*.ogg")))
    noisy = mixed(speech, 10, 0, rng)
    moved = noisy.with_samples(noisy.samples * 0.1 + 0.2)
    assert signal_to_noise(moved) == pytest.approx(signal_to_noise(noisy), abs=0.3)


def test_the_level_is_the_rms_below_full_scale():
    assert loudness(Clip.tone(440, 1.0, dbfs=0.0)) == pytest.approx(-3.01, abs=0.01)
    assert loudness(Clip.tone(440, 1.0, dbfs=-20.0)) == pytest.approx(-23.01, abs=0.01)
    stereo = Clip(np.stack([np.ones(100), np.zeros(100)]), 8_000)
    assert loudness(stereo) == pytest.approx(-3.01, abs=0.01)


@pytest.mark.parametrize(
    "clip",
    [Clip.silence(1.0), Clip.silence(0.0), Clip(np.ones((2, 1)), 8_000), Clip.noise(0.05), Clip.noise(5.0, rate=100)],
)
def test_clips_too_short_or_silent_have_no_snr(clip):
    assert signal_to_noise(clip) is None


def test_noise_has_a_low_snr_and_silence_no_level():
    assert signal_to_noise(Clip.noise(2.0)) < 3
    assert loudness(Clip.silence(1.0)) is None
    assert loudness(Clip.silence(0.0)) is None


def test_stats_describe_the_recording_before_cleaning():
    facts = ClipStats.of(Clip.tone(440, 1.5, rate=44_100))
    assert facts.seconds == pytest.approx(1.5)
    assert facts.rate == 44_100
    assert facts.level == pytest.approx(-9.01, abs=0.01)


def test_cleaning_keeps_the_stats_of_readable_recordings_in_order(tmp_path):
    from audio_ft import Chain, Data
    from audio_ft.audio.clip import write
    from audio_ft.cleaning.dataset import Cleaner, clean
    from audio_ft.cleaning.steps import Mono, Resample
    from audio_ft.data import load

    clips = {"a/1.wav": Clip.tone(440, 2.5, rate=44_100), "a/2.wav": Clip.noise(1.0, rate=8_000), "b/3.wav": None}
    for name, clip in clips.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        if clip is None:
            (tmp_path / name).write_bytes(b"not audio")
        else:
            write(clip, tmp_path / name)
    split = load(Data(path=str(tmp_path)), need=("test",)).splits["test"]
    cleaned = clean(split, Cleaner(Chain((Resample(16_000), Mono())), 16_000), name="test")
    facts = cleaned.clip_stats()
    assert facts["clip"] == [0, 1]
    by_name = {Path(split["key"][0]).name: 0, Path(split["key"][1]).name: 1}
    assert facts["seconds"] == pytest.approx([2.5, 1.0])
    assert facts["rate"] == [44_100, 8_000]
    assert facts["level"][by_name["1.wav"]] == pytest.approx(-9.01, abs=0.01)
    assert facts["snr"][by_name["2.wav"]] == pytest.approx(signal_to_noise(read(tmp_path / "a/2.wav")))
