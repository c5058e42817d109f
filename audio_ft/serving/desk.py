"""One model for many requests: they wait in a queue, and one thread predicts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from audio_ft.errors import AudioFTError
from audio_ft.serving.answer import in_a_sentence, read_at_most
from audio_ft.serving.limits import Limits, Refused

if TYPE_CHECKING:
    from audio_ft.audio.codec.source import Whole
    from audio_ft.inference.predictor import Model, Prediction
    from audio_ft.targets import Target

T = TypeVar("T")
SUBTITLES = ("srt", "vtt")


@dataclass(frozen=True)
class Desk:
    """Answer requests with a model that is called `name`, one at a time and in the order in which they came."""

    model: Model
    name: str
    limits: Limits = field(default_factory=Limits)
    # One thread: two would take turns at the same cores, and each needs memory for a recording of its own.
    thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "inference"))

    @property
    def target(self) -> Target:
        """Return what the model predicts."""
        target: Target = self.model.task.target
        return target

    async def run(self, work: Callable[[], T]) -> T:
        """Return what `work` returns in the thread of the model.

        Raises:
            Refused: what was sent cannot be used.
        """
        try:
            return await asyncio.get_running_loop().run_in_executor(self.thread, work)
        except AudioFTError as error:
            raise Refused(422, in_a_sentence(error)) from error

    async def predict(self, recording: Whole, **options: Any) -> Prediction:
        """Return the prediction for a recording, decoded in the model's thread; `options` are those of `Model`.

        Raises:
            Refused: it cannot be read or is too long.
        """

        def work() -> Prediction:
            prediction: Prediction = self.model(read_at_most(recording, self.limits.seconds), **options)
            return prediction

        return await self.run(work)

    def require(self, *, by_words: bool, name: str | None) -> None:
        """Check that this model answers a route, and that a request that names a model names this one.

        Raises:
            Refused: it does not.
        """
        if name and name != self.name:
            raise Refused(404, f"There is no model {name!r} here; this server has {self.name!r}.")
        if by_words != self.target.by_words:
            route = "transcriptions" if self.target.by_words else "classifications"
            raise Refused(404, f"{self.name} predicts {self.target.wording.short}; send it to /v1/audio/{route}.")

    def verbose(self, prediction: Prediction, *, words: bool) -> dict[str, Any]:
        """Return a transcript as OpenAI's `verbose_json`, as far as it is known: no probabilities of tokens."""
        spoken = [
            {"word": word["text"], "start": word["start"], "end": word["end"]}
            for segment in prediction["segments"]
            for word in segment.get("words", ())
        ]
        return {
            "task": "transcribe",
            "language": self.target.text.language,
            "duration": round(prediction.seconds, 3),
            "text": prediction["text"],
            "segments": [
                {"id": number, **{name: segment[name] for name in ("start", "end", "text")}}
                for number, segment in enumerate(prediction["segments"])
            ],
            **({"words": spoken} if words else {}),
        }


def with_notes(content: Mapping[str, Any], prediction: Prediction) -> dict[str, Any]:
    """Return an answer with what is wrong with its recording."""
    return {**content, **({"notes": list(prediction.notes)} if prediction.notes else {})}
