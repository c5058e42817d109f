"""Predictions as label tracks: what is written is read back as the events of the recording."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio_ft import Data
from audio_ft.data import load
from audio_ft.inference.output_formats import SUFFIXES, file_content
from audio_ft.inference.predictor import Prediction
from audio_ft.targets import Events, Transcript

RATE = 8_000
# Two classes at once, a name with a space and quotation marks, and an event that lasts until the end.
FOUND = (
    (0.5, 1.25, "dog"),
    (1.0, 2.0, 'a "big" cat'),
    (3.2, 4.0, "dog"),
)


def prediction() -> Prediction:
    events = [dict(zip(("onset", "offset", "label"), one, strict=True)) | {"probability": 0.9} for one in FOUND]
    return Prediction.of({"events": events}, (), 4.0)


@pytest.mark.parametrize("form", ["audacity", "rttm", "textgrid"])
def test_a_track_is_read_back_as_the_events_it_was_written_from(tmp_path: Path, form: str) -> None:
    target = Events(('a "big" cat', "dog"))
    soundfile.write(tmp_path / "day one.wav", np.random.default_rng(0).normal(0, 0.1, 4 * RATE), RATE)
    name = "day one" if form != "rttm" else "day_one"
    if form == "rttm":  # recordings are named in it, and spaces divide its cells
        (tmp_path / "day one.wav").rename(tmp_path / "day_one.wav")
    track = tmp_path / f"{name}{SUFFIXES[form]}"
    track.write_text(file_content(str(tmp_path / "day one.wav"), prediction(), form, target), encoding="utf-8")
    data = Data(path=str(tmp_path), tier="*" if form == "textgrid" else None)
    table = load(data, targets=(Events,), need=("test",)).splits["test"]
    label = {'a "big" cat': 'a_"big"_cat' if form == "rttm" else 'a "big" cat', "dog": "dog"}
    assert table["target"][:] == [
        [{"onset": onset, "offset": offset, "label": label[name]} for onset, offset, name in FOUND]
    ]


def test_a_textgrid_has_a_tier_for_each_class_and_none_overlaps() -> None:
    text = file_content("a.wav", prediction(), "textgrid", Events(("dog", "cat")))
    assert text.count('class = "IntervalTier"') == 2
    assert 'name = "a ""big"" cat"' in text
    assert "xmax = 4.000000" in text
    empty = file_content("a.wav", Prediction.of({"events": []}, (), 4.0), "textgrid", Events(("dog",)))
    assert "size = 1" in empty
    assert empty.count("xmax = 4.000000") == 3


def test_a_transcript_has_its_segments_in_one_tier() -> None:
    told = {"text": "Yes. No.", "segments": [{"start": 0.0, "end": 1.0, "text": "Yes."},
                                             {"start": 0.8, "end": 2.0, "text": "No."}]}  # fmt: skip
    spoken = Prediction.of(told, (), 2.0)
    assert file_content("a.wav", spoken, "audacity", Transcript()).splitlines() == [
        "0.000000\t1.000000\tYes.",
        "0.800000\t2.000000\tNo.",
    ]
    text = file_content("a.wav", spoken, "textgrid", Transcript())
    assert text.count("IntervalTier") == 1
    assert "xmin = 1.000000" in text


def test_events_in_text_are_lines_with_their_probability() -> None:
    assert file_content("a.wav", prediction(), "text", Events(("dog", "cat"))).splitlines()[0] == (
        "0.500\t1.250\tdog\t0.900"
    )
    assert Events(("dog",)).as_line({"events": []}) == "no events"
