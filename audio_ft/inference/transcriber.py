"""Transcribe recordings of any length: short ones in batches, long ones in pieces."""

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

# Pieces of a long recording in one batch; more would need more memory.
TOGETHER = 2


def joined(
    task: Any, network: Any, adapter: Adapter, chain: Chain, sources: Sequence[Any], words: bool
) -> Iterator[dict[str, Any] | AudioError]:
    """Yield for each recording {"text", "segments"}, or the error with which it cannot be read."""
    return Transcriber(network, adapter, task, chain).transcripts(sources, words)


class Transcriber:
    """Transcribe recordings with a network, its cleaning chain and its task."""

    def __init__(self, network: Any, adapter: Adapter, task: Any, chain: Chain) -> None:
        self.network, self.adapter, self.task, self.chain = network, adapter, task, chain

    def transcripts(self, sources: Sequence[Any], words: bool) -> Iterator[dict[str, Any] | AudioError]:
        """Yield for each recording {"text", "segments"}, or the error with which it cannot be read.

        A segment has "start" and "end" in seconds, "text", and with `words` its "words", likewise.
        """
        waiting: list[Any] = []
        for source in sources:
            if isinstance(source, AudioError) or words or self._seconds(source) > self.adapter.window:
                yield from self._short(waiting)
                waiting = []
                yield source if isinstance(source, AudioError) else self._long(source, words)
            else:
                waiting.append(source)
        yield from self._short(waiting)

    def _seconds(self, source: Any) -> float:
        """Return the duration of a recording, from its header."""
        if isinstance(source, Clip):
            return source.seconds
        try:
            return probe(source).seconds
        except AudioError:
            return 0.0  # reading it raises the same error

    def _short(self, sources: Sequence[Any]) -> Iterator[dict[str, Any] | AudioError]:
        """Yield the transcripts of recordings that fit the window, computed in one batch."""
        cleaned: list[tuple[float, NDArray[np.float32] | None] | AudioError] = []
        for source in sources:
            try:
                clip = source if isinstance(source, Clip) else read(source)
                cleaned.append((clip.seconds, None if is_silent(clip) else self._clean(clip)))
            except AudioError as error:
                cleaned.append(error)
        waves = [found[1] for found in cleaned if not isinstance(found, AudioError) and found[1] is not None]
        texts = iter(self.task.transcribe(self.network, self.adapter, waves) if waves else [])
        for found in cleaned:
            if isinstance(found, AudioError):
                yield found
                continue
            seconds, wave = found
            text = "" if wave is None else next(texts)
            segments = [{"start": 0.0, "end": round(seconds, 2), "text": text}] if text else []
            yield {"text": text, "segments": segments}

    def _clean(self, clip: Clip) -> NDArray[np.float32]:
        return mono_at(self.chain(clip), self.adapter.sample_rate)

    def _long(self, source: Any, words: bool) -> dict[str, Any] | AudioError:
        """Return the transcript of one recording of any length, with a few pieces in memory at a time."""
        space = self.task.text.space
        try:
            segments = join(self._pieces(source), between=space)
        except AudioError as error:
            return error
        text = space.join(segment["text"] for segment in segments)
        if not words:
            segments = [{name: segment[name] for name in ("start", "end", "text")} for segment in segments]
        return {"text": text, "segments": segments}

    def _pieces(self, source: Any) -> Iterator[tuple[Piece, Sequence[dict[str, Any]]]]:
        """Yield each piece of a recording with its words, in order."""
        found = pieces(source, self.chain, self.adapter.sample_rate, self.adapter.window)
        while batch := list(islice(found, TOGETHER)):
            audible = [piece for piece in batch if not piece.silent]
            waves = [piece.samples for piece in audible]
            transcripts = iter(self.task.transcribe_words(self.network, self.adapter, waves) if audible else [])
            yield from ((piece, () if piece.silent else next(transcripts)) for piece in batch)
