"""Decode with FFmpeg (through PyAV, on one thread) what libsndfile cannot read or reads wrongly."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from audio_ft.audio.codec.libsndfile import PREROLL_SECONDS, AudioInfo, Decoded, Span, check_format, past_end, slack
from audio_ft.audio.codec.source import AudioSource
from audio_ft.errors import AudioError

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer

# In Matroska, WebM and WMA times are in milliseconds, so where frames differ in size a seek can be off by some samples.
# Near the beginning, decoding everything before is as cheap, and exact.
_SEEK_FROM_SECONDS = 30.0
# Only self-contained audio and video: FFmpeg also reads playlists, which could open any file or address, and guesses
# formats for text and images.
_FORMATS = (
    "aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,au,avi,caf,dts,eac3,flac,flv,gsm,loas,matroska,webm,mov,mp3,mpeg,mpegts,"
    "mp4,m4a,3gp,3g2,nistsphere,ogg,oma,rm,tta,voc,w64,wav,wv"
)
# Containers whose header states a duration. For others, such as raw MP3 and AAC, FFmpeg estimates one from the bit
# rate, so packets must be counted.
_STATES_DURATION = ("mov,mp4", "matroska,webm", "asf", "avi", "caf", "flac", "wav", "ogg", "au", "aiff")
_KINDS = {"u8": "u1", "s16": "i2", "s32": "i4", "s64": "i8", "flt": "f4", "dbl": "f8"}


def iter_av(recording: AudioSource, span: Span, notes: tuple[str, ...], skip: int) -> Iterator[Decoded]:
    """Yield a span of the first audio stream, from its frame `skip` on, in small parts; the last is empty.

    The last part has `notes` and those on damaged packets, which are skipped. In Matroska, WebM and WMA, a start after
    30 s is exact to 1 ms only, unless all frames have one size, as in Opus and AAC.

    Raises:
        AudioError: the file is not audio, is damaged, or has no audio stream or samples, or the span starts after the
            end.
    """
    # If the seek lands after the start of the span, the second try decodes from the beginning.
    for seek in (span.start > _SEEK_FROM_SECONDS, False):
        with _opened(recording) as (container, stream):
            reader = _Reader(container, stream, recording.name)
            frames = reader.frames(span.start, seek=seek)
            if frames is None:
                continue
            first, count = span.frames(reader.rate)
            end = sys.maxsize if count is None else first + count
            for frame in frames:
                block, begin = reader.samples(frame), reader.position
                reader.position += block.shape[1]
                new = block[:, max(0, first + skip - begin) : max(0, end - begin)]
                if new.size:
                    yield Decoded(np.ascontiguousarray(new), reader.rate)
                elif begin < first:
                    reader.damaged = 0  # errors before the span come from starting inside the stream, not from damage
                if reader.position >= end:
                    break
            if reader.position <= first:
                raise AudioError(recording.name, reader.empty_reason(span.start))
            found = reader.notes(to_end=count is None)
            yield Decoded(np.empty((reader.channels, 0), np.float32), reader.rate, notes + found)
            return


def probe_av(recording: AudioSource) -> AudioInfo:
    """Describe a recording by its header, or by counting its packets where the header has no length."""
    with _opened(recording) as (container, stream):
        rate, channels, kind = int(stream.rate or 0), int(stream.channels), container.format.name
        seconds = _stated_seconds(container, stream, alone=False)
        if seconds is None:
            seconds = _packet_seconds(container, stream)
    if not seconds:
        raise AudioError(recording.name, "no samples")
    return AudioInfo(round(seconds * rate), rate, channels, float(seconds), kind, "PyAV")


@contextmanager
def _opened(recording: AudioSource) -> Iterator[tuple[InputContainer, AudioStream]]:
    file, name = recording.file, recording.name
    try:
        import av
    except ImportError as error:
        raise AudioError(name, "needs PyAV, which cannot be imported (pip install av)") from error
    file.seek(0)
    with _ffmpeg(name, "damaged header" if recording.choice.recognized else "not audio"):
        container = av.open(file, "r", options={"format_whitelist": _FORMATS}, metadata_errors="replace")
    with container:
        with _ffmpeg(name, "damaged header"):
            if not container.streams.audio:
                raise AudioError(name, "no audio stream")
            stream = container.streams.audio[0]
            if stream.codec_context is None:
                raise AudioError(name, "codec not supported")
            check_format(name, int(stream.rate or 0), int(stream.channels))
            # Files are decoded in parallel by worker processes already.
            stream.codec_context.thread_count = 1
        yield container, stream


@contextmanager
def _ffmpeg(name: str, reason: str) -> Iterator[None]:
    """Raise `AudioError` for whatever the calls of PyAV in the block raise, except errors of the file system.

    Damaged files make PyAV raise more than its own errors (ValueError, OverflowError, IndexError …).
    """
    import av

    try:
        yield
    except av.FFmpegError as error:
        raise AudioError(name, reason) from error
    except (AudioError, OSError, MemoryError):
        raise
    except Exception as error:
        raise AudioError(name, f"{reason} ({type(error).__name__} in PyAV)") from error


@dataclass
class _Reader:
    """Decode one stream; `position` counts samples from the first one of a full decode."""

    container: InputContainer
    stream: AudioStream
    name: str
    rate: int = 0
    channels: int = 0
    damaged: int = 0
    position: int = 0
    lead: float = 0.0
    """Seconds from the stream's stated start to its first sample."""

    def frames(self, start: float, *, seek: bool) -> Iterable[AudioFrame] | None:
        """Return all frames, or with `seek` those from shortly before `start` on; None if seeking fails."""
        import av

        frames = self._frames()
        origin = next(frames, None)
        if origin is None:
            return ()
        self.rate, self.channels = int(origin.sample_rate), len(origin.layout.channels)
        check_format(self.name, self.rate, self.channels)
        begin, base = _time(origin), self.stream.time_base
        self.lead = float((begin or 0) - (self.stream.start_time or 0) * (base or 0))
        if not seek:
            return chain([origin], frames)
        if begin is None or base is None:
            return None
        try:
            self.container.seek(int((begin + Fraction(start - PREROLL_SECONDS)) / base), stream=self.stream)
        except (av.FFmpegError, OverflowError):  # a time that has more than 64 bits
            return None
        frames = self._frames()
        frame = next(frames, None)
        landed = None if frame is None else _time(frame)
        if frame is None or landed is None:
            return None
        self.position = self._exact(round((landed - begin) * self.rate), origin.samples, frame.samples)
        return chain([frame], frames) if self.position <= round(start * self.rate) else None

    def _exact(self, position: int, first: int, size: int) -> int:
        """Return a frame's position, where times are rounded to 1 ms: all frames but the first have one size."""
        if self.stream.time_base is None or self.stream.time_base * self.rate <= 1:
            return position
        counted = first + round((position - first) / size) * size
        return counted if abs(counted - position) <= self.rate / 1000 else position

    def samples(self, frame: AudioFrame) -> NDArray[np.float32]:
        """Return a frame as float32 (channels, time) with full scale at 1."""
        if (frame.sample_rate, len(frame.layout.channels)) != (self.rate, self.channels):
            raise AudioError(self.name, "the sample rate or the channels change inside the file")
        with _ffmpeg(self.name, "damaged"):
            values = _unconverted(frame)
        samples = values.astype(np.float32)
        if values.dtype == np.uint8:
            samples -= 128.0
        if values.dtype.kind != "f":
            samples /= 2.0 ** (8 * values.itemsize - 1)
        return samples

    def empty_reason(self, start: float) -> str:
        """Return why there are no samples from second `start` on."""
        if self.damaged:
            return "damaged: nothing could be decoded"
        return past_end(start, self.position / self.rate) if self.position else "no samples"

    def notes(self, *, to_end: bool) -> tuple[str, ...]:
        """Return notes on damaged packets, an end before the stated one and further tracks."""
        notes = []
        stated = _stated_seconds(self.container, self.stream, alone=True) if to_end else None
        reached = self.lead + self.position / self.rate
        if stated is not None and reached + slack(self.rate) / self.rate < stated:
            notes.append(f"truncated: the header states {float(stated):.2f} s, the file has {reached:.2f} s")
        if self.damaged:
            notes.append(f"damaged: {self.damaged} packets could not be decoded")
        tracks = len(self.container.streams.audio)
        if tracks > 1:
            notes.append(f"several tracks: the first of {tracks} audio streams is read")
        return tuple(notes)

    def _frames(self) -> Iterator[AudioFrame]:
        """Yield decoded frames; a packet that cannot be decoded is counted and skipped."""
        import av

        packets = self.container.demux(self.stream)
        while True:
            try:
                packet = next(packets)
            except (StopIteration, IndexError):  # an IndexError at the end where a stream started inside the file
                return
            except MemoryError:
                raise
            except Exception as error:
                if isinstance(error, OSError) and not isinstance(error, av.FFmpegError):
                    raise
                self.damaged += 1
                return
            try:
                frames = packet.decode()
            except MemoryError:
                raise
            except Exception:  # noqa: BLE001  (decoders report damage with many different errors)
                self.damaged += 1
            else:
                yield from frames


def _unconverted(frame: AudioFrame) -> NDArray[Any]:
    """Return the samples (channels, time) of a frame as they are stored.

    PyAV's `to_ndarray` has no 64-bit integers, and counts planes until an empty one, which frames of eight channels or
    more do not have: it reads beyond the frame and crashes.
    """
    from av.audio.plane import AudioPlane

    channels, planar = len(frame.layout.channels), frame.format.is_planar
    kind, count = _KINDS[frame.format.name.removesuffix("p")], frame.samples * (1 if planar else channels)
    planes: Iterator[Any] = (AudioPlane(frame, index) for index in range(channels if planar else 1))
    values = np.stack([np.frombuffer(plane, kind, count) for plane in planes])
    return values if planar else values.reshape(-1, channels).T


def _time(frame: AudioFrame) -> Fraction | None:
    """Return a frame's presentation time in seconds, if it has one."""
    return None if frame.pts is None or frame.time_base is None else frame.pts * frame.time_base


def _stated_seconds(container: InputContainer, stream: AudioStream, *, alone: bool) -> float | None:
    """Return the stated duration of the audio, or None; with `alone`, not one that includes a video."""
    if not container.format.name.startswith(_STATES_DURATION):
        return None
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    if container.duration is None or (alone and container.streams.video):
        return None
    return container.duration / 1_000_000


def _packet_seconds(container: InputContainer, stream: AudioStream) -> float:
    """Return the summed duration of all packets, which are read but not decoded."""
    import av

    ticks = 0
    try:
        for packet in container.demux(stream):
            ticks += packet.duration or 0
    except (av.FFmpegError, IndexError, ValueError, OverflowError):
        pass  # a truncated file, or a stream that started inside the file: what came before counts
    return float(ticks * stream.time_base) if stream.time_base is not None else 0.0
