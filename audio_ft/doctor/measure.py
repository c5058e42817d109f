"""Measure one recording: all that the checks judge, from its samples."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from audio_ft.audio.channels import channel_powers, mixdown
from audio_ft.audio.clip import blocks
from audio_ft.audio.clip_stats import signal_to_noise
from audio_ft.audio.faults import clipped_share, hiss_level, hum_level, spectrum, true_bandwidth
from audio_ft.audio.fingerprint import HOP_SECONDS, fingerprint
from audio_ft.audio.loudness import integrated_loudness
from audio_ft.audio.vad import Spectrum

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from audio_ft.audio.clip import Clip
    from audio_ft.audio.codec.source import Source

# Longer recordings are measured in pieces, so that an hour of them does not fill the memory.
PIECE_SECONDS = 60.0
_ONE_STEP = 2.0**-15
# One step of 24 bits is 2^-23: a smaller swing was not recorded by any converter.
_SILENT_SWING = 2.0**-24
_BITS, _FEWEST_STEPS = 16, 4


@dataclass(frozen=True)
class Measured:
    """Hold what was measured of one recording; None where it has too little sound for a measurement.

    Attributes:
        seconds: the duration of what was read.
        peak: the highest absolute value in dBFS.
        loudness: the integrated loudness in LUFS.
        dc: the largest DC offset of a channel, as a share of full scale.
        clipped: the share of samples on cut-off peaks.
        silence: the share of the time in pauses of 0.3 s or more.
        snr: the signal-to-noise ratio in dB, an estimate.
        bandwidth: up to which frequency in Hz it has content.
        hiss: the noise floor of the upper half of the spectrum, in dB of the average power.
        hum: by how many dB mains hum stands out.
        cancelled: how many dB the average of the channels is below their mean power.
        dead: how many dB the softest channel is below the loudest.
        bits: how many of 16 bits are used; 8 where all samples are multiples of 256 steps.
        silent: whether all samples of a channel are equal.
        same: whether all channels are equal, to one step of 16 bits.
        digest: a digest of all samples, equal for equal recordings in other containers.
        notes: what the reader noted ("truncated: …").
        fingerprint: that of `audio.fingerprint`, as text.
    """

    seconds: float
    peak: float | None = None
    loudness: float | None = None
    dc: float = 0.0
    clipped: float = 0.0
    silence: float = 1.0
    snr: float | None = None
    bandwidth: float | None = None
    hiss: float | None = None
    hum: float | None = None
    cancelled: float | None = None
    dead: float | None = None
    bits: float = 16.0
    silent: bool = False
    same: bool = False
    digest: str = ""
    notes: tuple[str, ...] = ()
    fingerprint: str = ""

    @property
    def codes(self) -> NDArray[np.uint32]:
        """Return the fingerprint."""
        return np.frombuffer(base64.b64decode(self.fingerprint), "<u4").astype(np.uint32)


def measure(source: Source) -> Measured:
    """Read a recording and measure it, a minute at a time.

    Of a longer one, pieces are combined: the highest peak, offset and bandwidth, the median of noise measurements, and
    averages over the time of the rest.

    Raises:
        AudioError: it cannot be read.
    """
    digest, rate = hashlib.sha256(), 0
    pieces: list[Measured] = []
    codes: list[NDArray[np.uint32]] = []
    notes: tuple[str, ...] = ()
    for clip in blocks(source, PIECE_SECONDS):
        digest.update(np.rint(clip.samples / _ONE_STEP).astype(np.int32).tobytes())
        notes, rate = clip.notes or notes, clip.rate
        pieces.append(measure_clip(clip))
        codes.append(_codes(clip))
    known = base64.b64encode(np.concatenate(codes).astype("<u4").tobytes()).decode() if codes else ""
    return replace(_combined(pieces, f"{rate} {digest.hexdigest()[:32]}", notes), fingerprint=known)


def _codes(clip: Clip) -> NDArray[np.uint32]:
    """Return the fingerprint of a piece, with as many frames as its time has, so that those of the next are in step."""
    found = fingerprint(mixdown(clip).samples[0], clip.rate) if clip.length else np.zeros(0, np.uint32)
    frames = round(clip.seconds / HOP_SECONDS)
    return np.pad(found, (0, max(0, frames - len(found))))


def measure_clip(clip: Clip) -> Measured:
    """Measure a clip of a minute at most."""
    peak = float(np.abs(clip.samples).max(initial=0.0))
    offset = float(np.abs(clip.samples.mean(axis=1, dtype=np.float64)).max()) if clip.length else 0.0
    swing = float(np.ptp(clip.samples, axis=1).max()) if clip.length else 0.0
    if swing < _SILENT_SWING:
        return Measured(clip.seconds, _db(peak), dc=offset, silent=True)
    several, powers, power = clip.channels > 1, channel_powers(clip), spectrum(clip)
    return Measured(
        seconds=clip.seconds,
        peak=_db(peak),
        loudness=integrated_loudness(clip),
        dc=offset,
        clipped=clipped_share(clip),
        silence=_silence(clip),
        snr=signal_to_noise(mixdown(clip)),
        bandwidth=true_bandwidth(clip, power),
        hiss=hiss_level(clip, power),
        hum=hum_level(clip),
        cancelled=_ratio(clip.samples.mean(axis=0, dtype=np.float64).var(), powers.mean()) if several else None,
        dead=_ratio(powers.min(), powers.max()) if several else None,
        bits=_bits(clip),
        same=several and float(np.ptp(clip.samples, axis=0).max()) <= _ONE_STEP,
    )


def _silence(clip: Clip) -> float:
    found = Spectrum.of(clip)
    return 1.0 if found.is_silent() else min(1.0, sum(stop - start for start, stop in found.pauses()) / clip.seconds)


def _bits(clip: Clip) -> float:
    """Return how many of 16 bits the samples need: those that all leave empty at the lower end do not count."""
    steps = np.rint(clip.samples / _ONE_STEP).astype(np.int64)
    unit = int(np.gcd.reduce(steps, axis=None))
    # A few clicks on silence are multiples of anything.
    return _BITS - math.log2(unit) if unit and np.abs(steps).max() >= _FEWEST_STEPS * unit else float(_BITS)


def _db(value: float) -> float | None:
    return 20 * math.log10(value) if value > 0 else None


def _ratio(power: float, reference: float) -> float:
    """Return a ratio of powers in dB, -200 for nothing at all."""
    return 10 * math.log10(max(float(power) / max(float(reference), 1e-30), 1e-20))


def _combined(pieces: Sequence[Measured], digest: str, notes: tuple[str, ...]) -> Measured:
    """Return the measurements of a recording from those of its pieces."""
    weights = [piece.seconds for piece in pieces]
    loud = [(10 ** (piece.loudness / 10), piece.seconds) for piece in pieces if piece.loudness is not None]
    power = sum(power * seconds for power, seconds in loud) / (sum(seconds for _, seconds in loud) or 1.0)

    def median(name: str) -> float | None:
        found = [value for piece in pieces if (value := getattr(piece, name)) is not None]
        return float(np.median(found)) if found else None

    def highest(name: str) -> float | None:
        return max((value for piece in pieces if (value := getattr(piece, name)) is not None), default=None)

    return Measured(
        seconds=sum(weights),
        peak=highest("peak"),
        loudness=10 * math.log10(power) if power > 0 else None,
        dc=highest("dc") or 0.0,
        clipped=float(np.average([piece.clipped for piece in pieces], weights=weights)),
        silence=float(np.average([piece.silence for piece in pieces], weights=weights)),
        snr=median("snr"),
        bandwidth=highest("bandwidth"),
        hiss=median("hiss"),
        hum=median("hum"),
        cancelled=median("cancelled"),
        dead=highest("dead"),
        bits=max(piece.bits for piece in pieces),
        silent=all(piece.silent for piece in pieces),
        same=all(piece.same for piece in pieces),
        digest=digest,
        notes=notes,
    )
