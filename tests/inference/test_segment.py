"""Long recordings with transcripts are cut where pause, transcript and what is recognized agree, and nowhere else."""

from __future__ import annotations

import csv
import itertools

import jiwer
import numpy as np
import pytest
import soundfile
from checkpoints import fetched_whisper
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_ft.cli import main as cli
from audio_ft.data import Data, load
from audio_ft.inference.transcript_cuts import segments
from audio_ft.targets import Transcript


def spoken(texts, gap=0.5):
    """Return words of half a second, each followed by a pause of so many seconds, and these pauses."""
    words, pauses, now = [], [], 0.0
    for text in texts:
        words.append({"start": now, "end": now + 0.5, "text": text})
        pauses.append((now + 0.5, now + 0.5 + gap))
        now += 0.5 + gap
    return words, pauses, now


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_all_of_a_transcript_is_in_its_parts_once_and_in_order(data):
    said = data.draw(st.lists(st.sampled_from(["one", "two", "three", "four", "five"]), min_size=1, max_size=40))
    recognized = [word for word in said if data.draw(st.booleans()) or len(said) < 3]
    words, pauses, seconds = spoken(recognized)
    seconds += data.draw(st.floats(0.0, 5.0))
    longest = data.draw(st.floats(1.0, 20.0))
    parts = segments(" ".join(said), words, pauses, seconds, longest)
    assert " ".join(part.text for part in parts).split() == said
    assert all(one.end <= other.start for one, other in itertools.pairwise(parts))
    for part in parts[:-1]:
        assert any(start <= part.end <= stop for start, stop in pauses)
    assert all(0.0 <= part.agreement <= 1.0 for part in parts)


def test_a_cut_needs_words_that_are_heard_as_they_are_written_on_both_sides():
    said = "please hold the line while I transfer your call"
    words, pauses, seconds = spoken(said.split())
    assert [part.text for part in segments(said, words, pauses, seconds, 4.0)] == [
        "please hold the line", "while I transfer your", "call",
    ]  # fmt: skip
    # "while" is not what is recognized, so neither pause beside it is certain.
    words[4]["text"] = "wild"
    first = segments(said, words, pauses, seconds, 5.0)[0]
    assert first.text == "please hold the"
    # Without a certain pause in reach, a part is longer than it should be: better than a wrong transcript.
    for word in words[:5]:
        word["text"] = "wild"
    assert segments(said, words, pauses, seconds, 3.0)[0].text == "please hold the line while I"


def test_parts_say_how_much_of_them_is_heard():
    said = "one two three four"
    words, pauses, seconds = spoken(["one", "two", "free", "for"])
    first, last = segments(said, words, pauses, seconds, 2.0)
    assert (first.text, first.agreement, last.text, last.agreement) == (
        "one",
        1.0,
        "two three four",
        pytest.approx(1 / 3),
    )


def test_scripts_without_spaces_are_cut_between_characters():
    words, pauses, seconds = spoken("今日は晴れ")
    assert [part.text for part in segments("今日は、晴れ。", words, pauses, seconds, 3.0)] == ["今日は、", "晴れ。"]


def test_nothing_heard_gives_the_whole_recording_without_agreement():
    (part,) = segments("hello there", [], [], 40.0, 30.0)
    assert (part.start, part.end, part.text, part.agreement) == (0.0, 40.0, "hello there", 0.0)
    assert segments("", [], [], 40.0, 30.0) == []


@pytest.mark.real
def test_joined_prompts_become_parts_that_a_training_reads(shared, tmp_path, capsys):
    model = str(fetched_whisper(shared, "whisper-tiny.en"))
    with (shared / "data/prompts_asr/test/metadata.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["language"] == "en"][:10]
    waves, ends, rate = [], [], 0
    for row in rows:
        wave, rate = soundfile.read(shared / "data/prompts_asr/test" / row["file_name"], dtype="float32")
        waves += [wave, np.full(round(0.8 * rate), 1e-5, np.float32)]
        ends.append(sum(map(len, waves)) / rate)
    soundfile.write(tmp_path / "joined.wav", np.concatenate(waves), rate)
    text = " ".join(row["transcription"] for row in rows)
    (tmp_path / "data.csv").write_text(f'file,text\njoined.wav,"{text}"\n', encoding="utf-8")
    output = tmp_path / "parts.csv"
    # What an interrupted call has recognized is not computed again, nor taken for another recording.
    recognized = output.with_name("parts.csv.words.jsonl")
    recognized.write_text('{"key": "joined.wav", "stamp": "older", "words": []}\n{"key": "joi', encoding="utf-8")
    command = ["segment", model, str(tmp_path / "data.csv"), "--task", "transcription", "--output", str(output)]
    assert cli.main([*command, "--longest", "12"]) == 0
    assert "1 long recording cut" in capsys.readouterr().err
    parts = load(Data(path=str(output)), targets=(Transcript,), need=("train",)).splits["train"]
    assert len(parts) > 1
    assert [path.name for path in tmp_path.iterdir() if "words" in path.name] == []
    # Every part ends between two prompts or words, and its text is what is said there.
    for start, end, target in zip(parts["start"], parts["end"], parts["target"], strict=True):
        assert end - start <= 12
        expected = [row["transcription"] for row, stop in zip(rows, ends, strict=True) if start < stop - 0.9 <= end]
        assert jiwer.wer(" ".join(expected), target) < 0.5
    kept = " ".join(parts["target"])
    assert jiwer.process_words(text, kept).substitutions == 0
    assert cli.main([*command, "--longest", "12"]) == 2
    assert "exists already" in capsys.readouterr().err
