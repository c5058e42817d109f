"""Encode samples as the content of a file."""

from __future__ import annotations

import io
import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio_ft.errors import InputError

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


def encode(samples: NDArray[np.float32], rate: int, target: Path, *, compression: float | None = None) -> bytes:
    """Return samples (channels, time) at `rate` Hz as the content of a file named `target`; see `clip.write`.

    `compression` is libsndfile's level from 0 to 1, the smallest file; None is the encoder's own choice.

    Raises:
        InputError: a suffix, rate or level that the format cannot hold, or no samples.
    """
    import soundfile

    container, encoding = _format(target, samples)
    content = io.BytesIO()
    level = {} if compression is None else {"compression_level": compression}
    try:
        with soundfile.SoundFile(content, "w", rate, len(samples), encoding, format=container, **level) as sound:
            for begin in range(0, samples.shape[1], _BLOCK):
                block = samples[:, begin : begin + _BLOCK].T
                if encoding == "PCM_16":
                    # libsndfile divides by 32768 on reading but multiplies by 32767 on writing; the same factor both
                    # ways keeps 16-bit recordings bit-exact. +1.0 becomes 32767, one step lower.
                    block = np.clip(np.rint(block * np.float32(32768)), -32768, 32767).astype(np.int16)
                sound.write(np.ascontiguousarray(block))
    except soundfile.LibsndfileError as error:
        shape = f"{len(samples)} channels at {rate} Hz"
        raise InputError(f"{target}: {container} cannot be written here with {shape}: {error.error_string}") from error
    return content.getvalue()


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
