"""Lossy codecs, as between a caller and a recording, or behind a video on the web."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from audio_ft.audio.channels import mixdown
from audio_ft.audio.clip import Clip, read
from audio_ft.augmentation.base import Rng, Samples, WaveAugment
from audio_ft.settings.rules import choice, each, span

# Opus always works at 48 kHz; MP3 of low bit rate is MPEG-2 at 16 kHz; telephones have 8 kHz.
OPUS_RATE, MP3_RATE, TELEPHONE_RATE = 48_000, 16_000, 8_000
# What libsndfile calls them; PyAV encodes no GSM.
_TELEPHONES = {"gsm": "GSM610", "mu_law": "ULAW"}


@dataclass(frozen=True)
class Codec(WaveAugment):
    """Send a clip through a lossy codec, drawn from `codecs`; length and rate stay the same.

    The values of `codecs`: `mp3` and `opus`, at a bit rate drawn from `kilobits` in kbit/s; `gsm`, the full-rate codec
    of mobile telephones (GSM 06.10), and `mu_law`, that of telephone lines (ITU-T G.711), both at 8 kHz. For two
    seconds of sound, opus takes 31 ms of processor time, mp3 18, gsm 6 and mu_law 1.
    """

    codecs: Annotated[tuple[str, ...], each(choice("mp3", "opus", *_TELEPHONES))] = ("mp3", "opus", "gsm", "mu_law")
    kilobits: Annotated[tuple[float, float], span(6, 256)] = (8.0, 32.0)

    @property
    def effect(self) -> str:
        """Return the description for the card."""
        rates = " at {kilobits} kbit/s" if {"mp3", "opus"} & set(self.codecs) else ""
        return " or ".join(codec.replace("_", "-") for codec in self.codecs) + rates

    def check(self) -> None:
        """Check that there is a codec to draw."""
        self.require(bool(self.codecs), "codecs", "at least one codec")

    def change(self, samples: Samples, rate: int, rng: Rng) -> Samples:
        """Return the samples (time,) as they are received."""
        codec, kilobits = self.codecs[rng.integers(len(self.codecs))], rng.uniform(*self.kilobits)
        # A codec may turn silence into a faint hum.
        return received(Clip(samples[np.newaxis], rate), codec, kilobits).samples[0] if samples.any() else samples


def received(clip: Clip, codec: str, kilobits: float = 0.0) -> Clip:
    """Return a clip as it comes out of a codec, in one channel, with the rate and length of the one sent.

    `kilobits` are those a second of "mp3" and "opus".
    """
    if codec == "mp3":
        file = encoded(clip, "libmp3lame", "mp3", MP3_RATE, kilobits)
    elif codec == "opus":
        file = encoded(clip, "libopus", "ogg", OPUS_RATE, kilobits)
    else:
        file = _on_the_telephone(clip, _TELEPHONES[codec])
    return _decoded(clip, file)


def encoded(clip: Clip, codec: str, container: str, rate: int, kilobits: float) -> bytes:
    """Return a clip as a file in memory, in one channel, with a codec of FFmpeg."""
    import av

    wave = _at(rate, clip)
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


def _on_the_telephone(clip: Clip, subtype: str) -> bytes:
    """Return a clip as a WAV file in memory, in one channel at 8 kHz."""
    import soundfile

    line = io.BytesIO()
    soundfile.write(line, _at(TELEPHONE_RATE, clip), TELEPHONE_RATE, format="WAV", subtype=subtype)
    return line.getvalue()


def _at(rate: int, clip: Clip) -> Samples:
    """Return one channel (time,) of a clip at a rate, of at least one sample, as a converter takes it."""
    import soxr

    wave = soxr.resample(mixdown(clip).samples[0], clip.rate, rate)
    return np.clip(wave, -1, 1) if len(wave) else np.zeros(1, np.float32)


def _decoded(clip: Clip, file: bytes) -> Clip:
    """Return what a file in memory holds, with the rate and length of the clip that was sent."""
    import soxr

    came = read(file)
    wave = soxr.resample(came.samples[0], came.rate, clip.rate)[: clip.length]
    return clip.with_samples(np.pad(wave, (0, clip.length - len(wave)))[np.newaxis])
