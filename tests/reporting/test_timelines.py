"""Timelines of events: the stretch with most errors, its lanes, and its place in the report."""

from __future__ import annotations

import numpy as np
import pytest

from audio_ft.audio.clip import Clip
from audio_ft.errors import InputError
from audio_ft.plots import timeline, to_svg
from audio_ft.reporting.html.recordings import TracedClip
from audio_ft.reporting.html.timelines import shown_errors, worst_start
from audio_ft.targets import Events
from audio_ft.targets.judged import Lane

RATE = 8_000


def row(truth: list[tuple[float, float, str]], prediction: list[tuple[float, float, str]]) -> dict[str, object]:
    names = ("onset", "offset", "label")
    sides = [[dict(zip(names, one, strict=True)) for one in side] for side in (truth, prediction)]
    return {"file": "a.wav", "group": None, "reference": sides[0], "prediction": sides[1]}


def test_a_recording_is_judged_by_missed_and_added_events() -> None:
    judged = Events(("dog", "owl")).judge(
        row([(1, 2, "dog"), (5, 6, "dog"), (8, 9, "owl")], [(1.1, 2.1, "dog"), (5, 8, "dog"), (30, 31, "owl")])
    )
    assert (judged.reference, judged.prediction) == ("3 events", "3 events")
    assert judged.verdict == "1 of 3 events found, 2 added"
    assert judged.badness == pytest.approx(4 / 3)
    assert judged.lanes == (
        Lane("dog", ((1, 2, True), (5, 6, False)), ((1.1, 2.1, True), (5, 8, False))),
        Lane("owl", ((8, 9, False),), ((30, 31, False),)),
    )
    right = Events(("dog",)).judge(row([(1, 2, "dog")], [(1, 2, "dog")]))
    assert not right.wrong
    assert Events(("dog",)).lead([right]) == "1 of 1 events in 1 test recordings are found"
    assert not Events(("dog",)).judge(row([], [])).lanes


def test_the_stretch_with_most_errors_is_shown_and_played() -> None:
    errors = [(start, start + 1, False) for start in (5.0, 61.0, 66.0, 83.0)]
    lane = Lane("dog", tuple(errors), ((20.0, 21.0, True),))
    assert worst_start((lane,), 120.0) == 59.0, "two seconds before the first of three"
    assert worst_start((lane,), 85.0) == 55.0, "no later than thirty seconds before the end"
    assert worst_start((lane,), 20.0) == 0.0
    assert worst_start((Lane("dog", ((1.0, 2.0, True),), ()),), 120.0) == 0.0
    clip = Clip(np.random.default_rng(0).normal(0, 0.1, (1, 100 * RATE)).astype(np.float32), RATE)
    judged = Events(("dog",)).judge(row([(start, end, "dog") for start, end, _ in errors], []))
    shown = shown_errors(judged, TracedClip(clip, ()))
    assert shown["part"] == "59 to 89 s of 100 s, where most errors are"
    assert shown["player"].seconds == pytest.approx(30)
    assert not shown["player"].cut
    assert "from 59.0 s on" in shown["picture"].svg or "True and predicted" in shown["picture"].svg


def test_a_timeline_has_a_lane_for_each_class_with_the_first_on_top() -> None:
    clip = Clip(np.random.default_rng(0).normal(0, 0.1, (1, 2 * RATE)).astype(np.float32), RATE)
    lanes = [("dog", [(10.2, 10.6, True)], [(10.25, 10.6, True)]), ("owl $x$", [], [(11.0, 11.5, False)])]
    figure = timeline(clip, lanes, start=10.0)
    upper, lower = figure.axes
    assert upper.get_xlim() == lower.get_xlim() == (10.0, 12.0)
    assert [text.get_text() for text in lower.get_yticklabels()] == ["owl $x$", "dog"]
    assert "dog" in to_svg(figure)
    with pytest.raises(InputError, match="got an empty clip"):
        timeline(Clip(np.zeros((1, 0), np.float32), RATE), lanes)
