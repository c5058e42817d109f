"""Audio in every form that a model takes: paths, bytes, files, arrays with their rate, and clips."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from audio_ft.audio.clip import Clip, read
from audio_ft.audio.codec.source import Part
from audio_ft.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Source = str | os.PathLike[str] | bytes | BinaryIO | Part | Clip | tuple[NDArray[np.floating], int] | dict[str, Any]


def openable(source: Source) -> Any:
    """Return audio as a Clip, or as the path, bytes or file that can be read in blocks.

    Raises:
        AudioError: an array that is not audio.
        InputError: the form is not accepted.
    """
    in_blocks = isinstance(source, str | os.PathLike | bytes | Part) or hasattr(source, "read")
    return source if in_blocks else as_clip(source)


def several(source: Any) -> list[Any] | None:
    """Return the sources in a list, a pandas column or a data set of `datasets`; None for what is one recording."""
    library = type(source).__module__.partition(".")[0]
    table = library in ("pandas", "datasets") and hasattr(source, "__len__") and not hasattr(source, "get_all_samples")
    return list(source) if isinstance(source, list) or table else None


def as_clip(source: Source) -> Clip:
    """Return audio in any accepted form as a Clip.

    Raises:
        AudioError: it cannot be read.
        InputError: the form is not accepted.
    """
    if isinstance(source, Clip):
        return source
    if decoder := getattr(source, "get_all_samples", None):  # how `datasets` decodes, by torchcodec: (channels, time)
        decoded = decoder()
        return Clip(_samples(decoded.data), int(decoded.sample_rate))
    if isinstance(source, tuple):
        if len(source) != 2 or isinstance(source[0], str | os.PathLike):
            raise InputError("A tuple is one recording, (array, rate in Hz); give several recordings as a list.")
        return Clip(_samples(source[0]), int(source[1]))
    if isinstance(source, dict):
        if "audio" in source:  # a row of a data set
            return as_clip(source["audio"])
        if place := source.get("bytes") or source.get("path"):  # audio that is not decoded
            return read(place)
        if not {"array", "sampling_rate"} <= source.keys():
            raise InputError(
                'Audio as a dict has "array" and "sampling_rate", "bytes" or "path", or is a row with "audio"; this '
                f"one has {', '.join(map(str, source))}."
            )
        return Clip(_samples(source["array"]), int(source["sampling_rate"]))
    if isinstance(source, np.ndarray):
        raise InputError("An array alone has no sample rate; give (array, rate in Hz), or a Clip.")
    return read(source)


def _samples(array: Any) -> NDArray[np.float32]:
    """Return samples as float32 between -1 and 1; integers are scaled by the range of their type."""
    samples = np.asarray(array.detach().cpu() if hasattr(array, "detach") else array)
    if np.issubdtype(samples.dtype, np.floating):
        return np.asarray(samples, np.float32)
    if samples.dtype == np.uint8:
        return ((samples / 128.0) - 1.0).astype(np.float32)
    if samples.dtype in (np.int16, np.int32):
        return (samples / -float(np.iinfo(samples.dtype).min)).astype(np.float32)
    raise InputError(
        f"Samples are floating-point numbers between -1 and 1, or int16, int32 or uint8 as sound files have them; "
        f"these are {samples.dtype}."
    )


def require_mono(clip: Clip, rate: int) -> None:
    """Check that a cleaned clip is what the model takes: one channel at `rate` Hz.

    Raises:
        InputError: it has several channels or another rate.
    """
    if clip.rate != rate or clip.channels != 1:
        raise InputError(
            f"The model's chain returns {clip.channels} channels at {clip.rate:,} Hz, and the model expects one at "
            f"{rate:,} Hz; give recordings like those it was trained on."
        )
