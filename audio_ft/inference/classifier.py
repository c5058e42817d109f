"""From recordings to answers about whole clips: cut into windows, heard together, the windows' answers pooled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.audio.clip import Clip, read
from audio_ft.audio.windows import windows
from audio_ft.errors import AudioError, InputError
from audio_ft.inference.forward import responses_to, stacked

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from audio_ft.cleaning.chain import Chain
    from audio_ft.models.base import Adapter
    from audio_ft.tasks.base import Task

# Windows computed together: enough to fill the processor, few enough for a laptop's memory.
TOGETHER = 16


def pooled(
    task: Task, network: Any, adapter: Adapter, chain: Chain, sources: Sequence[Any]
) -> Iterator[dict[str, Any] | AudioError]:
    """Yield the answer to each recording, or the error that it cannot be read with."""
    heard = [_hear(adapter, chain, source) for source in sources]
    features = [(place, window) for place, found in enumerate(heard) if isinstance(found, list) for window in found]
    parts = [
        responses_to(network, task, adapter, [window for _, window in features[at : at + TOGETHER]])
        for at in range(0, len(features), TOGETHER)
    ]
    clips = np.asarray([place for place, _ in features], np.int64)
    predictions = task.predictions(stacked(parts), clips, len(heard)) if parts else None
    for place, found in enumerate(heard):
        if isinstance(found, AudioError) or predictions is None:
            yield found if isinstance(found, AudioError) else AudioError("clip", "no audio")
        else:
            yield task.answer(predictions[place])


def _hear(adapter: Adapter, chain: Chain, source: Any) -> list[dict[str, Any]] | AudioError:
    """Return the features of each window of a recording."""
    if isinstance(source, AudioError):
        return source
    try:
        wave = mono_at(chain(source if isinstance(source, Clip) else read(source)), adapter.sample_rate)
    except AudioError as error:
        return error
    return [
        adapter.extract(wave[begin:end])
        for begin, end in windows(len(wave), round(adapter.window * adapter.sample_rate))
    ]


def mono_at(clip: Clip, rate: int) -> NDArray[np.float32]:
    """Return the samples (time,) of a cleaned clip.

    Raises:
        InputError: it has several channels or another rate than the model hears.
    """
    if clip.rate != rate or clip.channels != 1:
        raise InputError(
            f"The model's chain leaves {clip.channels} channels at {clip.rate:,} Hz here, and the model hears one at "
            f"{rate:,} Hz; give recordings like those it was trained on."
        )
    return clip.samples[0]
