"""Reverberation, codecs and clipping: each does what its settings say, measured independently."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import scipy.signal
import soundfile

from audio_ft.augmentation import Clipping, Codec, Reverb
from audio_ft.augmentation.base import generator
from audio_ft.errors import AudioError, InputError

if TYPE_CHECKING:
    from pathlib import Path

RATE = 16_000


def noise(length: int = 2 * RATE, level: float = 0.1) -> np.ndarray:
    return (level * np.random.default_rng(0).standard_normal(length)).astype(np.float32)


def changed(augment, samples, rate: int = RATE, seed: int = 0) -> np.ndarray:
    return augment(samples, rate, generator(seed, 0, 0))


# --- Reverb


@pytest.mark.parametrize("rt60", [0.3, 1.0])
def test_sound_falls_by_sixty_decibels_in_the_reverberation_time(rt60):
    """The integrated decay of Schroeder (JASA 37, 1965), fitted from -5 to -35 dB behind a click."""
    click = np.zeros(2 * RATE, np.float32)
    click[100] = 0.5
    tail = changed(Reverb(rt60=(rt60, rt60), probability=1.0), click)[101:].astype(np.float64)
    decay = 10 * np.log10(np.cumsum(tail[::-1] ** 2)[::-1] / np.sum(tail**2) + 1e-30)
    inside = (decay < -5) & (decay > -35)
    slope = np.polyfit(np.flatnonzero(inside) / RATE, decay[inside], 1)[0]
    assert -60 / slope == pytest.approx(rt60, rel=0.05)


@pytest.fixture
def rooms(tmp_path: Path) -> Path:
    """Return a folder with one recorded room: the direct sound after 50 ms, an echo half as strong 10 ms later."""
    response = np.zeros(RATE)
    response[800], response[960] = 0.5, 0.25
    (tmp_path / "rooms").mkdir()
    soundfile.write(tmp_path / "rooms" / "hall.wav", response, RATE, subtype="FLOAT")
    return tmp_path / "rooms"


def test_a_recorded_room_adds_its_echo_and_neither_delay_nor_level(rooms):
    before = noise()
    after = changed(Reverb(folder=str(rooms), probability=1.0), before)
    expected = before.astype(np.float64).copy()
    expected[160:] += 0.5 * before[:-160]
    expected *= np.sqrt(np.mean(before.astype(np.float64) ** 2) / np.mean(expected**2))
    assert np.allclose(after, expected, atol=1e-6)


def test_a_recorded_room_is_resampled_to_the_clip(rooms):
    click = np.zeros(8_000, np.float32)
    click[0] = 1
    after = changed(Reverb(folder=str(rooms), probability=1.0), click, rate=8_000)
    assert int(np.abs(after[40:]).argmax()) + 40 == 80


def test_a_folder_without_usable_rooms_is_explained(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"Reverb: the folder '.*empty' has no recordings; check its path"):
        Reverb(folder=str(tmp_path / "empty")).prepare()
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    with pytest.raises(AudioError, match=r"broken\.wav"):
        Reverb(folder=str(tmp_path)).prepare()


# --- Codec


@pytest.mark.parametrize(
    ("codec", "ratio", "highest"), [("mp3", 12, 7_500), ("opus", 3, 8_000), ("gsm", 5, 3_700), ("mu_law", 25, 4_000)]
)
def test_what_a_codec_receives_is_near_what_was_sent_and_in_its_band(codec, ratio, highest):
    """`ratio`: the SNR below 3.4 kHz in dB, which any shift in time would destroy."""
    time = np.arange(RATE) / RATE
    glide = 2 * np.pi * np.cumsum(150 + 30 * np.sin(4 * np.pi * time)) / RATE
    voice = 0.05 * sum(np.sin(k * glide) / k for k in range(1, 50)).astype(np.float32) + noise(RATE, 1e-4)
    after = changed(Codec(codecs=(codec,), kilobits=(32, 32), probability=1.0), voice)
    assert len(after) == len(voice)
    low = scipy.signal.butter(8, 3_000, "lowpass", fs=RATE, output="sos")
    sent, came = (scipy.signal.sosfiltfilt(low, wave.astype(np.float64))[1_000:-1_000] for wave in (voice, after))
    assert 10 * np.log10(np.sum(sent**2) / np.sum((came - sent) ** 2)) > ratio
    spectrum = np.abs(np.fft.rfft(after[1_000:-1_000] * np.hanning(len(after) - 2_000))) ** 2
    above = np.fft.rfftfreq(len(after) - 2_000, 1 / RATE) > highest
    assert spectrum[above].sum() < 1e-3 * spectrum.sum()


def test_every_codec_is_drawn_and_silence_stays_silent():
    tone = noise(RATE // 4)
    kinds = {changed(Codec(probability=1.0, kilobits=(16, 16)), tone, seed=seed).tobytes() for seed in range(12)}
    assert len(kinds) == 4
    assert not changed(Codec(probability=1.0), np.zeros(RATE, np.float32)).any()


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"codecs": ()}, "Codec.codecs: expected at least one codec"), ({"codecs": ("aac",)}, "mp3, opus, gsm, mu_law")],
)
def test_an_unknown_codec_is_explained(settings, message):
    with pytest.raises(InputError, match=message):
        Codec(**settings)


# --- Clipping


@pytest.mark.parametrize("decibels", [1.0, 6.0, 20.0])
def test_what_is_above_the_edge_is_flat_and_the_peak_stays(decibels):
    before = noise()
    after = changed(Clipping(db=(decibels, decibels), probability=1.0), before)
    peak = np.abs(before).max()
    assert np.abs(after).max() == pytest.approx(peak)
    cut = np.abs(before) > peak * 10 ** (-decibels / 20)
    assert np.allclose(np.abs(after[cut]), peak)
    assert np.allclose(after[~cut], before[~cut] * 10 ** (decibels / 20), rtol=1e-5)


def test_they_describe_themselves_for_the_card():
    assert Reverb().describe() == "reverberation of 0.2 to 0.8 s (50% of the clips)"
    assert Reverb(folder="rooms").describe() == "reverberation of recorded rooms (50% of the clips)"
    assert Codec().describe() == "mp3 or opus or gsm or mu-law at 8 to 32 kbit/s (50% of the clips)"
    assert Codec(codecs=("gsm",)).describe() == "gsm (50% of the clips)"
    assert Clipping().describe() == "clipping of the top 1 to 12 dB (50% of the clips)"
