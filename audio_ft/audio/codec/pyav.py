"""Decode with FFmpeg (through PyAV, on one thread) what libsndfile cannot read or reads wrongly."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from audio_ft.audio.codec.libsndfile import AudioInfo, Decoded, GrowingBuffer, Span, check_format, past_end, slack
from audio_ft.errors import AudioError

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from numpy.typing import NDArray

# A lossy decoder needs some packets before its output is correct (Opus 80 ms, MP3 up to ten frames).
_PREROLL_SECONDS = 0.5
# In Matroska, WebM and WMA times are in milliseconds, so a seek can be off by some samples. Near the beginning,
# decoding everything before is as cheap, and exact.
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
_FULL_SCALE = {"u8": 2.0**7, "s16": 2.0**15, "s32": 2.0**31, "s64": 2.0**63, "flt": 1.0, "dbl": 1.0}


def read_av(file: BinaryIO, name: str, span: Span, *, recognized: bool) -> Decoded:
    """Read a span of the first audio stream; damaged packets are skipped and noted.

    In Matroska, WebM and WMA, a `start` after 30 s is exact to 1 ms only.

    Raises:
        AudioError: the file is not audio, is damaged, or has no audio stream or samples, or the span starts after the
            end.
    """
    # If the seek lands after the start of the span, the second try decodes from the beginning.
    for seek in (True, False):
        with _opened(file, name, recognized=recognized) as (container, stream):
            reader = _Reader(container, stream, name)
            wanted = reader.read(span, seek=seek)
            if wanted is None:
                continue
            if not wanted.length:
                raise AudioError(name, reader.empty_reason(span))
            return Decoded(wanted.finish(), reader.rate, reader.notes(span))
    raise AudioError(name, "damaged: cannot seek in it")


def iter_av(file: BinaryIO, name: str, *, recognized: bool, skip: int = 0) -> Iterator[Decoded]:
    """Yield the first audio stream from frame `skip` on in small parts; the last is empty and has the notes.

    Raises:
        AudioError: as `read_av`.
    """
    with _opened(file, name, recognized=recognized) as (container, stream):
        reader = _Reader(container, stream, name)
        for block in reader.blocks():
            new = block[max(0, skip - reader.position + len(block)) :]
            if len(new):
                yield Decoded(np.ascontiguousarray(new.T), reader.rate)
        if not reader.position:
            raise AudioError(name, reader.empty_reason(Span()))
        yield Decoded(np.empty((reader.channels, 0), np.float32), reader.rate, reader.notes(Span()))


def probe_av(file: BinaryIO, name: str, *, recognized: bool) -> AudioInfo:
    """Describe a recording by its header, or by counting its packets where the header has no length."""
    with _opened(file, name, recognized=recognized) as (container, stream):
        rate, channels, kind = int(stream.rate or 0), int(stream.channels), container.format.name
        seconds = _stated_seconds(container, stream, alone=False)
        if seconds is None:
            seconds = _packet_seconds(container, stream)
    if not seconds:
        raise AudioError(name, "no samples")
    return AudioInfo(round(seconds * rate), rate, channels, float(seconds), kind, "PyAV")


@contextmanager
def _opened(file: BinaryIO, name: str, *, recognized: bool) -> Iterator[tuple[InputContainer, AudioStream]]:
    try:
        import av
    except ImportError as error:
        raise AudioError(name, "needs PyAV, which cannot be imported (pip install av)") from error
    file.seek(0)
    try:
        container = av.open(file, "r", options={"format_whitelist": _FORMATS}, metadata_errors="replace")
    except av.FFmpegError as error:
        raise AudioError(name, "damaged header" if recognized else "not audio") from error
    with container:
        if not container.streams.audio:
            raise AudioError(name, "no audio stream")
        stream = container.streams.audio[0]
        if stream.codec_context is None:
            raise AudioError(name, "codec not supported")
        check_format(name, int(stream.rate or 0), int(stream.channels))
        # Files are decoded in parallel by worker processes already.
        stream.codec_context.thread_count = 1
        yield container, stream


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

    def read(self, span: Span, *, seek: bool) -> GrowingBuffer | None:
        """Return the span's frames, or None if seeking landed after the span's start."""
        frames = self._frames()
        frame = self._first(frames)
        if frame is None:
            return GrowingBuffer(1, 0)
        first, count = span.frames(self.rate)
        if seek and span.start > _SEEK_FROM_SECONDS:
            frames, frame = self._seek(frame, span.start)
            if frame is None or self.position > first:
                return None
        wanted = GrowingBuffer(self.channels, count)
        while frame is not None and (count is None or wanted.length < count):
            block = self._samples(frame)
            begin = max(0, first - self.position)
            if begin < len(block):
                wanted.append(block[begin : None if count is None else begin + count - wanted.length])
            elif begin:
                self.damaged = 0  # errors before the span come from starting in the middle of a stream, not from damage
            self.position += len(block)
            frame = next(frames, None)
        return wanted

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Yield the samples (time, channels) of each frame, from the first to the last."""
        frames = self._frames()
        frame = self._first(frames)
        while frame is not None:
            block = self._samples(frame)
            self.position += len(block)
            yield block
            frame = next(frames, None)

    def empty_reason(self, span: Span) -> str:
        """Return why there are no samples."""
        if self.damaged:
            return "damaged: nothing could be decoded"
        return past_end(span.start, self.position / self.rate) if self.position else "no samples"

    def notes(self, span: Span) -> tuple[str, ...]:
        """Return notes on damaged packets, an end before the stated one and further tracks."""
        notes = []
        stated = _stated_seconds(self.container, self.stream, alone=True) if span.seconds is None else None
        reached = self.lead + self.position / self.rate
        if stated is not None and reached + slack(self.rate) / self.rate < stated:
            notes.append(f"truncated: the header states {float(stated):.2f} s, the file has {reached:.2f} s")
        if self.damaged:
            notes.append(f"damaged: {self.damaged} packets could not be decoded")
        tracks = len(self.container.streams.audio)
        if tracks > 1:
            notes.append(f"several tracks: the first of {tracks} audio streams is read")
        return tuple(notes)

    def _first(self, frames: Iterator[AudioFrame]) -> AudioFrame | None:
        """Return the first frame and set rate, channels and lead from it; None if nothing can be decoded."""
        frame = next(frames, None)
        if frame is not None:
            self.rate, self.channels = int(frame.sample_rate), len(frame.layout.channels)
            check_format(self.name, self.rate, self.channels)
            self.lead = float((_time(frame) or 0) - _start_time(self.stream))
        return frame

    def _seek(self, origin: AudioFrame, start: float) -> tuple[Iterator[AudioFrame], AudioFrame | None]:
        """Seek to shortly before `start` and set `position` from the time of the frame found there."""
        import av

        base, begin = self.stream.time_base, _time(origin)
        if begin is None or base is None:
            return iter(()), None
        try:
            self.container.seek(int((begin + Fraction(start - _PREROLL_SECONDS)) / base), stream=self.stream)
        except av.FFmpegError:
            return iter(()), None
        frames = self._frames()
        frame = next(frames, None)
        landed = None if frame is None else _time(frame)
        if landed is None:
            return iter(()), None
        self.position = round((landed - begin) * self.rate)
        return frames, frame

    def _frames(self) -> Iterator[AudioFrame]:
        """Yield decoded frames; a packet that cannot be decoded is counted and skipped."""
        import av

        packets = self.container.demux(self.stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except IndexError:  # PyAV raises it at the end when a stream started inside the file
                return
            except av.FFmpegError:
                self.damaged += 1
                return
            try:
                yield from packet.decode()
            except av.FFmpegError:  # decoders report damage with many different errors
                self.damaged += 1

    def _samples(self, frame: AudioFrame) -> NDArray[np.float32]:
        """Return a frame as float32 (time, channels) with full scale at 1."""
        if (frame.sample_rate, len(frame.layout.channels)) != (self.rate, self.channels):
            raise AudioError(self.name, "the sample rate or the channels change inside the file")
        base = frame.format.name.removesuffix("p")
        values = _planes(frame, base).T if frame.format.is_planar else frame.to_ndarray().reshape(-1, self.channels)
        samples = values.astype(np.float32)
        if base == "u8":
            samples -= 128.0
        samples /= _FULL_SCALE[base]
        return samples


def _planes(frame: AudioFrame, base: str) -> NDArray[Any]:
    """Return the unconverted samples (channels, time) of a planar frame.

    PyAV's `to_ndarray` counts planes until an empty one, which frames of eight channels or more do not have: it reads
    beyond the frame and crashes.
    """
    from av.audio.plane import AudioPlane

    planes: Iterator[Any] = (AudioPlane(frame, index) for index in range(len(frame.layout.channels)))
    return np.stack([np.frombuffer(plane, _KINDS[base], frame.samples) for plane in planes])


def _time(frame: AudioFrame) -> Fraction | None:
    """Return a frame's presentation time in seconds, if it has one."""
    return None if frame.pts is None or frame.time_base is None else frame.pts * frame.time_base


def _start_time(stream: AudioStream) -> Fraction:
    """Return the stated start time of a stream in seconds."""
    return Fraction(0) if stream.time_base is None else (stream.start_time or 0) * stream.time_base


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
    except (av.FFmpegError, IndexError):
        pass  # a truncated file, or a stream that started inside the file: what came before counts
    return float(ticks * stream.time_base) if stream.time_base is not None else 0.0
