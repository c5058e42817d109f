"""Predict with a saved model and its cleaning chain: audio of any format, any rate, any length."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from audio_ft.audio.clip import Clip, probe
from audio_ft.audio.vad import is_silent
from audio_ft.audio.windows import windows
from audio_ft.cleaning.chain import Chain
from audio_ft.errors import AudioError, InputError
from audio_ft.inference.batching import BATCH, stacked
from audio_ft.inference.longform import Notes, Piece, join, pieces
from audio_ft.inference.sources import as_clip, openable, require_mono, several
from audio_ft.models.base import Adapter
from audio_ft.models.load import computing
from audio_ft.tasks.base import Places, Task, forward

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from transformers import PreTrainedModel

    from audio_ft.inference.sources import Source
    from audio_ft.tasks.transcription import Transcribed, Transcription

# Pieces of a long recording are sorted by length in lots of this many seconds, a small part of the network's memory.
LOT_SECONDS = 240.0
# The most seconds that the pieces of a batch cover once padded; more would need more memory. Times of words need more:
# the attention of each step.
TOGETHER_SECONDS, TIMED_SECONDS = 120.0, 60.0


class Prediction(dict[str, Any]):
    """A prediction, {label: probability}, {"text", "segments"} or {"events"}, with `notes` on its recording.

    A note is "silent: …" and the like; `seconds` is the duration of the recording.
    """

    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    @classmethod
    def of(cls, content: Mapping[str, Any], notes: Iterable[str], seconds: float) -> Prediction:
        """Return a prediction with the first of these notes of each kind."""
        prediction, first = cls(content), dict[str, str]()
        for note in notes:
            first.setdefault(note.partition(":")[0], note)
        prediction.notes, prediction.seconds = tuple(first.values()), seconds
        return prediction


@dataclass(frozen=True)
class Model:
    """Predict from audio: `model(source)` returns a `Prediction`, `model([source, …])` a list of them.

    A source is a path, bytes, a binary file, a Part of these, a Clip, `(array, rate)`, or `{"array": …,
    "sampling_rate": …}`; arrays are (time,) or (channels, time), rates in Hz. A prediction has `notes` on what is wrong
    with its recording. Long recordings are cut where utterances end, unless a network that generates its text for a
    whole window is not `tuned` on clips: pieces then fill that window.
    """

    folder: Path
    network: Any  # a PreTrainedModel, or what another backend computes with
    adapter: Adapter
    task: Task
    chain: Chain
    tuned: bool = False
    precision: str = "float32"  # of the encoder, where torch computes

    def facts(self) -> dict[str, str]:
        """Return what the model is, what it predicts and how it cleans, in words."""
        count = getattr(self.network, "num_parameters", None)  # which torch has, and other backends lack
        network = self.adapter.name + (f", {count():,} parameters" if count else "")
        predicts = ", ".join(self.task.target.names) or self.task.target.wording.short
        return {"network": network, "predicts": predicts, "cleaning": self.chain.describe()}

    def _repr_html_(self) -> str:
        """Return the facts, for notebooks."""
        from audio_ft.plots.notebook import facts_html

        return facts_html(str(self.folder), self.facts())

    def torch_network(self, use: str) -> PreTrainedModel:
        """Return the network for a `use` that another backend has no way to serve.

        Raises:
            InputError: another backend than transformers computes it.
        """
        import torch

        if not isinstance(self.network, torch.nn.Module):
            raise InputError(f"{use} needs the network in torch; load the model without backend=.")
        return cast("PreTrainedModel", self.network)

    def __call__(self, source: Source | Sequence[Source], top_k: int | None = None, *, words: bool = False) -> Any:
        """Return the prediction for one source, or a list of predictions for a list of sources.

        `top_k` limits labels; `words` adds the times of words to transcripts.

        Raises:
            AudioError: a recording cannot be read.
        """
        if (sources := several(source)) is not None:
            return list(self.stream(sources, top_k, words=words))
        return next(self.stream(cast("list[Source]", [source]), top_k, words=words))

    def stream(
        self, sources: Sequence[Source], top_k: int | None = None, *, words: bool = False
    ) -> Iterator[Prediction]:
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
    ) -> Iterator[Prediction | AudioError]:
        """Yield for each source its prediction, or the error with which it cannot be read."""
        joined = self.task.long_recordings == "joined"
        for start in range(0, len(sources), BATCH):
            batch = sources[start : start + BATCH]
            for prediction in self._joined(batch, words) if joined else self._pooled(batch):
                if self.task.target.ranked and not isinstance(prediction, AudioError):
                    first = dict(islice(prediction.items(), top_k))
                    prediction = Prediction.of(first, prediction.notes, prediction.seconds)
                yield prediction

    def _wave(self, clip: Clip) -> tuple[NDArray[np.float32], tuple[str, ...]]:
        """Return the clean samples (time,), and notes on the recording."""
        cleaned = self.chain(clip)
        require_mono(cleaned, self.adapter.sample_rate)
        notes, fewest = (*clip.notes, *cleaned.notes), self.adapter.shortest
        if cleaned.length < fewest:
            notes += (
                f"short: {cleaned.length:,} samples after cleaning, the network needs {fewest:,}; zeros are added",
            )
        return cleaned.samples[0], notes

    def _pooled(self, sources: Sequence[Source]) -> Iterator[Prediction | AudioError]:
        """Yield predictions for whole recordings, cut into windows whose outputs are combined."""
        facts: list[tuple[tuple[str, ...], float] | AudioError] = []
        windows, places, parts = self._windows(sources, facts), list[tuple[int, float, float]](), []
        while batch := list(islice(windows, BATCH)):
            places += [place for place, _ in batch]
            with computing(self.folder):
                inputs = self.adapter.collate([self.adapter.extract(samples) for _, samples in batch])
            parts.append(forward(self.network, self.task, self.adapter, inputs))
        columns = [np.asarray(column) for column in zip(*places, strict=True)]
        predictions = self.task.predictions(stacked(parts), Places(*columns), len(facts)) if parts else ()
        for clip, fact in enumerate(facts):
            if isinstance(fact, AudioError):
                yield fact
            else:
                yield Prediction.of(self.task.target.as_dict(predictions[clip]), *fact)

    def _windows(
        self, sources: Sequence[Source], facts: list[tuple[tuple[str, ...], float] | AudioError]
    ) -> Iterator[tuple[tuple[int, float, float], NDArray[np.float32]]]:
        """Yield the windows of recordings, one recording in memory at a time: (clip, start, seconds), samples (time,).

        `facts` receives for each recording the notes on it and its duration in seconds, or why it cannot be read.
        """
        rate = self.adapter.sample_rate
        size, overlap = round(self.adapter.window * rate), round(self.task.overlap(self.adapter) * rate)
        for clip, source in enumerate(sources):
            try:
                raw = as_clip(source)
                wave, notes = self._wave(raw)
            except AudioError as error:
                facts.append(error)
                continue
            facts.append((notes, raw.seconds))
            for start, stop in windows(len(wave), size, overlap):
                yield (clip, start / rate, (stop - start) / rate), wave[start:stop]

    def _joined(self, sources: Sequence[Source], words: bool) -> Iterator[Prediction | AudioError]:
        """Yield {"text", "segments"} for each recording, short ones computed in a batch and long ones in pieces.

        A segment has "start" and "end" in seconds, "text", and with `words` its "words", likewise. Without `words`,
        those of networks for which times are extra work are the pieces between pauses.
        """
        waiting: list[Source] = []
        for source in sources:
            if words or self._seconds(source) > self.adapter.window:
                yield from self._short(waiting)
                waiting = []
                yield self._long(source, words)
            else:
                waiting.append(source)
        yield from self._short(waiting)

    def _seconds(self, source: Source) -> float:
        """Return the duration of a recording, from its header."""
        try:
            audio = openable(source)
            return audio.seconds if isinstance(audio, Clip) else probe(audio).seconds
        except AudioError:
            return 0.0  # reading it raises the same error

    def _short(self, sources: Sequence[Source]) -> Iterator[Prediction | AudioError]:
        """Yield the transcripts of recordings that fit the window, computed in one batch."""
        cleaned: list[tuple[float, NDArray[np.float32] | None, tuple[str, ...]] | AudioError] = []
        for source in sources:
            try:
                clip = as_clip(source)
                wave, notes = (None, clip.notes) if is_silent(clip) else self._wave(clip)
                cleaned.append((clip.seconds, wave, notes))
            except AudioError as error:
                cleaned.append(error)
        waves = [found[1] for found in cleaned if not isinstance(found, AudioError) and found[1] is not None]
        transcripts = iter(self._transcribed(waves))
        for found in cleaned:
            if isinstance(found, AudioError):
                yield found
                continue
            seconds, wave, notes = found
            text = "" if wave is None else next(transcripts).text
            segments = [{"start": 0.0, "end": round(seconds, 2), "text": text}] if text else []
            yield Prediction.of({"text": text, "segments": segments}, notes, seconds)

    def _long(self, source: Source, words: bool) -> Prediction | AudioError:
        """Return the transcript of one recording of any length, with a few pieces in memory at a time."""
        space, notes, seconds = self.task.target.text.space, Notes(), self._seconds(source)
        try:
            segments = join(self._pieces(source, notes, words), between=space)
        except AudioError as error:
            return error
        text = space.join(segment["text"] for segment in segments)
        if not words:
            segments = [{name: segment[name] for name in ("start", "end", "text")} for segment in segments]
        return Prediction.of({"text": text, "segments": segments}, notes.all(), seconds)

    def _pieces(self, source: Source, notes: Notes, words: bool) -> Iterator[tuple[Piece, Sequence[Mapping[str, Any]]]]:
        """Yield each piece of a recording with its words, in order; a text without times counts as one word."""
        # Such a network computes a whole window for a piece of any length. An untuned one needs it: whisper-tiny.en has
        # a WER of .045 on 25 utterances in windows of 30 s, and of .243 in those of 10 s and more that follow them.
        packed = not self.tuned and cast("Transcription", self.task).generates
        rate, window = self.adapter.sample_rate, self.adapter.window
        found = pieces(openable(source), self.chain, rate, window, notes, utterances=not packed)
        while lot := list(_lot(found)):
            yield from zip(lot, self._spoken(lot, words), strict=True)

    def _spoken(self, lot: Sequence[Piece], words: bool) -> list[Sequence[Mapping[str, Any]]]:
        """Return the words of each piece, computed in batches of similar lengths.

        Times are computed where `words` asks for them, where pieces overlap, and where they cost nothing.
        """
        generates = cast("Transcription", self.task).generates
        always = words or not generates
        timed = [always or piece.overlap_before + piece.overlap_after > 0 for piece in lot]
        spoken: list[Sequence[Mapping[str, Any]]] = [()] * len(lot)
        speech = [place for place, piece in enumerate(lot) if not piece.silent]
        for times, places in itertools.groupby(sorted(speech, key=timed.__getitem__), key=timed.__getitem__):
            least = self.adapter.window if generates else 0.0
            lengths = {place: max(least, lot[place].clip.seconds) for place in places}
            for batch in _batches(lengths, TIMED_SECONDS if times else TOGETHER_SECONDS):
                waves = [lot[place].samples for place in batch]
                for place, found in zip(batch, self._transcribed(waves, words=times), strict=True):
                    spoken[place] = found.words if times else [{"start": 0.0, "end": None, "text": found.text}]
        return spoken

    def _transcribed(self, waves: Sequence[NDArray[np.float32]], *, words: bool = False) -> list[Transcribed]:
        """Return what is said in waves (time,) that fit the window."""
        if not waves:
            return []
        with computing(self.folder):
            return cast("Transcription", self.task).transcribe(self.network, self.adapter, waves, words=words)


def _lot(found: Iterator[Piece]) -> Iterator[Piece]:
    """Yield the next pieces of a recording, a few minutes of it."""
    seconds = 0.0
    while seconds < LOT_SECONDS and (piece := next(found, None)):
        seconds += piece.clip.seconds
        yield piece


def _batches(lengths: Mapping[int, float], most: float) -> Iterator[list[int]]:
    """Yield batches of places, the shortest pieces first, that cover at most so many seconds once padded."""
    batch: list[int] = []
    for place in sorted(lengths, key=lengths.__getitem__):
        if batch and (len(batch) + 1) * lengths[place] > most:
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch
