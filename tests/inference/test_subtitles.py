"""Subtitles: what an independent, strict reader of SRT and WebVTT makes of them."""

from __future__ import annotations

import html
import re
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from audio_ft.inference.subtitles import cues, srt, vtt

_SRT = re.compile(
    r"(\d+)\n(\d\d+):([0-5]\d):([0-5]\d),(\d{3}) --> (\d\d+):([0-5]\d):([0-5]\d),(\d{3})\n((?:[^\n]+\n){1,2})\n"
)
_VTT = re.compile(
    r"(\d\d+):([0-5]\d):([0-5]\d)\.(\d{3}) --> (\d\d+):([0-5]\d):([0-5]\d)\.(\d{3})\n((?:[^\n]+(?:\n|\Z)){1,2})"
)


def ms(hours, minutes, seconds, rest):
    return ((int(hours) * 60 + int(minutes)) * 60 + int(seconds)) * 1000 + int(rest)


def read_srt(content):
    """Read SubRip strictly: numbered from 1, one blank line after each, nothing else in the file."""
    found, at = [], 0
    while at < len(content):
        match = _SRT.match(content, at)
        assert match, content[at : at + 80]
        assert int(match[1]) == len(found) + 1
        found.append((ms(*match.groups()[1:5]), ms(*match.groups()[5:9]), match[10].splitlines()))
        at = match.end()
    return found


def read_vtt(content):
    """Read WebVTT as the standard's file structure has it: a header, blocks after blank lines, no arrow in the text."""
    header, *blocks = content.rstrip("\n").split("\n\n")
    assert header == "WEBVTT"
    found = []
    for block in blocks:
        match = _VTT.fullmatch(block + "\n")
        assert match, block
        lines = match[9].splitlines()
        assert not any("-->" in line or "<" in line for line in lines)
        assert all(
            re.match(r"&(amp|lt|gt);", line[place:]) for line in lines for place, c in enumerate(line) if c == "&"
        )
        found.append((ms(*match.groups()[:4]), ms(*match.groups()[4:8]), [html.unescape(line) for line in lines]))
    return found


def segment(start, end, text, words=None):
    return {"start": start, "end": end, "text": text} | ({} if words is None else {"words": words})


def spread(start, end, text):
    """Return the words of a text with times of their own: the first half of the time for the first word alone."""
    words = text.split()
    middle = (start + end) / 2
    step = (end - middle) / max(1, len(words) - 1)
    times = [(start, middle)] + [(middle + step * i, middle + step * (i + 1)) for i in range(len(words) - 1)]
    return [{"start": a, "end": b, "text": word} for (a, b), word in zip(times, words, strict=True)]


def test_both_formats_as_they_are_written():
    segments = [segment(0.0, 1.5, " Hello there. "), segment(3661.0015, 3723.9996, "Fish & chips <b> --> now")]
    assert srt(segments) == (
        "1\n00:00:00,000 --> 00:00:01,500\nHello there.\n\n2\n01:01:01,002 --> 01:02:04,000\nFish & chips <b> → now\n\n"
    )
    assert vtt(segments) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nHello there.\n\n"
        "01:01:01.002 --> 01:02:04.000\nFish &amp; chips &lt;b&gt; --&gt; now\n"
    )


def test_no_speech_gives_an_empty_subtitle_file():
    for segments in ([], [segment(0, 1, "  \n ")], [segment(0, 1, "\x00\ud800")]):
        assert srt(segments) == ""
        assert vtt(segments) == "WEBVTT\n"


def test_days_of_recording_keep_their_hours():
    assert "100:00:00,000 --> 100:00:01,000" in srt([segment(360_000, 360_001, "late")])


def test_long_segments_are_split_at_the_times_of_words():
    text = "one " + " ".join(["another"] * 24) + " end."
    with_words = read_srt(srt([segment(10.0, 30.0, text, spread(10.0, 30.0, text))]))
    without = read_srt(srt([segment(10.0, 30.0, text)]))
    assert [lines for *_, lines in with_words] == [lines for *_, lines in without]
    assert len(with_words) > 2
    assert (with_words[0][0], with_words[-1][1]) == (without[0][0], without[-1][1]) == (10_000, 30_000)
    said = spread(10.0, 30.0, text)
    count = 0
    for start, end, lines in with_words:
        words = " ".join(lines).split()
        assert start == pytest.approx(1000 * said[count]["start"], abs=1)
        count += len(words)
        assert end == pytest.approx(1000 * said[count - 1]["end"], abs=1)
    # Without words, time runs with the letters; the first word takes half of it only where its time is known.
    assert without[0][1] < with_words[0][1]


def test_words_that_are_not_in_the_text_do_not_harm():
    words = [{"start": 1.0, "end": 2.0, "text": "elsewhere"}, {"start": 2.0, "end": 3.0, "text": "text"}]
    assert read_vtt(vtt([segment(0.0, 4.0, "a text", words)])) == [(0, 4000, ["a text"])]


def test_lines_are_even():
    lines = cues([segment(0, 9, "The quick brown fox jumps over the lazy dog and on")])[0].lines
    assert lines == ("The quick brown fox jumps", "over the lazy dog and on")


def test_scripts_without_spaces_are_broken_between_signs_of_double_width():
    text = "今日は天気がいいですから散歩に行きましょうと彼女が言ったのでみんなで公園まで歩いて行きました"
    found = cues([segment(0, 9, text)])
    assert "".join("".join(cue.lines) for cue in found) == text
    assert max(len(line) for cue in found for line in cue.lines) <= 21


def test_unordered_or_overlapping_segments_are_shown_one_after_another():
    segments = [segment(5, 6, "c"), segment(-1, 2, "a"), segment(1, 3, "b"), segment(5.5, 5.5, "d")]
    assert read_srt(srt(segments)) == [
        (0, 2000, ["a"]),
        (2000, 3000, ["b"]),
        (5000, 6000, ["c"]),
        (6000, 6700, ["d"]),  # said at one instant, and shown as long as it takes to read
    ]


text = st.one_of(
    st.text(max_size=300),
    st.lists(st.sampled_from(["a", "word", "-->", "<i>", "&amp;", "1", "longer-one", "é", "x" * 60]), max_size=80).map(
        " ".join
    ),
)
times = st.floats(0, 2e5, allow_nan=False)


@given(st.lists(st.tuples(times, st.floats(0, 60), text, st.booleans()), max_size=8))
@example([(0.0, 0.0, "a", True)])
@settings(max_examples=150, deadline=None)
def test_any_text_can_be_read_back_in_order(said):
    segments = [
        segment(
            start,
            start + length,
            words,
            spread(start, start + length, words) if timed and words.split() else None,
        )
        for start, length, words, timed in said
    ]
    shown = cues(segments)
    for content, reader, arrow in ((srt(segments), read_srt, "→"), (vtt(segments), read_vtt, "-->")):
        content.encode("utf-8")
        found = reader(content)
        assert [(start, end) for start, end, _ in found] == [(cue.start, cue.end) for cue in shown]
        assert [lines for *_, lines in found] == [[line.replace("-->", arrow) for line in cue.lines] for cue in shown]
    assert all(0 <= cue.start < cue.end for cue in shown)
    assert all(one.end <= other.start for one, other in pairwise(shown))
    assert all(len(cue.lines) <= 2 and all(line.strip() for line in cue.lines) for cue in shown)
    letters = sorted(s for *_, words, _ in said for s in words if not s.isspace() and s.isprintable())
    assert (
        sorted(s for cue in shown for line in cue.lines for s in line if not s.isspace() and s.isprintable()) == letters
    )


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126) | st.just(" "), max_size=400))
@settings(max_examples=100, deadline=None)
def test_no_line_is_longer_than_42_characters(words):
    assert max((len(line) for cue in cues([segment(0, 9, words)]) for line in cue.lines), default=0) <= 42
