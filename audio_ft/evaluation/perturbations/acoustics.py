"""Acoustics: white noise, babble of many voices, reverberation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audio_ft.audio.clip import Clip
from audio_ft.augmentation.reverb import impulse_response, reverberant

SNRS = (30.0, 20.0, 10.0, 5.0, 0.0)
TALKERS = 6
# Syllables follow one another about four times a second (Houtgast and Steeneken, JASA 77, 1985).
SYLLABLES_PER_SECOND = 4.0


def white(clip: Clip, snr: float, rng: np.random.Generator) -> Clip:
    """Add white Gaussian noise, the same to every channel, `snr` dB below the whole clip."""
    return mixed(clip, rng.standard_normal(clip.length), snr)


def babble(clip: Clip, snr: float, rng: np.random.Generator) -> Clip:
    """Add the sound of many voices: noise with the spectrum of speech in the rhythm of syllables."""
    return mixed(clip, sum((talker(clip.length, clip.rate, rng) for _ in range(TALKERS)), np.zeros(clip.length)), snr)


def mixed(clip: Clip, noise: NDArray[np.float64], snr: float) -> Clip:
    """Return a clip with noise (time,) in every channel; powers are averaged over the clip, without DC offset."""
    wave = clip.samples.astype(np.float64)
    power, noise_power = float(wave.var(axis=1).mean()), float(noise.var())
    if power == 0 or noise_power == 0:
        return clip
    return clip.with_samples(wave + noise * np.sqrt(power / noise_power / 10 ** (snr / 10)))


def talker(length: int, rate: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return noise (length,) shaped like one voice.

    The spectrum is flat from 100 to 500 Hz and falls by 9 dB an octave above and by 12 dB an octave below. Its
    envelope is that of noise with the bandwidth of syllables.
    """
    spectrum = np.fft.rfft(rng.standard_normal(length))
    hertz = np.maximum(np.fft.rfftfreq(length, 1 / rate), 1.0)
    voice = np.fft.irfft(spectrum * np.minimum(1, (hertz / 500) ** -1.5) * np.minimum(1, (hertz / 100) ** 2), length)
    knots = 2 + int(np.ceil(length / rate * 2 * SYLLABLES_PER_SECOND))
    moves = rng.standard_normal((2, knots))
    times = np.arange(length) / rate * 2 * SYLLABLES_PER_SECOND
    envelope = np.hypot(*(np.interp(times, np.arange(knots), move) for move in moves))
    return np.asarray(voice * envelope)


def reverb(clip: Clip, rt60: float, rng: np.random.Generator) -> Clip:
    """Play a clip in a room of reverberation time `rt60` in seconds; length and level stay the same."""
    return clip.with_samples(reverberant(clip.samples, impulse_response(rt60, clip.rate, rng)))
