"""Predict whole clips: recordings are cut into windows, computed in batches, and their outputs pooled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.audio.clip import Clip, read
from audio_ft.audio.windows import windows
from audio_ft.errors import AudioError, InputError
from audio_ft.inference.forward import BATCH, stacked
from audio_ft.tasks.base import forward

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from audio_ft.cleaning.chain import Chain
    from audio_ft.models.base import Adapter
    from audio_ft.tasks.base import Task


def pooled(
    task: Task, network: Any, adapter: Adapter, chain: Chain, sources: Sequence[Any], words: bool
) -> Iterator[dict[str, Any] | AudioError]:
    """Yield the prediction for each recording, or the error with which it cannot be read."""
    found = [_windows(adapter, chain, source) for source in sources]
    features = [(clip, window) for clip, each in enumerate(found) if isinstance(each, list) for window in each]
    parts = [
        forward(network, task, adapter, adapter.collate([window for _, window in features[start : start + BATCH]]))
        for start in range(0, len(features), BATCH)
    ]
    clips = np.asarray([clip for clip, _ in features], np.int64)
    predictions = task.predictions(stacked(parts), clips, len(found)) if parts else None
    for clip, each in enumerate(found):
        if isinstance(each, AudioError) or predictions is None:
            yield each if isinstance(each, AudioError) else AudioError("clip", "no audio")
        else:
            yield task.target.as_dict(predictions[clip])


def _windows(adapter: Adapter, chain: Chain, source: Any) -> list[dict[str, Any]] | AudioError:
    """Return the features of each window of a recording."""
    if isinstance(source, AudioError):
        return source
    try:
        wave = mono_at(chain(source if isinstance(source, Clip) else read(source)), adapter.sample_rate)
    except AudioError as error:
        return error
    size = round(adapter.window * adapter.sample_rate)
    return [adapter.extract(wave[begin:end]) for begin, end in windows(len(wave), size)]


def mono_at(clip: Clip, rate: int) -> NDArray[np.float32]:
    """Return the samples (time,) of a cleaned clip.

    Raises:
        InputError: it has several channels or another rate than the model's.
    """
    if clip.rate != rate or clip.channels != 1:
        raise InputError(
            f"The model's chain returns {clip.channels} channels at {clip.rate:,} Hz, and the model expects one at "
            f"{rate:,} Hz; give recordings like those it was trained on."
        )
    return clip.samples[0]
