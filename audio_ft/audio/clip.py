"""A piece of audio that never parts from its rate, and the one door through which audio enters and leaves."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.audio import signals
from audio_ft.audio.codec.encode import encode
from audio_ft.audio.codec.libsndfile import (
    MAX_RATE,
    MIN_RATE,
    AudioInfo,
    Decoded,
    NotForSoundfile,
    Span,
    open_soundfile,
    read_soundfile,
    soundfile_info,
)
from audio_ft.audio.codec.pyav import probe_av, read_av
from audio_ft.audio.codec.source import Opened, Source, opened
from audio_ft.audio.codec.stream import stream
from audio_ft.errors import AudioError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "AUDIO_SUFFIXES",
    "MAX_RATE",
    "MIN_RATE",
    "AudioInfo",
    "Clip",
    "blocks",
    "decoders",
    "probe",
    "read",
    "write",
]

# What a folder scan takes, in lower case; a file named explicitly is read by its content whatever its name.
# fmt: off
AUDIO_SUFFIXES = frozenset({
    ".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf",
    ".w64", ".rf64", ".sph", ".voc", ".gsm", ".m4a", ".m4b", ".mp4", ".aac", ".webm", ".mka", ".mkv", ".mov",
    ".wma", ".3gp", ".amr", ".ac3", ".wv",
})
# fmt: on
# Half a step of 24-bit audio: below this from trough to crest no converter recorded anything.
_SILENT = 2.0**-24
_QUIET_DBFS = -60.0
# Lossy decoders overshoot full scale by some tenths; twice full scale means that the samples are in another unit.
_OUTSIDE = 2.0


@dataclass(frozen=True, eq=False)
class Clip:
    """Hold samples (channels, time) as float32, nominally in [-1, 1], with their rate in Hz.

    `notes` collects, in short stable sentences, what reading and cleaning noticed ("truncated: …", "anti-phase
    stereo: …").
    The samples are read-only. A caller's writable array is copied; a read-only float32 one (another clip's samples, or
    a fresh array after `setflags(write=False)`) is shared.

    Raises:
        AudioError: samples that are not finite, have no channel, or a rate that is not a positive whole number.
    """

    samples: NDArray[np.float32]
    rate: int
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        samples = self.samples
        if not _is_read_only(samples):
            samples = np.array(samples, dtype=np.float32, copy=True, ndmin=2, order="C")
        if samples.ndim != 2 or samples.shape[0] == 0:
            raise AudioError("clip", f"expected samples of shape (channels, time), got {samples.shape}")
        if not np.isfinite(samples).all():
            raise AudioError("clip", "non-finite samples (NaN or infinity)")
        if not self.rate > 0 or self.rate % 1:
            raise AudioError("clip", f"expected a rate above 0 Hz, in whole Hz, got {self.rate}")
        samples.setflags(write=False)
        object.__setattr__(self, "samples", samples)
        object.__setattr__(self, "rate", int(self.rate))

    def __setstate__(self, state: dict[str, Any]) -> None:
        # Unpickled arrays are writable, whatever they were before.
        state["samples"].setflags(write=False)
        self.__dict__.update(state)

    @property
    def channels(self) -> int:
        """Return the number of channels."""
        return int(self.samples.shape[0])

    @property
    def length(self) -> int:
        """Return the number of samples in each channel."""
        return int(self.samples.shape[1])

    @property
    def seconds(self) -> float:
        """Return the duration in seconds."""
        return self.length / self.rate

    def with_samples(self, samples: ArrayLike, rate: int | None = None) -> Clip:
        """Return a clip with other samples (channels, time), the same notes and, unless given, the same rate in Hz."""
        unchecked: Any = samples  # construction converts whatever is array-like
        return replace(self, samples=unchecked, rate=self.rate if rate is None else rate)

    def noting(self, note: str) -> Clip:
        """Return the same clip with one more note."""
        return self._trusted(self.samples, self.rate, (*self.notes, note))

    @classmethod
    def tone(cls, hz: float, seconds: float, rate: int = 16_000, dbfs: float = -6.0) -> Clip:
        """Return a sine of `hz` whose peak is `dbfs` (0 dBFS = 1.0), one channel."""
        return cls._shared(signals.tone(hz, seconds, rate, dbfs), rate)

    @classmethod
    def silence(cls, seconds: float, rate: int = 16_000) -> Clip:
        """Return digital silence, one channel."""
        return cls._shared(np.zeros(signals.samples_in(seconds, rate)), rate)

    @classmethod
    def noise(cls, seconds: float, rate: int = 16_000, dbfs: float = -20.0, seed: int = 0) -> Clip:
        """Return white Gaussian noise whose highest peak is `dbfs` (0 dBFS = 1.0), one channel, the same for a seed."""
        return cls._shared(signals.noise(seconds, rate, dbfs, seed), rate)

    @classmethod
    def chirp(cls, start: float, end: float, seconds: float, rate: int = 16_000, dbfs: float = -6.0) -> Clip:
        """Return a sine that glides from `start` to `end` Hz, each octave in the same time, one channel."""
        return cls._shared(signals.chirp(start, end, seconds, rate, dbfs), rate)

    @classmethod
    def click(cls, seconds: float, rate: int = 16_000, at: float = 0.0, dbfs: float = 0.0) -> Clip:
        """Return silence but for one sample of `dbfs` at second `at`, one channel."""
        return cls._shared(signals.click(seconds, rate, at, dbfs), rate)

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the clip as .wav, .flac, .ogg or .mp3, by the path's suffix, as `audio_ft.audio.clip.write` does."""
        encode(self.samples, self.rate, path)

    def _repr_html_(self) -> str:
        """Return a player and the waveform, for notebooks."""
        from audio_ft.audio.player import shown

        return shown(self.samples, self.rate, self.notes)

    @classmethod
    def _trusted(cls, samples: NDArray[np.float32], rate: int, notes: tuple[str, ...]) -> Clip:
        """Return a clip of read-only samples that were validated already."""
        clip = object.__new__(cls)
        clip.__dict__.update(samples=samples, rate=rate, notes=notes)
        return clip

    @classmethod
    def _shared(cls, values: NDArray[np.float64], rate: int) -> Clip:
        samples = values[np.newaxis].astype(np.float32)
        samples.setflags(write=False)
        return cls(samples, rate)


def _is_read_only(samples: object) -> bool:
    """Return whether an array is a clip's own kind and nobody holds a writable view of its memory."""
    if type(samples) is not np.ndarray or samples.dtype != np.float32 or samples.ndim != 2:
        return False
    if not samples.flags.c_contiguous:
        return False
    while type(samples) is np.ndarray and not samples.flags.writeable:
        if samples.base is None:
            return True
        samples = samples.base
    return False


def read(source: Source, *, start: float = 0.0, seconds: float | None = None) -> Clip:
    """Read a recording, or `seconds` of it from `start` on (only that part is decoded), at its own rate.

    The content decides how, the name only where the content says nothing. `bytes` are a file's content; a file object
    is read from its beginning, whatever its position. What was odd but readable stands in the clip's notes:
    "truncated: …", "damaged: …", "unfinished header: …", "chained: …", "several tracks: …", "silent: …",
    "very quiet: …", "outside [-1, 1]: …".

    Raises:
        AudioError: not there, not allowed, not a regular file, not audio, damaged, no samples, non-finite samples, an
            implausible rate or number of channels, a `start` behind the end.
        InputError: a negative or non-finite `start` or `seconds`, a text file object.
    """
    span = _span(start, seconds)
    with opened(source) as recording:
        return _checked(_decode(recording, span), recording.name)


def blocks(source: Source | Clip, seconds: float) -> Iterator[Clip]:
    """Yield a recording (or a clip) in consecutive pieces of `seconds`, the last one shorter, without holding it whole.

    Together they are the samples that `read` gives. What reading noticed about the file stands in the last one's notes;
    nothing is said on levels. Only a file that libsndfile gives up on halfway may differ from there on: FFmpeg decodes
    its rest.

    Raises:
        AudioError: as `read`, when the place in question is reached.
        InputError: `seconds` that are not above 0, a text file object.
    """
    if not (math.isfinite(seconds) and seconds > 0):
        raise InputError(f"expected pieces of more than 0 seconds, got {seconds}")
    return _slices(source, seconds) if isinstance(source, Clip) else _streamed(source, seconds)


def _slices(clip: Clip, seconds: float) -> Iterator[Clip]:
    size = max(1, round(seconds * clip.rate))
    for begin in range(0, max(1, clip.length), size):
        last = begin + size >= clip.length
        piece = np.ascontiguousarray(clip.samples[:, begin : begin + size])
        yield Clip(piece, clip.rate, clip.notes if last else ())


def _streamed(source: Source, seconds: float) -> Iterator[Clip]:
    with opened(source) as recording:
        for piece in stream(recording, seconds):
            _extremes(piece.samples, recording.name)
            piece.samples.setflags(write=False)
            yield Clip._trusted(piece.samples, piece.rate, piece.notes)


def probe(source: Source) -> AudioInfo:
    """Return frames, rate, channels, seconds, container and decoder of a recording without decoding it.

    Where no header states a length (raw AAC, MP3 without a Xing frame) the packets are counted; lossy formats then
    come out up to some frames longer than what `read` gives.

    Raises:
        AudioError: as `read`, except for what only decoding can tell.
    """
    with opened(source) as recording:
        if recording.verdict.decoder == "soundfile":
            try:
                with open_soundfile(recording.target()) as sound:
                    return soundfile_info(sound, recording.name)
            except NotForSoundfile:
                pass  # the other decoder has the last word, and raises where it has none
        return probe_av(recording.file, recording.name, known=recording.verdict.known)


def write(clip: Clip, path: str | os.PathLike[str]) -> None:
    """Write a clip as .wav, .flac, .ogg (Vorbis) or .mp3, by the path's suffix.

    No sample is clipped: WAV and FLAC are 16-bit, and where values exceed 1 a WAV becomes 32-bit float (logged), a FLAC
    refuses, and .ogg and .mp3 hold them as they are. The file appears under its name complete or not at all.

    Raises:
        InputError: another suffix, an empty clip, a rate or level the format cannot hold, a place not writable.
    """
    encode(clip.samples, clip.rate, path)


def decoders() -> str:
    """Return one line that says which decoders read audio here, in which versions, and what cannot be read."""
    import soundfile

    first = f"audio is decoded by soundfile {soundfile.__version__} (libsndfile {soundfile.__libsndfile_version__})"
    try:
        import av
    except ImportError as error:
        return f"{first}; PyAV does not import ({error}), so m4a, aac, mp4, webm, mka and wma cannot be read"
    codecs = ".".join(map(str, av.library_versions["libavcodec"]))
    return f"{first}, and by PyAV {av.__version__} (libavcodec {codecs}) for m4a, aac, mp4, webm, mka, wma and the like"


def _span(start: float, seconds: float | None) -> Span:
    if not (math.isfinite(start) and start >= 0):
        raise InputError(f"expected a start of 0 s or later, got {start}")
    if seconds is not None and not (math.isfinite(seconds) and seconds > 0):
        raise InputError(f"expected more than 0 seconds to read, got {seconds}")
    return Span(start, seconds)


def _decode(recording: Opened, span: Span) -> Decoded:
    """Decode with the decoder that the verdict names; where libsndfile gives up, FFmpeg reads what it can."""
    notes, known = recording.verdict.notes, recording.verdict.known
    if recording.verdict.decoder == "soundfile":
        try:
            with open_soundfile(recording.target()) as sound:
                return read_soundfile(sound, recording.name, span, notes)
        except NotForSoundfile as refusal:
            notes = refusal.amend(notes)
    decoded = read_av(recording.file, recording.name, span, known=known)
    return replace(decoded, notes=notes + decoded.notes)


def _checked(decoded: Decoded, name: str) -> Clip:
    """Return a clip of freshly decoded samples, not copied, with notes on what their range says."""
    samples, notes = decoded.samples, decoded.notes
    lows, highs = _extremes(samples, name)
    swing, peak = max(high - low for low, high in zip(lows, highs, strict=True)), max(max(highs), -min(lows))
    if swing < _SILENT:
        notes += ("silent: the samples of each channel are all alike",)
    elif 20 * math.log10(swing / 2) < _QUIET_DBFS:
        notes += (f"very quiet: peak {20 * math.log10(swing / 2):.0f} dBFS",)
    if peak > _OUTSIDE:
        notes += (f"outside [-1, 1]: peak {peak:.6g}",)
    samples.setflags(write=False)
    return Clip._trusted(samples, decoded.rate, notes)


def _extremes(samples: NDArray[np.float32], name: str) -> tuple[list[float], list[float]]:
    """Return the lowest and the highest sample of each channel.

    One pass each tells everything: NaN and infinity come through a minimum or a maximum.

    Raises:
        AudioError: NaN or infinity among them.
    """
    lows, highs = samples.min(axis=1).tolist(), samples.max(axis=1).tolist()
    if not all(map(math.isfinite, lows + highs)):
        raise AudioError(name, "non-finite samples (NaN or infinity)")
    return lows, highs
