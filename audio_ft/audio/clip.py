"""`Clip`, samples together with their sample rate, and the functions that read and write recordings."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audio_ft.audio import signals
from audio_ft.audio.codec.decode import decode, joined, of_channel, pieces
from audio_ft.audio.codec.encode import encode
from audio_ft.audio.codec.libsndfile import AudioInfo, Decoded, Span, probe_soundfile
from audio_ft.audio.codec.pyav import probe_av
from audio_ft.audio.codec.source import Part, Source, Whole, open_source
from audio_ft.audio.level import Level
from audio_ft.errors import AudioError, InputError
from audio_ft.file_io import replacing, state_of

# Files that a folder scan finds, in lower case. A file given by name is read whatever its suffix.
# fmt: off
AUDIO_SUFFIXES = frozenset({
    ".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf",
    ".w64", ".rf64", ".sph", ".voc", ".gsm", ".m4a", ".m4b", ".mp4", ".aac", ".webm", ".mka", ".mkv", ".mov",
    ".wma", ".3gp", ".amr", ".ac3", ".wv",
})
# fmt: on
# Labels are drawn by hand and rounded; a part may end this much (s) after its recording without a note.
_ROUNDED = 0.1


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
        return cls(signals.tone(hz, seconds, rate, dbfs), rate)

    @classmethod
    def silence(cls, seconds: float, rate: int = 16_000) -> Clip:
        """Return digital silence, one channel."""
        return cls(np.zeros(signals.samples_in(seconds, rate), np.float32), rate)

    @classmethod
    def noise(cls, seconds: float, rate: int = 16_000, dbfs: float = -20.0, seed: int = 0) -> Clip:
        """Return white Gaussian noise with a peak of `dbfs` (0 dBFS = 1.0), one channel; the same for a seed."""
        return cls(signals.noise(seconds, rate, dbfs, seed), rate)

    @classmethod
    def chirp(cls, start: float, end: float, seconds: float, rate: int = 16_000, dbfs: float = -6.0) -> Clip:
        """Return an exponential sine sweep from `start` to `end` Hz, one channel."""
        return cls(signals.chirp(start, end, seconds, rate, dbfs), rate)

    @classmethod
    def click(cls, seconds: float, rate: int = 16_000, at: float = 0.0, dbfs: float = 0.0) -> Clip:
        """Return silence with one sample of `dbfs` at second `at`, one channel."""
        return cls(signals.click(seconds, rate, at, dbfs), rate)

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the clip as .wav, .flac, .ogg or .mp3, by the path's suffix; see `audio_ft.audio.clip.write`."""
        write(self, path)

    def _repr_html_(self) -> str:
        """Return a player and the waveform, for notebooks."""
        from audio_ft.audio.player import player_html

        return player_html(self.samples, self.rate, self.notes)

    @classmethod
    def _unchecked(cls, samples: NDArray[np.float32], rate: int, notes: tuple[str, ...]) -> Clip:
        """Return a clip of samples that are validated already and no other code writes to."""
        clip = object.__new__(cls)
        clip.__setstate__({"samples": samples, "rate": rate, "notes": notes})
        return clip


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


def read(
    source: Source,
    *,
    start: float = 0.0,
    stop: float | None = None,
    seconds: float | None = None,
    channel: int | None = None,
) -> Clip:
    """Read a recording at its own sample rate, or a part of it; only that part is decoded.

    The part is from second `start` up to second `stop`, or `seconds` long, of one `channel` (from 0) or of all; of a
    `Part` these select a part in turn.

    The content selects the decoder, the file name only where the content is not conclusive. `bytes` are the content of
    a file; a file object is read from its beginning, whatever its position. Problems that leave the file readable
    become notes of the clip: "truncated: …", "damaged: …", "unfinished header: …", "chained: …", "several tracks: …",
    "past the end: …", "silent: …", "very quiet: …", "clipped: …", "outside [-1, 1]: …".

    Raises:
        AudioError: the file is missing, not readable, not a regular file, not audio, damaged, without samples or with
            non-finite ones, the rate or the number of channels is implausible, `start` is after the end, or there is
            no such channel.
        InputError: `start`, `stop`, `seconds` or `channel` is negative or not finite, `stop` is not after `start` or
            given beside `seconds`, or the source is a text file object.

    Example:
        >>> import tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "tone.wav"
        >>> Clip.tone(440, seconds=2.0).write(path)
        >>> read(path, start=0.5, stop=1.5).seconds
        1.0
    """
    if seconds is not None and not (math.isfinite(seconds) and seconds > 0):
        raise InputError(f"expected more than 0 seconds to read, got {seconds}")
    if stop is not None and seconds is not None:
        raise InputError(f"expected stop or seconds, got both ({stop} and {seconds})")
    part = Part.of(source)
    chosen = part.within(start, stop if seconds is None else start + seconds, channel)
    # `seconds` is a number of samples, whatever the start is rounded to.
    exact = seconds if part.stop is None else None
    with open_source(chosen.whole) as recording:
        parts = of_channel(decode(recording, Span(chosen.start, exact, chosen.stop)), chosen.channel, recording.name)
        clip = _checked(joined(parts), recording.name, note_level=True)
    if chosen.stop is not None and seconds is None and chosen.stop > chosen.start + clip.seconds + _ROUNDED:
        ends = f"the part ends at {chosen.stop:.2f} s, the recording at {chosen.start + clip.seconds:.2f} s"
        return clip.with_note(f"past the end: {ends}")
    return clip


def blocks(source: Source | Clip, seconds: float) -> Iterator[Clip]:
    """Yield a recording or a clip in consecutive pieces of `seconds`, without holding all of it in memory.

    The last piece may be shorter. Concatenated, the pieces equal what `read` returns. The last piece has the notes on
    the file; there are none on its level.

    Raises:
        AudioError: as `read`, when the damaged part is reached.
        InputError: `seconds` is not above 0, or the source is a text file object.

    Example:
        >>> [block.seconds for block in blocks(Clip.silence(2.5), seconds=1.0)]
        [1.0, 1.0, 0.5]
    """
    if not (math.isfinite(seconds) and seconds > 0):
        raise InputError(f"expected pieces of more than 0 seconds, got {seconds}")
    return _blocks(source, seconds)


def _blocks(source: Source | Clip, seconds: float) -> Iterator[Clip]:
    if isinstance(source, Clip):
        for piece in pieces([Decoded(source.samples, source.rate, source.notes)], seconds):
            yield Clip(piece.samples, piece.rate, piece.notes)
        return
    part = Part.of(source)
    with open_source(part.whole) as recording:
        decoded = decode(recording, Span(part.start, stop=part.stop), seconds)
        for piece in pieces(of_channel(decoded, part.channel, recording.name), seconds):
            yield _checked(piece, recording.name)


def probe(source: Source) -> AudioInfo:
    """Return frames, rate, channels, seconds, container and decoder of a recording or a part without decoding it.

    Where the header has no length (raw AAC, MP3 without a Xing frame) the packets are counted; for lossy formats the
    result may then be some frames longer than what `read` returns.

    Raises:
        AudioError: as `read`, except for problems that show only while decoding.
    """
    if not isinstance(source, Part):
        return _header(source)[0]
    whole = source.whole
    info, name = _header_once(whole, state_of(whole)) if isinstance(whole, str) else _header(whole)
    return info.of(Span(source.start, stop=source.stop), source.channel, name)


def _header(source: Whole) -> tuple[AudioInfo, str]:
    """Return what the header of a whole recording says, and its name for messages."""
    with open_source(source) as recording:
        info = probe_soundfile(recording) if recording.choice.decoder == "soundfile" else None
        return info or probe_av(recording), recording.name


@lru_cache(maxsize=64)
def _header_once(path: str, state: str) -> tuple[AudioInfo, str]:
    """Return the same for a file in a state, read once for all of its parts."""
    return _header(path)


def write(clip: Clip, path: str | os.PathLike[str]) -> None:
    """Write a clip as .wav, .flac, .ogg (Vorbis) or .mp3, by the path's suffix.

    Samples are never clipped. WAV and FLAC are 16-bit; where samples exceed ±1, WAV becomes 32-bit float (logged), FLAC
    raises an error, and .ogg and .mp3 keep the values. The file is written completely or not at all.

    Raises:
        InputError: another suffix, an empty clip, a rate or level that the format cannot hold, or a path that cannot
            be written.
    """
    content = encode(clip.samples, clip.rate, Path(path))
    with replacing(Path(path)) as unfinished:
        unfinished.write_bytes(content)


def _checked(decoded: Decoded, name: str, *, note_level: bool = False) -> Clip:
    """Return newly decoded samples as a clip, not copied; `note_level` adds notes on their level."""
    level = Level()
    level.add(decoded.samples)
    if not level.is_finite:
        raise AudioError(name, "non-finite samples (NaN or infinity)")
    notes = level.notes() if note_level else ()
    return Clip._unchecked(decoded.samples, decoded.rate, decoded.notes + notes)
