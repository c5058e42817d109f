"""Steps in a row: the cleaning of a recording as a value that can be printed, compared, saved and replayed."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from audio_ft.cleaning.step import Step
from audio_ft.cleaning.steps import BandPass, Mono, Normalize, Resample, Trim
from audio_ft.errors import InputError
from audio_ft.file_io import FORMAT, read_versioned, write_json
from audio_ft.settings import Settings
from audio_ft.settings.rules import Rule

if TYPE_CHECKING:
    from audio_ft.audio.clip import Clip


@dataclass(frozen=True)
class Chain(Settings):
    """Hold cleaning steps in the order in which they run; calling it cleans a clip."""

    prefix: ClassVar[str] = "chain"

    steps: Annotated[tuple[Step, ...], Rule("a list of cleaning steps", Step.list_of)] = ()

    def __call__(self, clip: Clip) -> Clip:
        """Return the cleaned clip."""
        for step in _cheapest_order(self.steps):
            clip = step(clip)
        return clip

    def trace(self, clip: Clip) -> Iterator[tuple[Step, Clip]]:
        """Yield each step with the clip as it left it."""
        for step in self.steps:
            clip = step(clip)
            yield step, clip

    @property
    def digest(self) -> str:
        """Return the SHA-256 (hex) of the canonical JSON of all steps: settings, order and versions."""
        canonical = json.dumps(self.to_list(), sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(canonical.encode()).hexdigest()

    def output_rate(self, rate: int) -> int:
        """Return the rate in Hz of a clip that came in at `rate`."""
        for step in self.steps:
            rate = step.output_rate(rate)
        return rate

    def require_rate(self, rate: int) -> None:
        """Raise `InputError` if the settings of the chain show that it does not end at a model's sample rate in Hz."""
        # A chain without Resample ends at two rates here, and recordings are checked when they are read.
        ends = {self.output_rate(start) for start in (8_000, 44_100)}
        if len(ends) == 1 and ends != {rate}:
            raise InputError(
                f"The model expects {rate:,} Hz and the chain ({self.describe()}) does not end there; "
                f"add or change Resample({rate})."
            )

    def keeping_time(self) -> Chain:
        """Return the chain without steps that move what follows in time; the default chain has one, `Trim`.

        Raises:
            InputError: another chain than the default one has such a step.
        """
        cutting = [type(step).__name__ for step in self.steps if step.cuts]
        if cutting and self.digest != DEFAULT_CHAIN.digest:
            raise InputError(
                f"{', '.join(cutting)}: cleaning must not move the times of events, and this step cuts a recording at "
                "its start; leave it out of the chain."
            )
        return Chain(tuple(step for step in self.steps if not step.cuts))

    def remaining(self, applied: Sequence[Any] | None) -> Chain:
        """Return the chain still to run over recordings that were cleaned with the steps `applied` (None: not cleaned).

        Raises:
            InputError: they were cleaned by another chain than this one.
        """
        if applied is None:
            return self
        theirs = Chain.from_dict({"steps": applied})
        if theirs.digest != self.digest:
            raise InputError(
                f"These recordings were cleaned by another chain ({theirs.describe()}) than the recipe's "
                f"({self.describe()}); prepare them again with this chain, or train with theirs."
            )
        return Chain(())

    def describe(self) -> str:
        """Return one English sentence for the model card."""
        phrases = [step.describe() for step in self.steps]
        if not phrases:
            return "The recordings are used as they are."
        steps = phrases[0] if len(phrases) == 1 else f"{', '.join(phrases[:-1])}, then {phrases[-1]}"
        return f"Each recording is cleaned like this: {steps}."

    def to_list(self) -> list[dict[str, Any]]:
        """Return the steps as JSON values."""
        return [step.to_dict() for step in self.steps]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the chain to `path` as JSON."""
        write_json(Path(path), {"format": FORMAT, **self.to_dict()})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Chain:
        """Return the chain saved at `path`.

        Raises:
            InputError: a missing file, one that holds no chain, or a chain that this audio_ft cannot replay.
        """
        plain = read_versioned(Path(path))
        if "steps" not in plain:
            raise InputError(f'{os.fspath(path)}: it has no steps, so it is no chain; write "steps": [] for none.')
        try:
            return cls.from_dict(plain)
        except InputError as error:
            raise InputError(f"{os.fspath(path)}: {error}") from error


def _cheapest_order(steps: Sequence[Step]) -> list[Step]:
    """Return the steps with Mono before a Resample that it follows: both are linear, and one channel is resampled."""
    ordered = list(steps)
    for place, (first, second) in enumerate(pairwise(steps)):
        if isinstance(first, Resample) and isinstance(second, Mono):
            ordered[place : place + 2] = second, first
    return ordered


DEFAULT_CHAIN = Chain((Resample(16_000), Mono(), Trim(), BandPass(50, 7_600), Normalize(dbfs=-1)))
