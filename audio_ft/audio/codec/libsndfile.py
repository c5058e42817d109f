"""Decode with libsndfile (through soundfile), and the types that both decoders share; the other is `pyav`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from audio_ft.audio.codec.kept_open import Place, keep, take
from audio_ft.audio.codec.sniff import Decoder
from audio_ft.audio.codec.source import AudioSource
from audio_ft.errors import AudioError

if TYPE_CHECKING:
    import soundfile

# 8 kHz telephony and 500 kHz bat detectors are well inside. A rate outside comes from a damaged header, and a
# resampler that trusts it allocates gigabytes or returns nothing.
MIN_RATE, MAX_RATE = 1_000, 1_000_000
# The largest microphone arrays have 64 channels, high-order ambisonics some more; a higher number means damage.
MAX_CHANNELS = 256
# Samples decoded at once: memory grows with the decoded audio, not with the length in the header.
_BLOCK = 4_194_304
# Containers may round times to milliseconds, and some count the delay and padding of a lossy codec (up to four codec
# frames) in their length; a truncated file lacks more than this.
_SLACK_SECONDS, _SLACK_FRAMES = 0.1, 4096
# libsndfile's error codes for an unknown format, codec and coding (64-bit integers): the file is not damaged, FFmpeg
# may read it.
_UNSUPPORTED = (1, 4, 18)
_FRAMES_UNKNOWN = 1 << 62
# A lossy decoder needs some packets before its output is correct (Opus 80 ms, MP3 up to ten frames).
PREROLL_SECONDS = 0.5


@dataclass(frozen=True)
class Span:
    """Select a part of a recording, in seconds: `seconds` of it, or up to `stop`, or up to the end."""

    start: float = 0.0
    seconds: float | None = None
    stop: float | None = None

    def frames(self, rate: int) -> tuple[int, int | None]:
        """Return (first frame, number of frames or None) at `rate` Hz; a part begins where the one before it stops."""
        first = round(self.start * rate)
        if self.seconds is not None:
            return first, max(1, round(self.seconds * rate))
        return first, None if self.stop is None else max(1, round(self.stop * rate) - first)


def slack(rate: int) -> float:
    """Return by how many frames the header of an intact lossy stream may overstate its length at `rate` Hz."""
    return max(_SLACK_SECONDS * rate, _SLACK_FRAMES)


@dataclass(frozen=True)
class Decoded:
    """Hold newly decoded samples, float32 (channels, time), C-contiguous, that no other code refers to."""

    samples: NDArray[np.float32]
    rate: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class AudioInfo:
    """Describe a recording by its header: frames per channel, rate in Hz, channels, seconds, container, decoder."""

    frames: int
    rate: int
    channels: int
    seconds: float
    format: str
    decoder: Decoder

    def of(self, span: Span, channel: int | None, name: str) -> AudioInfo:
        """Describe a part of the recording, with one channel or all; `name` is for the error that there is none."""
        first, count = span.frames(self.rate)
        if first >= self.frames:
            raise AudioError(name, past_end(span.start, self.seconds))
        frames = min(self.frames - first, self.frames if count is None else count)
        channels = self.channels if channel is None else 1
        return replace(self, frames=frames, seconds=frames / self.rate, channels=channels)


class UnreadableBySoundfile(Exception):
    """Report that libsndfile cannot open or decode a file that FFmpeg may still read."""

    def __init__(self, reason: str, *, damaged: bool) -> None:
        self.damaged = damaged
        super().__init__(reason)


def check_format(name: str, rate: int, channels: int) -> None:
    """Check the rate and the number of channels, which a damaged header may state wrongly.

    Raises:
        AudioError: the rate or the number of channels is implausible.
    """
    if channels < 1:
        raise AudioError(name, "0 channels")
    if channels > MAX_CHANNELS:
        raise AudioError(name, f"implausible number of channels ({channels})")
    if not MIN_RATE <= rate <= MAX_RATE:
        raise AudioError(name, f"implausible sample rate ({rate} Hz, expected {MIN_RATE} to {MAX_RATE})")


def probe_soundfile(recording: AudioSource) -> AudioInfo | None:
    """Describe a recording by its header; None where FFmpeg may read it instead.

    Raises:
        AudioError: there are no samples, or the rate or the number of channels is implausible.
    """
    with suppress(UnreadableBySoundfile), _opened(recording) as sound:
        return _info(sound, recording.name)
    return None


def iter_soundfile(recording: AudioSource, span: Span, seconds: float) -> Iterator[Decoded]:
    """Yield a span in parts of up to `seconds`; the last part is empty and has the notes.

    Raises:
        AudioError: as `probe_soundfile`, or the span starts after the end.
        UnreadableBySoundfile: libsndfile fails, at once or inside the file.
    """
    with _at_part(recording, span) as place:
        sound = place.sound
        info = _info(sound, recording.name)
        first, count = span.frames(info.rate)
        if first >= info.frames:
            raise AudioError(recording.name, past_end(span.start, info.seconds))
        wanted, got = min(count or info.frames, info.frames - first), 0
        block = max(1, int(min(seconds * info.rate, _BLOCK / info.channels)))
        # libsndfile takes ten times as long to read 16-bit integers as floats; the values are the same.
        kind = "int16" if sound.subtype == "PCM_16" else "float32"
        with _libsndfile(damaged=True):
            _skip(sound, place.position, first, block)
        while got < wanted:
            with _libsndfile(damaged=True):
                part = sound.read(min(block, wanted - got), dtype=kind, always_2d=True)
            if not len(part):
                break
            got += len(part)
            yield Decoded(_as_float(part), info.rate)
        if not got:
            raise UnreadableBySoundfile("no samples although the header states a length", damaged=True)
        place.position = first + got
        notes = recording.choice.notes or _shortfall(sound, wanted, got)
        yield Decoded(np.empty((info.channels, 0), np.float32), info.rate, notes)


def _as_float(part: NDArray[Any]) -> NDArray[np.float32]:
    """Return samples (time, channels) as float32 (channels, time); full scale of 16-bit integers is 1."""
    if part.dtype != np.int16:
        return np.ascontiguousarray(part.T)
    samples = np.ascontiguousarray(part.T).astype(np.float32)
    samples *= np.float32(1 / 32_768)
    return samples


def _opened(recording: AudioSource) -> soundfile.SoundFile:
    """Open a recording, or raise UnreadableBySoundfile with libsndfile's message."""
    import soundfile

    with _libsndfile(damaged=False):
        sound = soundfile.SoundFile(recording.target())
        if sound.subtype == "OPUS" and sound.seekable():
            # In a stream whose time does not start at 0 (cut from a longer one, or recorded from a broadcast)
            # libsndfile removes the encoder's delay, usually 6.5 ms, only after a seek; without, it cuts the end.
            sound.seek(0)
        # Where it can, soundfile seeks to its position after each read. That makes Opus lose and repeat samples between
        # two reads, and a truncated FLAC fail after its last sample.
        vars(sound)["seekable"] = lambda: False
        return sound


@contextmanager
def _libsndfile(*, damaged: bool) -> Iterator[None]:
    """Raise `UnreadableBySoundfile` for whatever the calls of soundfile in the block raise.

    `damaged` is what an error of soundfile itself means: when a file is opened, it is often a headerless format (.raw).
    """
    import soundfile

    try:
        yield
    except soundfile.LibsndfileError as error:
        raise UnreadableBySoundfile(error.error_string, damaged=error.code not in _UNSUPPORTED) from error
    except (OSError, MemoryError):
        raise
    except Exception as error:
        raise UnreadableBySoundfile(str(error) or type(error).__name__, damaged=damaged) from error


def _info(sound: soundfile.SoundFile, name: str) -> AudioInfo:
    rate, frames, channels = sound.samplerate, sound.frames, sound.channels
    check_format(name, rate, channels)
    if frames == 0:
        raise AudioError(name, "no samples")
    if frames >= _FRAMES_UNKNOWN:
        raise UnreadableBySoundfile("the header has no length", damaged=False)
    return AudioInfo(frames, rate, channels, frames / rate, sound.format, "soundfile")


@contextmanager
def _at_part(recording: AudioSource, span: Span) -> Iterator[Place]:
    """Open a recording, which is kept open after a part of it if finding the next one takes long."""
    place = take(recording) if span.start else None
    if place is None or not (_can_seek(place.sound) or place.position <= span.start * place.sound.samplerate):
        place = Place(_opened(recording))
    done = False
    try:
        yield place
        done = True
    finally:
        # A Vorbis that was read before gives other samples after a seek; where seeking is fast nothing is gained.
        slow = place.sound.subtype.startswith("MPEG") or place.sound.subtype == "OPUS" or not _can_seek(place.sound)
        if done and slow and span != Span():
            keep(recording, place)
        else:
            place.sound.close()


def _can_seek(sound: soundfile.SoundFile) -> bool:
    """Tell whether a recording can be read from any place; GSM 6.10 and some ADPCM formats cannot."""
    import soundfile

    return bool(soundfile.SoundFile.seekable(sound))


def _skip(sound: soundfile.SoundFile, position: int, first: int, block: int) -> None:
    """Go to a frame from the one that is read next; where a format cannot seek, what comes before is decoded.

    So are some packets of MP3, whose bit reservoir makes samples depend on those before; for Opus libsndfile does that,
    from the start of a page, so that a place less than half a second ahead is reached sooner by reading on.
    """
    mpeg, opus = sound.subtype.startswith("MPEG"), sound.subtype == "OPUS"
    ahead = int(PREROLL_SECONDS * sound.samplerate)
    begin = position
    if _can_seek(sound) and not position <= first <= position + (ahead if mpeg or opus else 0):
        begin = max(0, first - ahead) if mpeg else first
        sound.seek(begin)
    for at in range(begin, first, block):
        sound.read(min(block, first - at), dtype="float32", always_2d=True)


def _shortfall(sound: soundfile.SoundFile, wanted: int, got: int) -> tuple[str, ...]:
    """Return a note if samples are missing."""
    # Only MP3 files state a length (Xing, VBRI); for Layer II and MP3 in WAV libsndfile estimates it from the bit rate.
    if sound.subtype.startswith("MPEG") and (sound.format == "WAV" or not sound.subtype.endswith("_III")):
        return ()
    # Ogg states its length per page, and encoders are off by a packet.
    if wanted - got <= (slack(sound.samplerate) if sound.format == "OGG" else 0):
        return ()
    return (f"truncated: the header states {wanted} samples here, the file has {got}",)


def past_end(start: float, seconds: float) -> str:
    """Return the reason for a span that starts after the end."""
    return f"start at {start:g} s is after the end ({seconds:g} s)"
