"""Perturbations: each does what its level says, measured independently, and nothing else."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import correlate, welch

from audio_ft.audio.clip import Clip, read
from audio_ft.augmentation.codec import MP3_RATE, OPUS_RATE, TELEPHONE_RATE, encoded
from audio_ft.augmentation.reverb import impulse_response
from audio_ft.cleaning.steps.resample import Resample
from audio_ft.evaluation.perturbations import PERTURBATIONS
from audio_ft.evaluation.perturbations.acoustics import talker

WORDS = Path(__file__).parents[2] / "audio_ft" / "assets" / "words"
EVERY_LEVEL = [(name, level) for name, perturbation in PERTURBATIONS.items() for level in perturbation.levels]


@pytest.fixture(scope="module")
def word() -> Clip:
    return read(sorted((WORDS / "test").glob("*.ogg"))[0])


def perturbed(name: str, level: float, clip: Clip, seed: int = 0, index: int = 0) -> Clip:
    return PERTURBATIONS[name](clip, level, seed=seed, index=index)


def power(samples: np.ndarray) -> float:
    return float(np.mean(np.square(samples, dtype=np.float64)))


@pytest.mark.parametrize(("name", "level"), EVERY_LEVEL)
def test_any_clip_comes_out_finite_at_its_rate_and_untouched(name, level, word):
    clips = [
        word,
        Clip(np.stack([word.samples[0], -word.samples[0]]), word.rate),
        Clip.silence(0.5, rate=44_100),
        Clip(np.full((1, 1), 0.5), 8_000),
        Clip.silence(0.0),
        Clip.noise(0.3, rate=6_000),
    ]
    for clip in clips:
        before = clip.samples.copy()
        out = perturbed(name, level, clip)
        assert np.isfinite(out.samples).all()
        assert out.rate == clip.rate
        assert (clip.samples == before).all()
        if name not in ("speed", "truncation"):
            assert out.length == clip.length


@pytest.mark.parametrize(("name", "level"), EVERY_LEVEL)
def test_the_same_seed_and_index_change_a_clip_in_the_same_way(name, level, word):
    once, again = perturbed(name, level, word, seed=3, index=7), perturbed(name, level, word, seed=3, index=7)
    assert (once.samples == again.samples).all()


def test_noise_and_room_differ_from_clip_to_clip_and_from_seed_to_seed(word):
    for name, level in (("white_noise", 5.0), ("babble", 5.0), ("reverberation", 0.6)):
        first = perturbed(name, level, word).samples
        assert not (perturbed(name, level, word, index=1).samples == first).all()
        assert not (perturbed(name, level, word, seed=1).samples == first).all()


@pytest.mark.parametrize("name", ["white_noise", "babble"])
def test_noise_has_the_level_asked_for_and_is_the_same_noise_at_each(name, word):
    noises = {snr: perturbed(name, snr, word).samples - word.samples for snr in PERTURBATIONS[name].levels}
    for snr, noise in noises.items():
        assert 10 * np.log10(word.samples.var() / noise.var()) == pytest.approx(snr, abs=0.05)
        np.testing.assert_allclose(noise / noise.std(), noises[0.0] / noises[0.0].std(), atol=0.02)


def test_an_offset_does_not_count_as_sound(word):
    moved = Clip(word.samples + 0.3, word.rate)
    noise = perturbed("white_noise", 10.0, moved).samples - moved.samples
    assert 10 * np.log10(word.samples.var() / noise.var()) == pytest.approx(10, abs=0.05)


def test_babble_has_the_spectrum_of_speech_and_the_rhythm_of_syllables():
    rate = 16_000
    noise = sum(talker(20 * rate, rate, np.random.default_rng(place)) for place in range(6))
    hertz, density = welch(noise, rate, nperseg=1024)
    level = dict(zip(hertz, 10 * np.log10(density), strict=True))
    assert level[250.0] - level[500.0] == pytest.approx(0, abs=1.5)
    assert level[1000.0] - level[2000.0] == pytest.approx(9, abs=1.5)
    assert level[2000.0] - level[4000.0] == pytest.approx(9, abs=1.5)
    alone = talker(20 * rate, rate, np.random.default_rng(0))
    envelope = np.sqrt(np.square(alone).reshape(-1, rate // 100).mean(axis=1))  # 100 a second
    hertz, density = welch(envelope - envelope.mean(), 100, nperseg=512)
    assert density[(hertz > 0.5) & (hertz < 8)].sum() > 3 * density[hertz >= 8].sum()


@pytest.mark.parametrize("rt60", PERTURBATIONS["reverberation"].levels)
def test_a_room_decays_in_the_time_asked_for(rt60):
    rate = 16_000
    response = impulse_response(rt60, rate, np.random.default_rng(0))
    tail = response[1:]
    assert power(tail) * len(tail) == pytest.approx(1.0)  # as strong as the direct sound
    # Schroeder (1965): the energy still to come, whose slope from -5 to -25 dB gives the time for 60 dB.
    decay = 10 * np.log10(np.cumsum(tail[::-1] ** 2)[::-1] / np.sum(tail**2))
    start, stop = np.searchsorted(-decay, [5, 25])
    slope = np.polyfit(np.arange(start, stop) / rate, decay[start:stop], 1)[0]
    assert -60 / slope == pytest.approx(rt60, rel=0.1)


def test_a_room_keeps_level_and_position(word):
    heard = perturbed("reverberation", 0.6, word)
    assert power(heard.samples) == pytest.approx(power(word.samples), rel=1e-3)
    assert lag(word, heard) == 0


@pytest.mark.parametrize(("hertz", "kept"), [(100, False), (200, False), (1_000, True), (2_500, True), (5_000, False)])
def test_a_telephone_lets_its_band_through(hertz, kept):
    tone = Clip.tone(hertz, 1.0)
    decibels = 10 * np.log10(power(perturbed("telephone", 3400.0, tone).samples) / power(tone.samples))
    assert abs(decibels) < 0.5 if kept else decibels < -12


def test_mu_law_is_that_of_another_codec():
    import av

    tone = Resample(TELEPHONE_RATE)(Clip.tone(440, 1.0, rate=TELEPHONE_RATE, dbfs=-10))
    heard = perturbed("mu_law", 8.0, tone)
    sink = io.BytesIO()
    with av.open(sink, "w", format="mulaw") as file:
        stream = file.add_stream("pcm_mulaw", rate=TELEPHONE_RATE, layout="mono")
        codes = np.rint(tone.samples * 32768).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(codes, "s16", "mono")
        frame.sample_rate = TELEPHONE_RATE
        file.mux(stream.encode(frame))
    # G.711: a byte with its bits turned round holds sign, segment and step.
    code = ~np.frombuffer(sink.getvalue(), np.uint8)
    segment, step = (code >> 4) & 7, code & 15
    size = (((step.astype(int) << 3) + 132) << segment) - 132
    theirs = np.where(code & 128, -size, size) / 32768
    apart = np.abs(heard.samples[0] - theirs)
    # Where a value lies on the edge between two steps, one codec rounds up and the other down.
    assert (apart < 1.5 / 32768).mean() > 0.98
    assert apart.max() <= 1 / 64
    assert 36 < 10 * np.log10(power(tone.samples) / power(heard.samples - tone.samples)) < 42


@pytest.mark.parametrize(
    ("name", "codec", "container", "rate"),
    [("opus", "libopus", "ogg", OPUS_RATE), ("mp3", "libmp3lame", "mp3", MP3_RATE)],
)
def test_codecs_send_what_they_say_and_lose_more_the_less_they_send(name, codec, container, rate, word):
    long = word.with_samples(np.tile(word.samples, 6))
    likeness = []
    for kilobits in PERTURBATIONS[name].levels:
        sent = len(encoded(long, codec, container, rate, kilobits)) * 8 / long.seconds / 1000
        assert 0.6 * kilobits < sent < 1.4 * kilobits + 2
        heard = perturbed(name, kilobits, long)
        assert abs(lag(long, heard)) <= 0.007 * long.rate
        together = correlate(heard.samples[0], long.samples[0]).max() / long.length
        likeness.append(together / long.samples.std() / heard.samples.std())
    assert likeness == sorted(likeness, reverse=True)
    assert likeness[0] > 0.9


def lag(before: Clip, after: Clip) -> int:
    """Return by how many samples a clip comes later."""
    return int(np.argmax(correlate(after.samples[0], before.samples[0]))) - before.length + 1


def test_gain_is_that_of_a_16_bit_converter(word):
    peak = np.abs(word.samples).max()
    loud = perturbed("gain", 10.0, Clip(word.samples / peak, word.rate))
    assert loud.samples.max() == pytest.approx(1, abs=1e-4)
    assert (np.abs(loud.samples) > 0.999).sum() > 10
    soft = perturbed("gain", -30.0, word)
    assert power(soft.samples) / power(word.samples) == pytest.approx(1e-3, rel=0.02)
    assert (soft.samples * 32768 == np.rint(soft.samples * 32768)).all()


def test_clipping_flattens_what_is_near_the_peak(word):
    flat = []
    for decibels in PERTURBATIONS["clipping"].levels:
        heard = perturbed("clipping", decibels, word)
        peak = np.abs(word.samples).max()
        assert np.abs(heard.samples).max() == pytest.approx(peak)
        flat.append((np.abs(heard.samples) > 0.9999 * peak).sum())
        assert flat[-1] == (np.abs(word.samples) >= peak * 10 ** (-decibels / 20)).sum()
    assert flat == sorted(flat)


@pytest.mark.parametrize("factor", PERTURBATIONS["speed"].levels)
def test_speed_moves_pitch_and_length(factor):
    heard = perturbed("speed", factor, Clip.tone(1_000, 1.0))
    assert heard.seconds == pytest.approx(1 / factor, abs=0.002)
    spectrum = np.abs(np.fft.rfft(heard.samples[0]))
    assert np.argmax(spectrum) / heard.seconds == pytest.approx(1_000 * factor, abs=2)


def test_truncation_keeps_the_beginning(word):
    heard = perturbed("truncation", 25.0, word)
    assert heard.length == -(-word.length // 4)
    assert (heard.samples == word.samples[:, : heard.length]).all()


def test_levels_are_described_in_words():
    assert PERTURBATIONS["babble"].describe(5.0) == "babble at an SNR of 5 dB"
    assert PERTURBATIONS["gain"].describe(-30.0) == "a gain of −30 dB"
