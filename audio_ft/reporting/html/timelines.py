"""Recordings with events on the page: the stretch with most errors, as a timeline and as a player."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from audio_ft.audio.clip import Clip
from audio_ft.plots.timeline import timeline
from audio_ft.reporting.html.figures import MEDIUM, picture
from audio_ft.reporting.html.recordings import PLAYER_SECONDS, TracedClip, player
from audio_ft.targets.judged import Judged, Lane

# What is shown of a recording before its first error.
LEAD_SECONDS = 2.0


def shown_errors(clip: Judged, found: TracedClip) -> dict[str, Any]:
    """Return picture, player and a line on which part of a recording they show, for a clip with lanes."""
    whole = found.clean.seconds
    start = worst_start(clip.lanes, whole)
    stop = min(start + PLAYER_SECONDS, whole)
    lanes = [(lane.label, _within(lane.truth, start, stop), _within(lane.prediction, start, stop))
             for lane in clip.lanes]  # fmt: skip
    drawn = timeline(_part(found.clean, start, stop), [one for one in lanes if one[1] or one[2]], start=start,
                     width=MEDIUM)  # fmt: skip
    return {
        "picture": picture(drawn, alt=f"True and predicted events of {clip.file}", fit="full"),
        "player": player(_part(found.raw, start, stop)),
        "part": f"{start:.0f} to {stop:.0f} s of {whole:.0f} s, where most errors are" if stop - start < whole else "",
    }


def worst_start(lanes: Sequence[Lane], seconds: float, length: float = PLAYER_SECONDS) -> float:
    """Return where the stretch of a recording begins that has most events without a partner, in seconds."""
    latest = max(0.0, seconds - length)
    errors = sorted(
        (start, end) for lane in lanes for side in (lane.truth, lane.prediction) for start, end, paired in side
        if not paired
    )  # fmt: skip
    starts = [min(max(0.0, start - LEAD_SECONDS), latest) for start, _ in errors]
    counts = [sum(one <= start and end <= one + length for start, end in errors) for one in starts]
    return starts[counts.index(max(counts))] if starts else 0.0


def _within(spans: Any, start: float, stop: float) -> list[tuple[float, float, bool]]:
    return [span for span in spans if span[1] > start and span[0] < stop]


def _part(clip: Clip, start: float, stop: float) -> Clip:
    return clip.with_samples(clip.samples[:, round(start * clip.rate) : round(stop * clip.rate)])
