"""Detection: how the probabilities of a frame become events, and which differences in time a score forgives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from audio_ft.settings import Settings
from audio_ft.settings.rules import Refused, Rule, number, text

# How thresholds are chosen on the validation split: one for all classes, or one for each.
ONE, EACH = "one", "each"
_THRESHOLD = number(0, 1, above=True, below=True)


def _threshold(value: Any) -> str | float | dict[str, float]:
    if isinstance(value, str) and value in (ONE, EACH):
        return value
    if isinstance(value, Mapping):
        return {text().read(label): _THRESHOLD.read(one) for label, one in value.items()}
    if isinstance(value, str):
        raise Refused
    return float(_THRESHOLD.read(value))


@dataclass(frozen=True, kw_only=True)
class Detection(Settings):
    """Say how events are found in the probabilities of frames, and how predicted events are scored.

    Events of one class that touch each other become one, because a frame says whether a class sounds and not how often.

    Attributes:
        threshold: the probability above which a class sounds: "one" for all classes or "each" its own, chosen on the
            validation split by event F1; or a number between 0 and 1, or one for each label.
        median_filter: length in seconds of the median filter over the probabilities; 0: none.
        min_duration: shorter events are dropped, in seconds.
        overlap: share of a window that it has in common with the next one; there, the windows are blended.
        segment: length in seconds of the segments in which segment scores compare what sounds.
        collar: how far, in seconds, an onset may be from that of the true event.
        offset_collar: how far, in seconds, its offset may be from the true one, for short events.
        offset_share: the same as a share of the length of the true event, for long ones; the larger of both counts.

    Raises:
        InputError: a setting of another type or outside its range.
    """

    prefix: ClassVar[str] = "events"

    threshold: Annotated[
        str | float | Mapping[str, float],
        Rule('"one", "each", a number between 0 and 1, or one for each label', _threshold, known=(ONE, EACH)),
    ] = ONE
    median_filter: Annotated[float, number(0, 10, unit="s")] = 0.1
    min_duration: Annotated[float, number(0, 60, unit="s")] = 0.06
    overlap: Annotated[float, number(0, 0.9)] = 0.2
    segment: Annotated[float, number(0, 3600, above=True, unit="s")] = 1.0
    collar: Annotated[float, number(0, 60, unit="s")] = 0.2
    offset_collar: Annotated[float, number(0, 60, unit="s")] = 0.2
    offset_share: Annotated[float, number(0, 1)] = 0.2

    def describe(self) -> str:
        """Return in two sentences how events are found and when one counts as found, for the model card."""
        steps = [f"after a median filter of {self.median_filter:g} s"] if self.median_filter else []
        chosen = {ONE: "a threshold for all classes", EACH: "the threshold of its class"}
        how = chosen.get(str(self.threshold), "its threshold")
        shortest = f"; events shorter than {self.min_duration:g} s are dropped" if self.min_duration else ""
        return (
            f"A class sounds in a frame where its probability{', ' * bool(steps)}{', '.join(steps)}{',' * bool(steps)} "
            f"reaches {how}{', chosen on the validation split' if isinstance(self.threshold, str) else ''}{shortest}. "
            f"Windows overlap by {self.overlap:.0%} and are blended there. A predicted event counts as found if its "
            f"label is right, its onset is within {self.collar:g} s of the true one, and its offset within "
            f"{self.offset_collar:g} s or {self.offset_share:.0%} of the length of the true event, whichever is more; "
            f"segments are {self.segment:g} s long."
        )
