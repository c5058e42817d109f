"""What all decoders share, and the first of them: libsndfile through soundfile. The second is decode_av."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from audio_ft.audio.codec.sniff import Decoder
from audio_ft.errors import AudioError

if TYPE_CHECKING:
    import soundfile
    from numpy.typing import NDArray

# Slow ground motion and brain waves lie below, radio above; 8 kHz telephony and 500 kHz bat detectors well inside.
# Outside, a header is damaged, and a resampler that believes it makes gigabytes or nothing.
MIN_RATE, MAX_RATE = 1_000, 1_000_000
# Beyond the 64 channels of the largest microphone arrays a header is damaged; room for ambisonics of high order.
MAX_CHANNELS = 256
# Memory follows what was decoded, never what a header claims: buffers start at most this large and then double.
_FIRST_BUFFER = 4_194_304
_BLOCK = 1_048_576
# A container's clock may tick in milliseconds, and some count a lossy codec's delay and padding (up to four of its
# frames) in their length; a cut file lacks more than this.
_SLACK_SECONDS, _SLACK_FRAMES = 0.1, 4096
# libsndfile's error numbers for "not my format" (1) and "my format, but not this codec" (4): another decoder's turn,
# not damage.
_NOT_MINE = (1, 4)
_FRAMES_UNKNOWN = 1 << 62


@dataclass(frozen=True)
class Span:
    """Say which part of a recording is wanted, in seconds; `seconds=None` means to its end."""

    start: float = 0.0
    seconds: float | None = None

    def frames(self, rate: int) -> tuple[int, int | None]:
        """Return (first frame, number of frames or None) at `rate` Hz."""
        return round(self.start * rate), None if self.seconds is None else max(1, round(self.seconds * rate))


def slack(rate: int) -> float:
    """Return by how many frames an honest header may overstate a lossy stream's length at `rate` Hz."""
    return max(_SLACK_SECONDS * rate, _SLACK_FRAMES)


@dataclass(frozen=True)
class Decoded:
    """Hold freshly decoded samples, float32 (channels, time), C-contiguous and owned by nobody else."""

    samples: NDArray[np.float32]
    rate: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class AudioInfo:
    """Say what a recording is, from its header: frames in each channel, rate in Hz, seconds, container, decoder."""

    frames: int
    rate: int
    channels: int
    seconds: float
    format: str
    decoder: Decoder


class NotForSoundfile(Exception):
    """Say that libsndfile could not open or finish a file that FFmpeg may still read."""

    def __init__(self, reason: str, *, damaged: bool) -> None:
        self.reason = reason
        self.damaged = damaged
        super().__init__(reason)

    def amend(self, notes: tuple[str, ...]) -> tuple[str, ...]:
        """Return notes made for libsndfile's sake as they stand once FFmpeg reads the file in its place."""
        # It stops at the first of several chained streams, FFmpeg does not.
        kept = tuple(note for note in notes if not note.startswith("chained"))
        return (*kept, f"damaged: libsndfile gives up ({self.reason})") if self.damaged else kept


class Growing:
    """Collect frames in one (time, channels) buffer that grows by doubling up to the claimed length.

    `ndarray.resize` reallocates in place, so a long file costs about its own size and not two or three copies of it.
    """

    def __init__(self, channels: int, claimed: int | None) -> None:
        first = max(1, _FIRST_BUFFER // channels)
        self._claimed = claimed
        self._data = np.empty((first if claimed is None else min(first, claimed), channels), np.float32)
        self.length = 0

    def room(self, frames: int) -> NDArray[np.float32]:
        """Return a writable view of up to `frames` free frames; grow first when none is free."""
        if self.length == len(self._data):
            doubled = 2 * len(self._data)
            self._resize(doubled if self._claimed is None else max(min(doubled, self._claimed), self.length + 1))
        return self._data[self.length : self.length + frames]

    def append(self, block: NDArray[np.float32]) -> None:
        """Add a block of shape (time, channels)."""
        taken = 0
        while taken < len(block):
            room = self.room(len(block) - taken)
            room[:] = block[taken : taken + len(room)]
            taken += len(room)
            self.length += len(room)

    def finish(self) -> NDArray[np.float32]:
        """Return all frames as (channels, time), C-contiguous; copies only where there are several channels."""
        self._resize(self.length)
        return np.ascontiguousarray(self._data.T)

    def _resize(self, frames: int) -> None:
        self._data.resize((frames, self._data.shape[1]), refcheck=False)


def check_format(name: str, rate: int, channels: int) -> None:
    """Refuse rates and channel counts that only a damaged header states.

    Raises:
        AudioError: an implausible rate, or no channel or too many.
    """
    if channels < 1:
        raise AudioError(name, "0 channels")
    if channels > MAX_CHANNELS:
        raise AudioError(name, f"implausible number of channels ({channels})")
    if not MIN_RATE <= rate <= MAX_RATE:
        raise AudioError(name, f"implausible sample rate ({rate} Hz, expected {MIN_RATE} to {MAX_RATE})")


@cache
def _forward_file() -> type[soundfile.SoundFile]:
    """Return soundfile's class without its habit of seeking to where it already stands after each read.

    That seek makes Opus lose and repeat samples between two reads, and makes a cut FLAC fail after all of its samples
    were read.
    """
    import soundfile

    class ForwardFile(soundfile.SoundFile):  # type: ignore[misc,unused-ignore]
        def seekable(self) -> bool:
            return False

        def can_seek(self) -> bool:
            return bool(super().seekable())

    return ForwardFile


def open_soundfile(target: str | bytes | BinaryIO) -> soundfile.SoundFile:
    """Open a file with libsndfile.

    Raises:
        NotForSoundfile: with libsndfile's own words.
    """
    import soundfile

    try:
        sound = _forward_file()(target)
        if sound.subtype == "OPUS" and sound.can_seek():
            # Of a stream whose clock does not begin at nought (cut out of a longer one, or recorded from a broadcast)
            # libsndfile drops the encoder's delay, usually 6.5 ms, after a seek only, and else as much of the end.
            sound.seek(0)
        return sound
    except soundfile.LibsndfileError as error:
        damaged = error.code not in _NOT_MINE and not _is_ogg_flac(target)
        raise NotForSoundfile(error.error_string, damaged=damaged) from error
    except (TypeError, ValueError) as error:  # a headerless kind (.raw) wants its rate from the caller
        raise NotForSoundfile(str(error), damaged=False) from error


def _is_ogg_flac(target: str | bytes | BinaryIO) -> bool:
    """Tell whether a file is FLAC in Ogg: libsndfile refuses the sound headers that FFmpeg writes there."""
    if isinstance(target, str | bytes):  # a path, as `Opened.target` gives it
        with open(target, "rb") as file:
            head = file.read(64)
    else:
        target.seek(0)
        head = target.read(64)
    return head.startswith(b"OggS") and b"\x7fFLAC" in head


def soundfile_info(sound: soundfile.SoundFile, name: str) -> AudioInfo:
    """Return the header's facts.

    Raises:
        AudioError: no samples, an implausible rate or number of channels.
        NotForSoundfile: the header states no length.
    """
    rate, frames, channels = sound.samplerate, sound.frames, sound.channels
    _check_header(name, rate, channels, frames)
    return AudioInfo(frames, rate, channels, frames / rate, sound.format, "soundfile")


def _check_header(name: str, rate: int, channels: int, frames: int) -> None:
    check_format(name, rate, channels)
    if frames == 0:
        raise AudioError(name, "no samples")
    if frames >= _FRAMES_UNKNOWN:
        raise NotForSoundfile("the header states no length", damaged=False)


def read_soundfile(sound: soundfile.SoundFile, name: str, span: Span, notes: tuple[str, ...]) -> Decoded:
    """Read a span with libsndfile: one seek, then only the frames asked for; `notes` say what is known beforehand.

    Raises:
        AudioError: no samples, or a span behind the end.
        NotForSoundfile: libsndfile gives up inside the file.
    """
    import soundfile

    rate, frames = sound.samplerate, sound.frames
    _check_header(name, rate, sound.channels, frames)
    first, count = span.frames(rate)
    if first >= frames:
        raise AudioError(name, past_end(span.start, frames / rate))
    wanted = frames - first if count is None else min(count, frames - first)
    try:
        samples = _read_frames(sound, first, wanted)
    except soundfile.LibsndfileError as error:
        raise NotForSoundfile(error.error_string, damaged=True) from error
    if samples.shape[1] == 0:
        raise NotForSoundfile("no samples where the header promises some", damaged=True)
    return Decoded(samples, rate, _with_shortfall(sound, notes, wanted, samples.shape[1]))


def parts_soundfile(sound: soundfile.SoundFile, name: str, seconds: float, notes: tuple[str, ...]) -> Iterator[Decoded]:
    """Yield a whole file in parts of up to `seconds`; the last part is empty and bears the notes.

    Raises:
        AudioError: no samples.
        NotForSoundfile: libsndfile gives up, at once or inside the file.
    """
    import soundfile

    rate, frames = sound.samplerate, sound.frames
    _check_header(name, rate, sound.channels, frames)
    size, got = max(1, min(round(seconds * rate), _BLOCK)), 0
    while got < frames:
        try:
            block = sound.read(min(size, frames - got), dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise NotForSoundfile(error.error_string, damaged=True) from error
        if not len(block):
            break
        got += len(block)
        yield Decoded(np.ascontiguousarray(block.T), rate)
    if not got:
        raise NotForSoundfile("no samples where the header promises some", damaged=True)
    yield Decoded(np.empty((sound.channels, 0), np.float32), rate, _with_shortfall(sound, notes, frames, got))


def _with_shortfall(sound: soundfile.SoundFile, notes: tuple[str, ...], wanted: int, got: int) -> tuple[str, ...]:
    """Return the notes, with one on samples that the header promised in vain where nothing else explains it."""
    # Only MP3 files state a length (Xing, VBRI); libsndfile guesses that of Layer II and of MP3 inside WAV by bit rate.
    if sound.subtype.startswith("MPEG") and (sound.format == "WAV" or not sound.subtype.endswith("_III")):
        return notes
    # Ogg states its length by page, and encoders are a packet off.
    if notes or wanted - got <= (slack(sound.samplerate) if sound.format == "OGG" else 0):
        return notes
    return (f"truncated: the header promises {wanted} samples here, the file holds {got}",)


def _read_frames(sound: soundfile.SoundFile, first: int, wanted: int) -> NDArray[np.float32]:
    if first and sound.can_seek():
        sound.seek(first)
    elif first:
        # GSM 6.10 and some ADPCM kinds cannot seek: decode up to the place and forget it.
        for begin in range(0, first, _BLOCK):
            sound.read(min(_BLOCK, first - begin), dtype="float32", always_2d=True)
    if wanted * sound.channels <= _FIRST_BUFFER:
        return np.ascontiguousarray(sound.read(wanted, dtype="float32", always_2d=True).T)
    buffer = Growing(sound.channels, wanted)
    while buffer.length < wanted:
        got = len(sound.read(dtype="float32", out=buffer.room(_BLOCK)))
        if got == 0:
            break
        buffer.length += got
    return buffer.finish()


def past_end(start: float, seconds: float) -> str:
    """Return the reason for a span that begins behind the end."""
    return f"start at {start:g} s is behind the end ({seconds:g} s)"
