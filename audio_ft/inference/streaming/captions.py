"""Captions: each turn is transcribed again and again while it grows, and words are shown once they are final."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

from audio_ft.audio.clip import Clip
from audio_ft.inference.streaming.agreement import Agreement, Word
from audio_ft.inference.streaming.listener import PAD_SECONDS, Listener, Message
from audio_ft.inference.streaming.voice import Turns

if TYPE_CHECKING:
    from audio_ft.inference.predictor import Model
    from audio_ft.inference.streaming.voice import Detector
    from audio_ft.tasks.transcription import Transcription

# How often a growing turn is transcribed (s): a network that generates its text takes a second for it.
STEP_SECONDS, GENERATED_STEP_SECONDS = 0.4, 1.0
# One transcript of a CTC network is enough for a word that ends so long (s) before the end of what was received: its
# frames have seen what follows. wav2vec2-mini on 153 words of the included sentences, offline 34.0 % wrong: 35.9 %
# wrong and shown 0.66 s (median; 95 %: 0.89 s) after a word's end with 0.4 s, 33.3 % and 0.76 s (1.07 s) with 0.6 s,
# 34.6 % and 0.84 s (1.68 s) by LocalAgreement-2.
MARGIN_SECONDS = 0.6
# A longer turn is continued after its last final word; the paper keeps as much.
LONGEST_SECONDS = 15.0


class Captions(Listener):
    """Caption speech: word by word with a CTC network, by LocalAgreement-2 with one that generates its text."""

    def __init__(self, model: Model, detector: Detector) -> None:
        super().__init__(model)
        generates = cast("Transcription", model.task).generates
        self._step = GENERATED_STEP_SECONDS if generates else STEP_SECONDS
        self._settings: dict[str, Any] = {"needed": 2} if generates else {"needed": 1, "margin": MARGIN_SECONDS}
        self._longest = min(LONGEST_SECONDS, 0.8 * model.adapter.window)
        self._turns = Turns(detector)
        self._begin: float | None = None  # of the part of the turn that is transcribed
        self._agreement = Agreement(**self._settings)
        self._transcribed = 0.0  # how far, in seconds
        self._said: list[Word] = []
        self._ended = 0.0

    def _after(self, chunk: Clip) -> Iterator[Message]:
        for mark in self._turns.feed(chunk):
            if mark.begins:
                self._begin = self._transcribed = max(self._ended, mark.seconds - PAD_SECONDS)
            elif self._begin is not None:
                yield from self._finish(min(mark.seconds + PAD_SECONDS, self.received))
        if self._begin is None:
            self.recent.forget(self.received - 2 * PAD_SECONDS - 1)
        elif self.received - self._transcribed >= self._step:
            yield from self._words(self._agreement.add(self._transcript(self._begin, self.received), self.received))
            self._transcribed = self.received
            if self.received - self._begin > self._longest:
                yield from self._continue()

    def end(self) -> Iterator[Message]:
        """Yield the rest of a turn that nothing follows."""
        if self._begin is not None:
            yield from self._finish(self.received)

    def _transcript(self, start: float, stop: float) -> list[dict[str, Any]]:
        """Return the words of a part, with their times in the whole."""
        prediction = self.model(self.recent.part(start, stop), words=True)
        return [
            {"start": round(start + word["start"], 3), "end": round(start + word["end"], 3), "text": word["text"]}
            for segment in prediction["segments"]
            for word in segment["words"]
        ]

    def _words(self, words: list[Word]) -> Iterator[Message]:
        """Yield words that are final now."""
        if words:
            self._said += words
            content = {"words": [dict(word) for word in words]}
            yield Message("words", words[0]["start"], words[-1]["end"], content, self._joined(words))

    def _continue(self) -> Iterator[Message]:
        """Go on after the last final word of a long turn; a part without one is given up as it is."""
        begin, final = cast("float", self._begin), self._agreement.final
        if final and final[-1]["end"] > begin:
            self._begin = final[-1]["end"]
        else:
            yield from self._words(self._agreement.end(self._transcript(begin, self.received)))
            self._begin = self.received
        self.recent.forget(self._begin)

    def _finish(self, stop: float) -> Iterator[Message]:
        """Yield the last words of a turn, and all of it."""
        begin = cast("float", self._begin)
        if stop > begin:
            yield from self._words(self._agreement.end(self._transcript(begin, stop)))
        if said := self._said:
            text = self._joined(said)
            yield Message("caption", said[0]["start"], said[-1]["end"], {"text": text}, text)
        self._begin, self._ended, self._said = None, stop, []
        self._agreement = Agreement(**self._settings)
        self.recent.forget(stop)

    def _joined(self, words: list[Word]) -> str:
        return cast("Transcription", self.model.task).text.space.join(word["text"] for word in words)
