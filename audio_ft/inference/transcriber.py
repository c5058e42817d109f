"""From recordings of any length to what is said in them: short ones together, long ones piece by piece."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from audio_ft.audio.clip import Clip, probe, read
from audio_ft.audio.vad import is_silent
from audio_ft.errors import AudioError
from audio_ft.inference.classifier import mono_at
from audio_ft.inference.longform import Piece, join, pieces

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from audio_ft.cleaning.chain import Chain
    from audio_ft.models.base import Adapter

# Pieces of a long recording that are heard together: more would hold more of the recording in memory.
TOGETHER = 2


def joined(
    task: Any, network: Any, adapter: Adapter, chain: Chain, sources: Sequence[Any], words: bool
) -> Iterator[dict[str, Any] | AudioError]:
    """Yield for each recording {"text", "segments"}, or the error that it cannot be read with; see `Transcriber`."""
    return Transcriber(network, adapter, task, chain).answers(sources, words)


class Transcriber:
    """Transcribe recordings with a network, its cleaning chain and its task."""

    def __init__(self, network: Any, adapter: Adapter, task: Any, chain: Chain) -> None:
        self.network, self.adapter, self.task, self.chain = network, adapter, task, chain

    def answers(self, clips: Sequence[Any], words: bool) -> Iterator[dict[str, Any] | AudioError]:
        """Yield for each recording {"text", "segments"}, or the error that it cannot be read with.

        A segment has "start" and "end" in seconds of the recording, "text", and with `words` the "words" with theirs.
        """
        waiting: list[Any] = []
        for clip in clips:
            if isinstance(clip, AudioError) or words or self._seconds(clip) > self.adapter.window:
                yield from self._together(waiting)
                waiting = []
                yield clip if isinstance(clip, AudioError) else self._alone(clip, words)
            else:
                waiting.append(clip)
        yield from self._together(waiting)

    def _seconds(self, source: Any) -> float:
        """Return how long a recording is, by its header."""
        if isinstance(source, Clip):
            return source.seconds
        try:
            return probe(source).seconds
        except AudioError:
            return 0.0  # reading it will meet the same fault, and name it

    def _together(self, sources: Sequence[Any]) -> Iterator[dict[str, Any] | AudioError]:
        """Yield the answers to recordings that fit the window, heard in one batch, cleaned as they were in training."""
        heard: list[tuple[float, NDArray[np.float32] | None] | AudioError] = []
        for source in sources:
            try:
                clip = source if isinstance(source, Clip) else read(source)
                heard.append((clip.seconds, None if is_silent(clip) else self._clean(clip)))
            except AudioError as error:
                heard.append(error)
        waves = [found[1] for found in heard if not isinstance(found, AudioError) and found[1] is not None]
        texts = iter(self.task.transcribe(self.network, self.adapter, waves) if waves else [])
        for found in heard:
            if isinstance(found, AudioError):
                yield found
                continue
            seconds, wave = found
            text = "" if wave is None else next(texts)
            segments = [{"start": 0.0, "end": round(seconds, 2), "text": text}] if text else []
            yield {"text": text, "segments": segments}

    def _clean(self, clip: Clip) -> NDArray[np.float32]:
        return mono_at(self.chain(clip), self.adapter.sample_rate)

    def _alone(self, source: Any, words: bool) -> dict[str, Any] | AudioError:
        """Return the answer to one recording of any length; memory holds a few pieces of it at a time."""
        space = self.task.text.space
        try:
            segments = join(self._told(source), between=space)
        except AudioError as error:
            return error
        text = space.join(segment["text"] for segment in segments)
        if not words:
            segments = [{name: segment[name] for name in ("start", "end", "text")} for segment in segments]
        return {"text": text, "segments": segments}

    def _told(self, source: Any) -> Iterator[tuple[Piece, Sequence[dict[str, Any]]]]:
        """Yield each piece of a recording with its words, in order."""
        coming = pieces(source, self.chain, self.adapter.sample_rate, self.adapter.window)
        while batch := list(islice(coming, TOGETHER)):
            loud = [piece for piece in batch if not piece.silent]
            waves = [piece.samples for piece in loud]
            answers = iter(self.task.transcribe_words(self.network, self.adapter, waves) if loud else [])
            yield from ((piece, () if piece.silent else next(answers)) for piece in batch)
