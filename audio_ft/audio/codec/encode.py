"""Write samples so that the whole recording stands under its name or nothing new does, or into memory."""

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

# suffix -> (container, encoding) in libsndfile's words
FORMATS = {
    ".wav": ("WAV", "PCM_16"),
    ".flac": ("FLAC", "PCM_16"),
    ".ogg": ("OGG", "VORBIS"),
    ".mp3": ("MP3", "MPEG_LAYER_III"),
}
# libsndfile's Vorbis writer keeps a whole call's samples on the stack and falls over when they are many.
_BLOCK = 65_536
# The sizes in a WAV header are 32 bits wide; the last kilobyte is left to the header.
_WAV_BYTES = 2**32 - 1024

_log = logging.getLogger(__name__)


def encode(samples: NDArray[np.float32], rate: int, path: str | os.PathLike[str]) -> None:
    """Write samples (channels, time) at `rate` Hz; see `clip.write`.

    Raises:
        InputError: a suffix, rate or level that the format cannot hold, nothing to write, or a place not writable.
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


def encoded(samples: NDArray[np.float32], rate: int, suffix: str) -> bytes:
    """Return what a file of that suffix would hold of samples (channels, time) at `rate` Hz, for pages with players.

    Raises:
        InputError: as `encode`, but for the place.
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
    """Return (container, encoding) for a target, after checking that it can hold the samples."""
    suffix = target.suffix.lower()
    if suffix not in FORMATS:
        raise InputError(f"{target}: expected a name ending in {', '.join(FORMATS)}, got {suffix or 'no suffix'!r}")
    if samples.shape[1] == 0:
        raise InputError(f"{target}: an empty clip makes no recording")
    container, encoding = FORMATS[suffix]
    peak = max(float(samples.max()), -float(samples.min()))
    if encoding == "PCM_16" and peak > 1:
        if suffix == ".flac":
            raise InputError(
                f"{target}: FLAC holds values in [-1, 1], the peak is {peak:.4g}: normalize, or write .wav"
            )
        encoding = "FLOAT"
        _log.info("%s: the peak is %.4g, written as 32-bit float instead of 16-bit", target, peak)
    if suffix == ".wav" and samples.size * (4 if encoding == "FLOAT" else 2) > _WAV_BYTES:
        raise InputError(f"{target}: a WAV file ends at 4 GB: write .flac, or shorter pieces")
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
                # Decoders divide by 32768, libsndfile multiplies by 32767: only the same scale both ways
                # brings a 16-bit recording back bit by bit. Full scale +1 becomes the largest number, one step lower.
                block = np.clip(np.rint(block * np.float32(32768)), -32768, 32767).astype(np.int16)
            sound.write(np.ascontiguousarray(block))
