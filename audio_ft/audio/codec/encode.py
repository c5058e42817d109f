"""Encode samples into a file, which is written completely or not at all, or into memory."""

from __future__ import annotations

import errno
import io
import logging
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from audio_ft.errors import InputError
from audio_ft.file_io import replacing

if TYPE_CHECKING:
    from numpy.typing import NDArray

# suffix -> (format, subtype) of libsndfile
FORMATS = {
    ".wav": ("WAV", "PCM_16"),
    ".flac": ("FLAC", "PCM_16"),
    ".ogg": ("OGG", "VORBIS"),
    ".mp3": ("MP3", "MPEG_LAYER_III"),
}
# libsndfile's Vorbis encoder keeps the samples of one call on the stack and crashes when there are many.
_BLOCK = 65_536
# The sizes in a WAV header have 32 bits; one kilobyte is reserved for the header.
_WAV_BYTES = 2**32 - 1024

_log = logging.getLogger(__name__)


def encode(samples: NDArray[np.float32], rate: int, path: str | os.PathLike[str]) -> None:
    """Write samples (channels, time) at `rate` Hz; see `clip.write`.

    Raises:
        InputError: a suffix, rate or level that the format cannot hold, no samples, or a path that cannot be written.
    """
    import soundfile

    target = Path(path)
    container, encoding = _format(target, samples)
    with replacing(target) as unfinished:
        # soundfile's own encoding refuses names not in UTF-8
        name = str(unfinished) if os.name == "nt" else os.fsencode(unfinished)
        try:
            _write(name, samples, rate, container, encoding)
        except soundfile.LibsndfileError as error:
            if shutil.disk_usage(target.parent).free < samples.nbytes:  # libsndfile says "system error" of it
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
            shape = f"{len(samples)} channels at {rate} Hz"
            raise InputError(
                f"{target}: {container} cannot be written here with {shape}: {error.error_string}"
            ) from error


def encode_bytes(samples: NDArray[np.float32], rate: int, suffix: str) -> bytes:
    """Return the content of a file with that suffix for samples (channels, time) at `rate` Hz.

    Raises:
        InputError: as `encode`, except for the path.
    """
    import soundfile

    container, encoding = _format(Path(f"clip{suffix}"), samples)
    memory = io.BytesIO()
    try:
        _write(memory, samples, rate, container, encoding)
    except soundfile.LibsndfileError as error:
        raise InputError(
            f"{container} cannot be written with {len(samples)} channels at {rate} Hz: {error.error_string}"
        ) from error
    return memory.getvalue()


def _format(target: Path, samples: NDArray[np.float32]) -> tuple[str, str]:
    """Return (format, subtype) for a path, after checking that it can hold the samples."""
    suffix = target.suffix.lower()
    if suffix not in FORMATS:
        raise InputError(f"{target}: expected a name ending in {', '.join(FORMATS)}, got {suffix or 'no suffix'!r}")
    if samples.shape[1] == 0:
        raise InputError(f"{target}: an empty clip cannot be written")
    container, encoding = FORMATS[suffix]
    peak = max(float(samples.max()), -float(samples.min()))
    if encoding == "PCM_16" and peak > 1:
        if suffix == ".flac":
            raise InputError(
                f"{target}: FLAC can hold samples in [-1, 1] only, the peak is {peak:.4g}: normalize, or write .wav"
            )
        encoding = "FLOAT"
        _log.info("%s: the peak is %.4g, written as 32-bit float instead of 16-bit", target, peak)
    if suffix == ".wav" and samples.size * (4 if encoding == "FLOAT" else 2) > _WAV_BYTES:
        raise InputError(f"{target}: a WAV file has at most 4 GB: write .flac, or shorter pieces")
    return container, encoding


def _write(sink: str | bytes | io.BytesIO, samples: NDArray[np.float32], rate: int, container: str, code: str) -> None:
    """Write samples into a file or memory, some at a time."""
    import soundfile

    with soundfile.SoundFile(
        sink, "w", samplerate=rate, channels=len(samples), format=container, subtype=code
    ) as sound:
        for begin in range(0, samples.shape[1], _BLOCK):
            block = samples[:, begin : begin + _BLOCK].T
            if code == "PCM_16":
                # libsndfile divides by 32768 on reading but multiplies by 32767 on writing; the same factor both ways
                # keeps 16-bit recordings bit-exact. +1.0 becomes 32767, one step lower.
                block = np.clip(np.rint(block * np.float32(32768)), -32768, 32767).astype(np.int16)
            sound.write(np.ascontiguousarray(block))
