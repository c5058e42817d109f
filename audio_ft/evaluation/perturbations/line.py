"""Transmission: a telephone's band, and codecs of low bit rate."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_ft.audio.clip import Clip, read
from audio_ft.audio.filters import zero_phase
from audio_ft.cleaning.steps.mono import Mono
from audio_ft.evaluation.perturbations.base import Perturbation

TELEPHONE_HZ = (300.0, 3400.0)
TELEPHONE_RATE = 8_000
# Opus always works at 48 kHz; MP3 of low bit rate is MPEG-2 at 16 kHz.
OPUS_RATE, MP3_RATE = 48_000, 16_000


def telephone(clip: Clip, level: float, rng: np.random.Generator) -> Clip:
    """Keep the band of a telephone, 300 to 3400 Hz."""
    low, high = TELEPHONE_HZ
    return clip.with_samples(zero_phase(clip.samples, clip.rate, low=low, high=high, order=4))


def mu_law(clip: Clip, level: float, rng: np.random.Generator) -> Clip:
    """Send a clip as 8-bit mu-law at 8 kHz (ITU-T G.711), in one channel."""
    import soundfile

    sent = resampled(Mono()(clip).samples[0], clip.rate, TELEPHONE_RATE)
    line = io.BytesIO()
    soundfile.write(line, np.clip(sent, -1, 1), TELEPHONE_RATE, format="WAV", subtype="ULAW")
    return _received(clip, line.getvalue())


def opus(clip: Clip, kilobits: float, rng: np.random.Generator) -> Clip:
    """Send a clip as Opus at `kilobits` kbit/s, in one channel."""
    return _received(clip, encoded(clip, "libopus", "ogg", OPUS_RATE, kilobits))


def mp3(clip: Clip, kilobits: float, rng: np.random.Generator) -> Clip:
    """Send a clip as MP3 at `kilobits` kbit/s, in one channel."""
    return _received(clip, encoded(clip, "libmp3lame", "mp3", MP3_RATE, kilobits))


def resampled(wave: NDArray[np.float32], rate: int, wanted: int) -> NDArray[np.float32]:
    """Return samples (time,) at another rate."""
    import soxr

    return wave if rate == wanted else soxr.resample(wave, rate, wanted)


def encoded(clip: Clip, codec: str, container: str, rate: int, kilobits: float) -> bytes:
    """Return a clip as a file in memory, in one channel."""
    import av

    wave = np.clip(resampled(Mono()(clip).samples[0], clip.rate, rate), -1, 1)
    sink = io.BytesIO()
    with av.open(sink, "w", format=container) as file:
        stream: Any = file.add_stream(codec, rate=rate, layout="mono", bit_rate=round(kilobits * 1000))
        frame = av.AudioFrame.from_ndarray(np.rint(wave[np.newaxis] * 32767).astype(np.int16), "s16", "mono")
        frame.sample_rate = rate
        resampler = av.AudioResampler(stream.codec_context.format, "mono", rate, stream.codec_context.frame_size or 960)
        for part in (*resampler.resample(frame), *resampler.resample(None)):
            file.mux(stream.encode(part))
        file.mux(stream.encode(None))
    return sink.getvalue()


def _received(clip: Clip, file: bytes) -> Clip:
    """Return the received clip, with the rate and length of the one sent."""
    received = read(file)
    wave = resampled(received.samples[0], received.rate, clip.rate)[: clip.length]
    return clip.with_samples(np.pad(wave, (0, clip.length - len(wave)))[np.newaxis])


LINES = (
    Perturbation("telephone", "telephone band", "", (3400.0,), "a telephone's band (300–{} Hz)", telephone),
    Perturbation("mu_law", "8 kHz mu-law", "", (8.0,), "mu-law at {} kHz", mu_law),
    Perturbation("opus", "Opus", "kbit/s", (24.0, 12.0, 6.0), "Opus at {} kbit/s", opus),
    Perturbation("mp3", "MP3", "kbit/s", (32.0, 16.0, 8.0), "MP3 at {} kbit/s", mp3),
)
