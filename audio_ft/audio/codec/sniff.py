"""Choose the decoder from a file's first bytes, and compare the length in its header with the size of the file."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from itertools import dropwhile
from typing import BinaryIO, Literal

# Enough for the chunks that usually come before the samples; one read from the disk.
HEAD_BYTES = 4096
# An Ogg page has at most 65,307 bytes, so the last page always starts inside this tail.
_OGG_TAIL_BYTES = 65_536
# Up to this size all pages are checked (about 1 ms); in larger files only the first and the last.
_OGG_SCAN_BYTES = 4_000_000
# Flags and serial number of a stream in the header of a page; flags of the first and the last page of a stream.
_OGG_PAGE = re.compile(rb"OggS.(.).{8}(.{4})", re.DOTALL)
_OGG_FIRST, _OGG_LAST = 2, 4
# Programs that write to a pipe cannot go back to fill in the size and leave this value.
_SIZE_UNKNOWN = 0xFFFFFFFF
_MAX_CHUNKS = 64
_MAX_ID3_TAGS = 8

_NOT_AUDIO = {
    b"MThd": "not audio (MIDI)",
    b"PK\x03\x04": "not audio (zip archive)",
    b"\x1f\x8b": "not audio (gzip archive)",
    b"\xfd7zXZ\x00": "not audio (xz archive)",
    b"%PDF": "not audio (PDF)",
    b"\x89PNG": "not audio (PNG image)",
    b"\xff\xd8\xff": "not audio (JPEG image)",
    b"\x00\x05\x16\x07": "not audio (AppleDouble resource fork)",
    b"PAR1": "not audio (Parquet table)",
    b"version https://git-lfs": "not audio (Git LFS pointer)",
}
_IFF = {b"RIFF": ("<I", b"data"), b"RIFX": (">I", b"data"), b"FORM": (">I", b"SSND")}
_LIBSNDFILE = (*_IFF, b"RF64", b"riff", b"fLaC", b"OggS", b".snd", b"dns.", b"caff", b"NIST", b"Creative Voice")
_ASF, _EBML = b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", b"\x1aE\xdf\xa3"

Decoder = Literal["soundfile", "PyAV"]


@dataclass(frozen=True)
class DecoderChoice:
    """Hold the decoder that reads a file correctly, and notes on the file."""

    decoder: Decoder
    notes: tuple[str, ...] = ()
    recognized: bool = True
    """Whether the content shows an audio container: a failure then means "damaged", otherwise "not audio"."""


_SOUNDFILE = DecoderChoice("soundfile")


def not_audio(head: bytes) -> str | None:
    """Return why the first bytes are not audio ("not audio (MIDI)"), or None if they may be."""
    if head.startswith(_LIBSNDFILE):
        return None
    for magic, reason in _NOT_AUDIO.items():
        if head.startswith(magic):
            return reason
    start = head[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html", b"<?xml", b"<head", b"<body")):
        return "not audio (HTML or XML page)"
    return None


def choose_decoder(file: BinaryIO, head: bytes, size: int, name: str) -> DecoderChoice:
    """Return which decoder reads a file of `size` bytes correctly, by its content and, only for MP3, its name."""
    if head[:4] in _IFF:
        return _choose_iff(file, head, size)
    if head.startswith(b"OggS"):
        # libsndfile rejects the valid headers that FFmpeg writes for FLAC in Ogg.
        return DecoderChoice("PyAV" if b"\x7fFLAC" in head[:64] else "soundfile", _ogg_notes(file, head, size))
    if head.startswith(b".snd") and len(head) >= 12:
        offset, stated = struct.unpack(">II", head[4:12])
        return DecoderChoice("soundfile", _shortfall(stated, size - offset))
    if head.startswith(_LIBSNDFILE):
        return _SOUNDFILE
    if head[4:8] == b"ftyp" or head.startswith((_ASF, _EBML)):
        return DecoderChoice("PyAV")
    if head.startswith(b"ID3") or _is_frame_sync(head[:2]) or name.lower().endswith(".mp3"):
        return _choose_mp3(file, head, size)
    # Rare formats without known magic bytes (raw .gsm is found by its name): libsndfile rejects what it cannot read.
    return DecoderChoice("soundfile", recognized=False)


def _choose_iff(file: BinaryIO, head: bytes, size: int) -> DecoderChoice:
    """Compare the length in a WAV or AIFF header with the bytes in the file."""
    order, wanted = _IFF[head[:4]]
    found = _find_chunk(file, order, wanted)
    if found is None:
        return _SOUNDFILE
    offset, stated = found
    present = max(size - offset, 0)
    # A recorder that did not close its file leaves 0 as the length: libsndfile then returns no samples and no error,
    # FFmpeg reads to the end. The outer size is then 0 too, or that of an empty file (Python's wave module writes it
    # first); if the outer size covers what follows, the audio is really empty.
    if stated == 0 and present and struct.unpack(order, head[4:8])[0] + 8 <= offset:
        return DecoderChoice("PyAV", (f"unfinished header: it states no audio, but {present} bytes follow",))
    return DecoderChoice("soundfile", _shortfall(stated, present))


def _shortfall(stated: int, present: int) -> tuple[str, ...]:
    if stated == _SIZE_UNKNOWN or stated <= present:
        return ()
    return (f"truncated: the header states {stated} bytes of audio, the file has {present}",)


def _find_chunk(file: BinaryIO, order: str, wanted: bytes) -> tuple[int, int] | None:
    """Return (offset of the content, stated size in bytes) of an IFF chunk, or None if it is not found."""
    position = 12
    for _ in range(_MAX_CHUNKS):
        file.seek(position)
        entry = file.read(8)
        if len(entry) < 8:
            return None
        length = struct.unpack(order, entry[4:])[0]
        position += 8
        if entry[:4] == wanted:
            return position, length
        position += length + length % 2
    return None


def _ogg_notes(file: BinaryIO, head: bytes, size: int) -> tuple[str, ...]:
    """Return notes on an Ogg stream that lacks its end-of-stream page or has other streams chained after it."""
    whole = size <= _OGG_SCAN_BYTES
    start = 0 if whole else size - _OGG_TAIL_BYTES
    file.seek(start)
    data = file.read()
    last = data.rfind(b"OggS")
    if last < 0 or len(data) < last + 27 + 1:
        return ("truncated: the Ogg stream ends inside a page",)
    segments = data[last + 26]
    ends = last + 27 + segments + sum(data[last + 27 : last + 27 + segments])
    notes = []
    if not data[last + 5] & _OGG_LAST or ends > len(data):
        notes.append("truncated: the Ogg stream has no end-of-stream page")
    # Streams that start together are audio, perhaps with video or a skeleton; another one follows them.
    together = {serial for flags, serial in _OGG_PAGE.findall(head) if flags[0] & _OGG_FIRST}
    if data[last + 14 : last + 18] not in together or (whole and _has_second_stream(data)):
        notes.append("chained: the file has several Ogg streams in sequence, only the first is read")
    return tuple(notes)


def _has_second_stream(data: bytes) -> bool:
    """Return whether a stream starts after another has ended."""
    flags = [flags[0] for flags, _ in _OGG_PAGE.findall(data)]
    return any(first & _OGG_FIRST for first in dropwhile(lambda last: not last & _OGG_LAST, flags))


def _choose_mp3(file: BinaryIO, head: bytes, size: int) -> DecoderChoice:
    """Choose libsndfile for an MP3 only if a Xing or Info frame states its length.

    Without that frame libsndfile estimates the length from the first bit rate and stops there without an error: a
    variable-rate file can lose half. It also stops at the stated length where a second file was appended. FFmpeg reads
    frame by frame to the end. (A Xing frame has frames and bytes if flags 1 and 2 are set.)
    """
    start = _skip_id3(file)
    file.seek(start)
    frame = file.read(192)
    if not (_is_frame_sync(frame[:2]) and len(frame) >= 4):
        return DecoderChoice("PyAV", recognized=head.startswith(b"ID3"))
    mpeg1, mono = bool(frame[1] & 0x08), frame[3] >> 6 == 3
    side = (17 if mono else 32) if mpeg1 else (9 if mono else 17)
    at = 4 + side + (0 if frame[1] & 1 else 2)
    if frame[at : at + 4] not in (b"Xing", b"Info") or len(frame) < at + 16:
        return DecoderChoice("PyAV")
    flags, frames, length = struct.unpack(">III", frame[at + 4 : at + 16])
    if flags & 3 != 3 or not frames or not length:
        return DecoderChoice("PyAV")
    if start + length > size:
        return DecoderChoice("soundfile", _shortfall(length, size - start))
    file.seek(start + length)
    behind = file.read(3)
    return DecoderChoice("PyAV" if behind == b"ID3" or _is_frame_sync(behind[:2]) else "soundfile")


def _skip_id3(file: BinaryIO) -> int:
    """Return the offset after the ID3v2 tags at the beginning (their size is four bytes of seven bits)."""
    position = 0
    for _ in range(_MAX_ID3_TAGS):
        file.seek(position)
        tag = file.read(10)
        if tag[:3] != b"ID3" or len(tag) < 10:
            break
        footer = 10 if tag[5] & 0x10 else 0
        position += 10 + footer + (tag[6] << 21 | tag[7] << 14 | tag[8] << 7 | tag[9])
    return position


def _is_frame_sync(two: bytes) -> bool:
    """Return whether two bytes start an MPEG Layer III frame: eleven ones, a valid version, layer bits 01."""
    return len(two) == 2 and two[0] == 0xFF and two[1] & 0xE6 == 0xE2 and two[1] & 0x18 != 0x08
