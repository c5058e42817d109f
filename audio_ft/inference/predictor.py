"""Predict with a saved model and its cleaning chain: audio of any format, any rate, any length."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import numpy as np

from audio_ft.audio.clip import Clip, read
from audio_ft.cleaning.chain import Chain
from audio_ft.errors import AudioError, InputError
from audio_ft.inference.classifier import pooled
from audio_ft.inference.forward import BATCH
from audio_ft.inference.transcriber import joined
from audio_ft.models.base import Adapter
from audio_ft.tasks.base import Task

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from transformers import PreTrainedModel

    Source = str | os.PathLike[str] | bytes | BinaryIO | Clip | tuple[NDArray[np.floating], int] | dict[str, Any]

# How the windows of a long recording become one prediction, by `Task.long_recordings`.
LOOPS = {"pooled": pooled, "joined": joined}


@dataclass(frozen=True)
class Model:
    """Predict from audio: `model(source)` returns {label: probability}, `model([source, …])` a list of them.

    A source is a path, bytes, a binary file, a Clip, `(array, rate)`, or `{"array": …, "sampling_rate": …}`; arrays are
    (time,) or (channels, time), rates in Hz.
    """

    folder: Path
    network: PreTrainedModel
    adapter: Adapter
    task: Task
    chain: Chain

    def __call__(self, source: Source | Sequence[Source], top_k: int | None = None, *, words: bool = False) -> Any:
        """Return the prediction for one source, or a list of predictions for a list of sources.

        `top_k` limits labels; `words` adds the times of words to transcripts.

        Raises:
            AudioError: a recording cannot be read.
        """
        if isinstance(source, list):
            return list(self.stream(source, top_k, words=words))
        return next(self.stream(cast("list[Source]", [source]), top_k, words=words))

    def stream(
        self, sources: Sequence[Source], top_k: int | None = None, *, words: bool = False
    ) -> Iterator[dict[str, Any]]:
        """Yield predictions one by one, computing short recordings together.

        Raises:
            AudioError: a recording cannot be read.
        """
        for prediction in self.attempts(sources, top_k, words=words):
            if isinstance(prediction, AudioError):
                raise prediction
            yield prediction

    def attempts(
        self, sources: Sequence[Source], top_k: int | None = None, *, words: bool = False
    ) -> Iterator[dict[str, Any] | AudioError]:
        """Yield for each source its prediction, or the error with which it cannot be read."""
        for start in range(0, len(sources), BATCH):
            clips = [openable(source) for source in sources[start : start + BATCH]]
            loop = LOOPS[self.task.long_recordings]
            for prediction in loop(self.task, self.network, self.adapter, self.chain, clips, words):
                if self.task.target.names and not isinstance(prediction, AudioError):
                    prediction = dict(islice(prediction.items(), top_k))
                yield prediction


def openable(source: Source) -> Any:
    """Return audio as a Clip, or as the path, bytes or file that can be read in blocks.

    An unreadable recording is returned as its AudioError.
    """
    if isinstance(source, str | os.PathLike | bytes) or hasattr(source, "read"):
        return source
    try:
        return as_clip(source)
    except AudioError as error:
        return error


def as_clip(source: Source) -> Clip:
    """Return audio in any accepted form as a Clip.

    Raises:
        AudioError: it cannot be read.
        InputError: the form is not accepted.
    """
    if isinstance(source, Clip):
        return source
    if isinstance(source, tuple):
        if len(source) != 2 or isinstance(source[0], str | os.PathLike):
            raise InputError("A tuple is one recording, (array, rate in Hz); give several recordings as a list.")
        return Clip(samples_from(source[0]), int(source[1]))
    if isinstance(source, dict):
        if not {"array", "sampling_rate"} <= source.keys():
            raise InputError(
                f'Audio as a dict has "array" and "sampling_rate"; this one has {", ".join(map(str, source))}.'
            )
        return Clip(samples_from(source["array"]), int(source["sampling_rate"]))
    if isinstance(source, np.ndarray):
        raise InputError("An array alone has no sample rate; give (array, rate in Hz), or a Clip.")
    return read(source)


def samples_from(array: Any) -> NDArray[np.float32]:
    """Return samples as float32 between -1 and 1; integers are scaled by the range of their type.

    Raises:
        InputError: the type is not that of audio samples.
    """
    samples = np.asarray(array)
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
