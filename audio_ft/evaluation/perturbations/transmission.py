"""Transmission: a telephone's band, and codecs of low bit rate."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from audio_ft.audio.channels import mixdown
from audio_ft.audio.clip import Clip, read
from audio_ft.audio.filters import zero_phase

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
    import soxr

    sent = soxr.resample(mixdown(clip).samples[0], clip.rate, TELEPHONE_RATE)
    line = io.BytesIO()
    soundfile.write(line, np.clip(sent, -1, 1), TELEPHONE_RATE, format="WAV", subtype="ULAW")
    return _received(clip, line.getvalue())


def opus(clip: Clip, kilobits: float, rng: np.random.Generator) -> Clip:
    """Send a clip as Opus at `kilobits` kbit/s, in one channel."""
    return _received(clip, encoded(clip, "libopus", "ogg", OPUS_RATE, kilobits))


def mp3(clip: Clip, kilobits: float, rng: np.random.Generator) -> Clip:
    """Send a clip as MP3 at `kilobits` kbit/s, in one channel."""
    return _received(clip, encoded(clip, "libmp3lame", "mp3", MP3_RATE, kilobits))


def encoded(clip: Clip, codec: str, container: str, rate: int, kilobits: float) -> bytes:
    """Return a clip as a file in memory, in one channel."""
    import av
    import soxr

    wave = np.clip(soxr.resample(mixdown(clip).samples[0], clip.rate, rate), -1, 1)
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
    import soxr

    received = read(file)
    wave = soxr.resample(received.samples[0], received.rate, clip.rate)[: clip.length]
    return clip.with_samples(np.pad(wave, (0, clip.length - len(wave)))[np.newaxis])
