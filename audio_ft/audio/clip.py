"""`Clip`, samples together with their sample rate, and the functions that read and write recordings."""

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
    Span,
    UnreadableBySoundfile,
    open_soundfile,
    read_soundfile,
    soundfile_info,
)
from audio_ft.audio.codec.pyav import probe_av, read_av
from audio_ft.audio.codec.source import AudioSource, Source, open_source
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
    "probe",
    "read",
    "write",
]

# Files that a folder scan finds, in lower case. A file given by name is read whatever its suffix.
# fmt: off
AUDIO_SUFFIXES = frozenset({
    ".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf",
    ".w64", ".rf64", ".sph", ".voc", ".gsm", ".m4a", ".m4b", ".mp4", ".aac", ".webm", ".mka", ".mkv", ".mov",
    ".wma", ".3gp", ".amr", ".ac3", ".wv",
})
# fmt: on
# One step of 24-bit audio is 2^-23; a smaller peak-to-peak amplitude was not recorded by any converter.
_SILENT = 2.0**-24
_QUIET_DBFS = -60.0
# Lossy decoders overshoot full scale by some tenths; twice full scale means that the samples have another unit.
_OUTSIDE = 2.0


@dataclass(frozen=True, eq=False)
class Clip:
    """Hold samples (channels, time) as float32, nominally in [-1, 1], with their sample rate in Hz.

    `notes` holds short stable messages of the reader and the cleaning steps ("truncated: …", "anti-phase stereo: …").

    The samples are read-only. A writable array is copied; a read-only float32 one (another clip's samples, or an array
    after `setflags(write=False)`) is shared.

    Raises:
        AudioError: samples that are not finite or have no channel, or a rate that is not a positive whole number.

    Example:
        >>> clip = Clip.tone(440, seconds=0.5, rate=16_000)
        >>> clip.samples.shape, clip.rate, clip.seconds
        ((1, 8000), 16000, 0.5)
        >>> clip.with_samples(clip.samples / 2).samples.shape
        (1, 8000)
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
        # Unpickled arrays are writable.
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
        """Return a clip with other samples (channels, time) and the same notes; `rate` in Hz defaults to the same."""
        unchecked: Any = samples  # __post_init__ converts any array-like
        return replace(self, samples=unchecked, rate=self.rate if rate is None else rate)

    def with_note(self, note: str) -> Clip:
        """Return the same clip with one more note."""
        return self._unchecked(self.samples, self.rate, (*self.notes, note))

    @classmethod
    def tone(cls, hz: float, seconds: float, rate: int = 16_000, dbfs: float = -6.0) -> Clip:
        """Return a sine of `hz` with a peak of `dbfs` (0 dBFS = 1.0), one channel."""
        return cls._from_wave(signals.tone(hz, seconds, rate, dbfs), rate)

    @classmethod
    def silence(cls, seconds: float, rate: int = 16_000) -> Clip:
        """Return digital silence, one channel."""
        return cls._from_wave(np.zeros(signals.samples_in(seconds, rate)), rate)

    @classmethod
    def noise(cls, seconds: float, rate: int = 16_000, dbfs: float = -20.0, seed: int = 0) -> Clip:
        """Return white Gaussian noise with a peak of `dbfs` (0 dBFS = 1.0), one channel; the same for a seed."""
        return cls._from_wave(signals.noise(seconds, rate, dbfs, seed), rate)

    @classmethod
    def chirp(cls, start: float, end: float, seconds: float, rate: int = 16_000, dbfs: float = -6.0) -> Clip:
        """Return an exponential sine sweep from `start` to `end` Hz, one channel."""
        return cls._from_wave(signals.chirp(start, end, seconds, rate, dbfs), rate)

    @classmethod
    def click(cls, seconds: float, rate: int = 16_000, at: float = 0.0, dbfs: float = 0.0) -> Clip:
        """Return silence with one sample of `dbfs` at second `at`, one channel."""
        return cls._from_wave(signals.click(seconds, rate, at, dbfs), rate)

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the clip as .wav, .flac, .ogg or .mp3, by the path's suffix; see `audio_ft.audio.clip.write`."""
        encode(self.samples, self.rate, path)

    def _repr_html_(self) -> str:
        """Return a player and the waveform, for notebooks."""
        from audio_ft.audio.player import player_html

        return player_html(self.samples, self.rate, self.notes)

    @classmethod
    def _unchecked(cls, samples: NDArray[np.float32], rate: int, notes: tuple[str, ...]) -> Clip:
        """Return a clip of read-only samples that are validated already."""
        clip = object.__new__(cls)
        clip.__dict__.update(samples=samples, rate=rate, notes=notes)
        return clip

    @classmethod
    def _from_wave(cls, values: NDArray[np.float64], rate: int) -> Clip:
        samples = values[np.newaxis].astype(np.float32)
        samples.setflags(write=False)
        return cls(samples, rate)


def _is_read_only(samples: object) -> bool:
    """Return whether an array is float32 (channels, time), contiguous, and no base array is writable."""
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
    """Read a recording at its own sample rate, or `seconds` of it from second `start`; only that part is decoded.

    The content selects the decoder, the file name only where the content is not conclusive. `bytes` are the content of
    a file; a file object is read from its beginning, whatever its position. Problems that leave the file readable
    become notes of the clip: "truncated: …", "damaged: …", "unfinished header: …", "chained: …", "several tracks: …",
    "silent: …", "very quiet: …", "outside [-1, 1]: …".

    Raises:
        AudioError: the file is missing, not readable, not a regular file, not audio, damaged, without samples or with
            non-finite ones, the rate or the number of channels is implausible, or `start` is after the end.
        InputError: `start` or `seconds` is negative or not finite, or the source is a text file object.

    Example:
        >>> import tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "tone.wav"
        >>> Clip.tone(440, seconds=2.0).write(path)
        >>> read(path, start=0.5, seconds=1.0).seconds
        1.0
    """
    span = _span(start, seconds)
    with open_source(source) as recording:
        return _checked(_decode(recording, span), recording.name)


def blocks(source: Source | Clip, seconds: float) -> Iterator[Clip]:
    """Yield a recording or a clip in consecutive pieces of `seconds`, without holding all of it in memory.

    The last piece may be shorter. Concatenated, the pieces equal what `read` returns. The last piece has the notes on
    the file; there are none on its level. Only a file that libsndfile stops decoding halfway may differ from there on,
    because FFmpeg decodes the rest.

    Raises:
        AudioError: as `read`, when the damaged part is reached.
        InputError: `seconds` is not above 0, or the source is a text file object.

    Example:
        >>> [block.seconds for block in blocks(Clip.silence(2.5), seconds=1.0)]
        [1.0, 1.0, 0.5]
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
    with open_source(source) as recording:
        for piece in stream(recording, seconds):
            _extremes(piece.samples, recording.name)
            piece.samples.setflags(write=False)
            yield Clip._unchecked(piece.samples, piece.rate, piece.notes)


def probe(source: Source) -> AudioInfo:
    """Return frames, rate, channels, seconds, container and decoder of a recording without decoding it.

    Where the header has no length (raw AAC, MP3 without a Xing frame) the packets are counted; for lossy formats the
    result may then be some frames longer than what `read` returns.

    Raises:
        AudioError: as `read`, except for problems that show only while decoding.
    """
    with open_source(source) as recording:
        if recording.choice.decoder == "soundfile":
            try:
                with open_soundfile(recording.target()) as sound:
                    return soundfile_info(sound, recording.name)
            except UnreadableBySoundfile:
                pass  # FFmpeg may read it, or raises the error
        return probe_av(recording.file, recording.name, recognized=recording.choice.recognized)


def write(clip: Clip, path: str | os.PathLike[str]) -> None:
    """Write a clip as .wav, .flac, .ogg (Vorbis) or .mp3, by the path's suffix.

    Samples are never clipped. WAV and FLAC are 16-bit; where samples exceed ±1, WAV becomes 32-bit float (logged), FLAC
    raises an error, and .ogg and .mp3 keep the values. The file is written completely or not at all.

    Raises:
        InputError: another suffix, an empty clip, a rate or level that the format cannot hold, or a path that cannot
            be written.
    """
    encode(clip.samples, clip.rate, path)


def _span(start: float, seconds: float | None) -> Span:
    if not (math.isfinite(start) and start >= 0):
        raise InputError(f"expected a start of 0 s or later, got {start}")
    if seconds is not None and not (math.isfinite(seconds) and seconds > 0):
        raise InputError(f"expected more than 0 seconds to read, got {seconds}")
    return Span(start, seconds)


def _decode(recording: AudioSource, span: Span) -> Decoded:
    """Decode with the chosen decoder; where libsndfile fails, FFmpeg reads what it can."""
    notes, recognized = recording.choice.notes, recording.choice.recognized
    if recording.choice.decoder == "soundfile":
        try:
            with open_soundfile(recording.target()) as sound:
                return read_soundfile(sound, recording.name, span, notes)
        except UnreadableBySoundfile as error:
            notes = error.notes_for_ffmpeg(notes)
    decoded = read_av(recording.file, recording.name, span, recognized=recognized)
    return replace(decoded, notes=notes + decoded.notes)


def _checked(decoded: Decoded, name: str) -> Clip:
    """Return a clip of newly decoded samples, not copied, with notes on its level."""
    samples, notes = decoded.samples, decoded.notes
    lows, highs = _extremes(samples, name)
    swing, peak = max(high - low for low, high in zip(lows, highs, strict=True)), max(max(highs), -min(lows))
    if swing < _SILENT:
        notes += ("silent: all samples of a channel are equal",)
    elif 20 * math.log10(swing / 2) < _QUIET_DBFS:
        notes += (f"very quiet: peak {20 * math.log10(swing / 2):.0f} dBFS",)
    if peak > _OUTSIDE:
        notes += (f"outside [-1, 1]: peak {peak:.6g}",)
    samples.setflags(write=False)
    return Clip._unchecked(samples, decoded.rate, notes)


def _extremes(samples: NDArray[np.float32], name: str) -> tuple[list[float], list[float]]:
    """Return the lowest and the highest sample of each channel.

    One pass each is enough: NaN and infinity propagate through minimum and maximum.

    Raises:
        AudioError: a sample is NaN or infinite.
    """
    lows, highs = samples.min(axis=1).tolist(), samples.max(axis=1).tolist()
    if not all(map(math.isfinite, lows + highs)):
        raise AudioError(name, "non-finite samples (NaN or infinity)")
    return lows, highs
