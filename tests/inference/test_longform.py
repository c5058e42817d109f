"""Long recordings: pieces that fit the model, cut in pauses or overlapping, and words that come out once each."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import jiwer
import numpy as np
import pytest
import soundfile
from checkpoints import fetched_whisper, speech, tiny_checkpoint, transcriber
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_ft.audio.clip import Clip, read, write
from audio_ft.cleaning.chain import DEFAULT_CHAIN, Chain
from audio_ft.cleaning.step import Step
from audio_ft.cleaning.steps import Mono, Normalize, Resample, Trim
from audio_ft.errors import AudioError, InputError
from audio_ft.inference.longform import SHORTEST, Piece, join, pieces
from audio_ft.tasks.transcription import Transcribed

RATE = 16_000
PLAIN = Chain((Resample(RATE), Mono()))


def talk(plan, rate=RATE, seed=0):
    """Make a recording (time,) of speech and pauses: seconds of speech where positive, of near silence where not."""
    rng = np.random.default_rng(seed)
    parts = [
        speech(round(seconds * rate), seed + place)
        if seconds > 0
        else 1e-4 * rng.standard_normal(round(-seconds * rate))
        for place, seconds in enumerate(plan)
    ]
    return np.concatenate(parts).astype(np.float32)


def laid_out(found, length):
    """Check that pieces follow one another, fill `length` samples and overlap as they say; return them joined."""
    whole = np.full(length, np.nan, np.float32)
    reached = 0
    for place, piece in enumerate(found):
        begin = round(piece.start * piece.clip.rate)
        assert begin == reached - round(piece.overlap_before * piece.clip.rate)
        assert piece.overlap_before == (found[place - 1].overlap_after if place else 0)
        whole[begin : begin + len(piece.samples)] = piece.samples
        reached = begin + len(piece.samples)
    assert reached == length
    assert found[-1].overlap_after == 0
    return whole


@pytest.mark.parametrize("form", ["clip", "wav", "bytes"])
def test_the_pieces_of_a_recording_make_it_up_and_are_cut_in_its_pauses(tmp_path, form):
    plan = [8, -0.6, 9, -0.7, 7, -0.5, 11, -2, 6, -0.4, 13, -1, 9, -0.6, 4]
    wave = talk(plan)
    write(Clip(wave, RATE), tmp_path / "a.wav")
    source = {"clip": read(tmp_path / "a.wav"), "wav": tmp_path / "a.wav", "bytes": (tmp_path / "a.wav").read_bytes()}
    found = list(pieces(source[form], PLAIN, RATE, 30.0))
    np.testing.assert_array_equal(laid_out(found, len(wave)), read(tmp_path / "a.wav").samples[0])
    assert len(found) == 4
    assert all(10 <= piece.clip.seconds <= 30 for piece in found)
    ends = np.cumsum(np.abs(plan))
    pauses = [(ends[place] + seconds, ends[place]) for place, seconds in enumerate(plan) if seconds < 0]
    for piece in found[1:]:
        assert piece.overlap_before == 0
        assert any(start < piece.start < stop for start, stop in pauses)


def test_a_long_recording_is_cut_where_an_utterance_ends_and_a_short_one_is_not():
    plan = [4, -1, 1, -0.9, 2, -1.2, 5, -0.5, 3, -2, 4, -1, 12]
    wave = talk(plan)
    ends = np.cumsum(np.abs(plan))
    # The first silence is the end of 4 s; the second would leave 1 s, so the third is next; 0.5 s is a breath.
    middles = [ends[place] + plan[place] / 2 for place in (1, 5, 9, 11)]
    found = list(pieces(Clip(wave, RATE), PLAIN, RATE, 30.0))
    np.testing.assert_array_equal(laid_out(found, len(wave)), wave)
    assert [piece.start for piece in found[1:]] == pytest.approx(middles, abs=0.1)
    assert not any(piece.silent for piece in found)
    assert len(list(pieces(Clip(wave[: 29 * RATE], RATE), PLAIN, RATE, 30.0))) == 1


def test_pieces_that_fill_the_window_contain_the_silence_between_utterances():
    plan = [4, -1, 6, -0.9, 7, -1.2, 8, -0.5, 5, -2, 14, -1, 12]
    wave = talk(plan)
    found = list(pieces(Clip(wave, RATE), PLAIN, RATE, 30.0, utterances=False))
    np.testing.assert_array_equal(laid_out(found, len(wave)), wave)
    assert len(found) == 3 < len(list(pieces(Clip(wave, RATE), PLAIN, RATE, 30.0)))
    assert [piece.overlap_before for piece in found] == [0, 0, 0]


def test_silence_at_either_end_is_not_a_separate_piece():
    wave = talk([-6, 10, -1, 10, -1, 10, -5])
    found = list(pieces(Clip(wave, RATE), PLAIN, RATE, 30.0))
    assert [piece.start for piece in found] == pytest.approx([0, 16.5, 27.5], abs=0.1)


def test_without_pauses_pieces_overlap_by_two_seconds_on_both_sides():
    wave = speech(100 * RATE)
    found = list(pieces(Clip(wave, RATE), PLAIN, RATE, 30.0))
    np.testing.assert_array_equal(laid_out(found, len(wave)), wave)
    assert [piece.overlap_before for piece in found] == [0] + [4.0] * (len(found) - 1)
    assert all(30 * SHORTEST <= piece.clip.seconds <= 30 for piece in found)


@given(
    seconds=st.floats(0.05, 40),
    longest=st.sampled_from([2.0, 5.0, 7.3]),
    rate=st.sampled_from([8_000, 11_025, 44_100]),
    pause=st.floats(0, 4),
)
@settings(max_examples=30, deadline=None)
def test_pieces_never_exceed_the_window_and_leave_nothing_out(seconds, longest, rate, pause):
    wave = speech(round(seconds * rate))
    quiet = round(len(wave) / 3)
    wave[quiet : quiet + round(pause * rate)] *= 1e-4
    found = list(pieces(Clip(wave, rate), PLAIN, RATE, longest))
    reached = 0.0
    for piece in found:
        assert piece.samples.dtype == np.float32
        assert len(piece.samples) <= round(longest * RATE)
        assert piece.start + piece.overlap_before == pytest.approx(reached, abs=1e-3)
        reached = piece.start + piece.clip.seconds
    assert reached == pytest.approx(len(wave) / rate, abs=1e-3)
    if len(found) > 1:
        assert min(piece.clip.seconds for piece in found) >= longest * SHORTEST - 0.01


def test_a_recording_that_fits_is_one_piece_with_its_silence():
    wave = talk([-1, 3, -2])
    (piece,) = pieces(Clip(wave, RATE), PLAIN, RATE, 30.0)
    assert (piece.start, piece.overlap_before, piece.overlap_after, piece.silent) == (0, 0, 0, False)
    np.testing.assert_array_equal(piece.samples, wave)
    assert list(pieces(Clip(np.zeros((1, 0)), RATE), PLAIN, RATE, 30.0)) == []


def test_each_piece_is_cleaned_like_a_training_clip_and_keeps_its_position():
    wave = talk([20, -1, 20, -3, 20]) * np.repeat([1.0, 0.1], [25 * RATE, 39 * RATE]).astype(np.float32)
    clip = Clip(np.stack([wave, 0.5 * wave]), RATE)
    found = list(pieces(clip, DEFAULT_CHAIN, RATE, 30.0))
    plain = list(pieces(clip, PLAIN, RATE, 30.0))
    assert len(found) == len(plain) == 3
    for piece, stretch in zip(found, plain, strict=True):
        first = round(stretch.start * RATE)
        original = clip.with_samples(clip.samples[:, first : first + len(stretch.samples)])
        np.testing.assert_allclose(piece.samples, DEFAULT_CHAIN(original).samples[0], rtol=0, atol=1e-6)
        # Where it begins now is where the same sound is in the recording.
        begin = round(piece.start * RATE)
        part = clip.with_samples(clip.samples[:, begin : begin + len(piece.samples)])
        again = Chain(tuple(step for step in DEFAULT_CHAIN.steps if not isinstance(step, Trim)))(part).samples[0]
        assert np.corrcoef(piece.samples, again)[0, 1] > 0.999
    assert found[1].start - plain[1].start > 0.2


def test_nothing_that_two_pieces_share_is_trimmed():
    wave = speech(70 * RATE)
    wave[15 * RATE :] *= 10 ** (-41 / 20)  # far enough below the loud part for Trim to cut it all
    one, other = list(pieces(Clip(wave, RATE), DEFAULT_CHAIN, RATE, 30.0))[:2]
    assert one.overlap_after == other.overlap_before > 0
    assert one.start + one.clip.seconds == pytest.approx(other.start + other.overlap_before, abs=1e-4)
    alone = DEFAULT_CHAIN(Clip(wave[: round(one.clip.seconds * RATE)], RATE))
    assert alone.seconds < 16 < one.clip.seconds


def test_silence_and_noise_are_marked_before_cleaning_makes_them_loud():
    noise = 0.05 * np.random.default_rng(0).standard_normal(60 * RATE)
    for wave in (1e-5 * noise, noise, np.zeros(60 * RATE)):
        found = list(pieces(Clip(wave, RATE), Chain((Normalize(),)), RATE, 30.0))
        assert len(found) >= 2
        assert all(piece.silent for piece in found)
    found = list(pieces(Clip(talk([20, -70, 20]), RATE), PLAIN, RATE, 30.0))
    assert not found[0].silent
    assert any(piece.silent for piece in found)
    assert not found[-1].silent


@dataclass(frozen=True)
class Halve(Step):
    """Drop half of a clip, for the tests."""

    def __call__(self, clip):
        return clip.with_samples(clip.samples[:, ::2])


def test_chains_that_change_durations_or_return_other_audio_are_refused():
    clip = Clip(np.stack([speech(RATE), speech(RATE, 1)]), RATE)
    with pytest.raises(InputError, match=r"Halve .* 1\.000 s to 0\.500 s"):
        list(pieces(clip, Chain((Mono(), Halve())), RATE, 30.0))
    with pytest.raises(InputError, match="2 channels at 16,000 Hz"):
        list(pieces(clip, Chain(), RATE, 30.0))
    with pytest.raises(InputError, match="1 channels at 8,000 Hz"):
        list(pieces(clip, Chain((Mono(), Resample(8_000))), RATE, 30.0))


def test_an_unreadable_recording_is_named(tmp_path):
    with pytest.raises(AudioError, match="no such file"):
        next(pieces(tmp_path / "gone.wav", PLAIN, RATE, 30.0))


PEAK = """
import resource, sys
from audio_ft.cleaning.chain import DEFAULT_CHAIN
from audio_ft.inference.longform import pieces
def walk(path):
    return sum(piece.clip.seconds for piece in pieces(path, DEFAULT_CHAIN, 16_000, 30.0))
walk(sys.argv[1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert walk(sys.argv[2]) > 1_100
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts peak memory in kilobytes")
def test_twenty_minutes_cost_the_memory_of_one(tmp_path):
    minute = talk([9, -1, 12, -0.5, 25, -2.5, 10])
    for minutes in (1, 20):
        with soundfile.SoundFile(tmp_path / f"{minutes}.wav", "w", RATE, 1) as sound:
            for _ in range(minutes):
                sound.write(minute)
    paths = [str(tmp_path / f"{minutes}.wav") for minutes in (1, 20)]
    grown = subprocess.run([sys.executable, "-c", PEAK, *paths], capture_output=True, text=True, check=True)
    # As float32 the long one is 77 MB.
    assert int(grown.stdout) < 20_000


# --- join


def piece(start, seconds, before=0.0, after=0.0):
    return Piece(Clip.silence(seconds, 100), start, before, after)


def word(text, start, end):
    return {"start": start, "end": end, "text": text}


def texts(segments):
    return [segment["text"] for segment in segments]


def test_words_get_times_in_the_recording_and_pieces_cut_in_pauses_are_segments():
    segments = join(
        [
            (piece(0, 10), [word("hello", 1.0, 1.5), word("there", 1.6, 2.0)]),
            (piece(10, 10), []),
            (piece(20, 10), [word("again", 0.5, 1.0)]),
        ]
    )
    assert segments == [
        {
            "start": 1.0,
            "end": 2.0,
            "text": "hello there",
            "words": [word("hello", 1.0, 1.5), word("there", 1.6, 2.0)],
        },
        {"start": 20.5, "end": 21.0, "text": "again", "words": [word("again", 20.5, 21.0)]},
    ]


def test_segments_end_with_sentences_and_before_silence():
    words = [word("One.", 0, 1), word("Two", 1, 2), word("three", 2.5, 3), word("four", 4.0, 5)]
    assert texts(join([(piece(0, 10), words)])) == ["One.", "Two three", "four"]


def test_words_that_bring_their_spaces_keep_them_and_scripts_without_spaces_get_none():
    assert texts(join([(piece(0, 9), [word(" it", 0, 1), word("'s", 1, 2), word(" on", 2, 3)])])) == ["it's on"]
    assert texts(join([(piece(0, 9), [word("你", 0, 1), word("好", 1, 2)])], between="")) == ["你好"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        # the seam lies at 28 s; the second piece begins at 26 s
        ([("a", 26.5, 27), ("b", 28.5, 29)], [("a", 0.5, 1), ("b", 2.5, 3)], "a b"),
        ([("a", 26.5, 27), ("b", 27.6, 28.2)], [("a", 0.5, 1), ("b", 1.8, 2.4)], "a b"),  # heard twice
        ([("a", 26.5, 27), ("b", 27.8, 28.4)], [("a", 0.5, 1), ("b", 1.6, 2.2)], "a b"),  # on the other's side twice
        ([("five", 27.0, 27.3), ("five", 27.4, 27.7)], [("five", 2.1, 2.4)], "five five five"),
        ([("A,", 27.6, 28.2)], [("a", 1.8, 2.4)], "A,"),
        ([("a", 26.5, 27), ("x", 28.5, 29)], [("y", 2.5, 3), ("c", 5, 6)], "a y c"),
        ([("a", 27, 27.5)], [], "a"),
        ([], [("b", 2.5, 3)], "b"),
    ],
)
def test_in_an_overlap_each_word_stays_once(old, new, expected):
    answers = [
        (piece(0, 30, after=4), [word(*each) for each in old]),
        (piece(26, 20, before=4), [word(*each) for each in new]),
    ]
    assert " ".join(texts(join(answers))) == expected


@given(
    gaps=st.lists(st.tuples(st.floats(0.05, 0.6), st.floats(0.05, 0.7)), min_size=1, max_size=120),
    shift=st.floats(-0.1, 0.1),
)
@settings(max_examples=60, deadline=None)
def test_words_in_overlapping_pieces_occur_once_and_in_order(gaps, shift):
    times, clock = [], 0.0
    for gap, length in gaps:
        times.append((clock + gap, clock + gap + length))
        clock += gap + length
    answers, start, before = [], 0.0, 0.0
    while True:
        last = start + 30 >= clock
        # Each piece has the words that are completely inside, later ones a little shifted, as by aligners.
        moved = shift if start else 0.0
        heard = [
            word(f"w{number}", a - start + moved, b - start + moved)
            for number, (a, b) in enumerate(times)
            if a >= start and b <= start + 30
        ]
        answers.append((piece(start, 30, before, 0 if last else 4.0), heard))
        if last:
            break
        start, before = start + 26, 4.0
    segments = join(answers)
    assert " ".join(texts(segments)).split() == [f"w{number}" for number in range(len(times))]
    marks = [mark for segment in segments for each in segment["words"] for mark in (each["start"], each["end"])]
    assert marks == sorted(marks)


def test_unknown_times_are_filled_in_and_blank_words_dropped():
    words = [word("a", None, 1.0), word(" ", 1, 1.2), word("b", None, 2.0), word("c", 2.5, None), word("d", 9.0, 99.0)]
    (one,) = join([(piece(5, 10), words)])
    assert one["words"] == [word("a", 5.0, 6.0), word("b", 6.2, 7.0), word("c", 7.5, 15.0), word("d", 15.0, 15.0)]


# --- with models


@pytest.fixture(scope="module")
def scribbler(tmp_path_factory):
    """Return an untrained CTC model, which finds words in any input."""
    return transcriber(tiny_checkpoint("wav2vec2-layer", tmp_path_factory.mktemp("tiny")), ctc=True)


@pytest.mark.parametrize("words", [False, True])
def test_a_minute_of_silence_or_noise_gives_no_text(scribbler, tmp_path, words):
    noise = 0.05 * np.random.default_rng(0).standard_normal(60 * RATE).astype(np.float32)
    write(Clip(noise, RATE), tmp_path / "noise.wav")
    nothing = {"text": "", "segments": []}
    assert scribbler(tmp_path / "noise.wav", words=words) == nothing
    assert scribbler(Clip.silence(60.0), words=words) == nothing
    assert scribbler(Clip.silence(2.0), words=words) == nothing
    assert scribbler(Clip(speech(2 * RATE), RATE), words=words)["text"]


def test_a_long_transcript_has_ordered_times_inside_the_recording(scribbler, tmp_path):
    wave = talk([12, -1, 20, -40, 25, -0.5, 9])
    write(Clip(wave, RATE), tmp_path / "a.flac")
    answer = json.loads(json.dumps(scribbler(tmp_path / "a.flac", words=True)))
    assert " ".join(segment["text"] for segment in answer["segments"]) == answer["text"]
    marks = [
        mark for segment in answer["segments"] for word in segment["words"] for mark in (word["start"], word["end"])
    ]
    assert marks == sorted(marks)
    assert marks[0] >= 0
    assert marks[-1] <= len(wave) / RATE
    assert not [mark for mark in marks if 34 < mark < 72]  # the long pause
    short = [{name: segment[name] for name in ("start", "end", "text")} for segment in answer["segments"]]
    assert scribbler(tmp_path / "a.flac") == {"text": answer["text"], "segments": short}


@dataclass
class Batches:
    """Note the batches that a transcriber's network gets, and whether times of words are asked for."""

    task: object
    seen: list

    def __getattr__(self, name):
        return getattr(self.task, name)

    def transcribe(self, network, adapter, waves, *, words=False):
        self.seen.append((words, [len(wave) / RATE for wave in waves]))
        return [
            Transcribed(f"{place}.", [{"start": 0.1, "end": 0.2, "text": f"{place}."}] if words else ())
            for place in range(len(waves))
        ]


@pytest.mark.parametrize(("words", "tuned"), [(False, True), (False, False), (True, True)])
def test_times_cost_only_where_asked_for_or_needed_and_batches_are_of_similar_lengths(scribbler, words, tuned):
    seen = []
    task = Batches(scribbler.task, seen)
    task.generates = True  # as Whisper
    model = replace(scribbler, task=task, chain=PLAIN, tuned=tuned)
    wave = talk([5, -1, 20, -1, 6, -1, 45, -1, 19, -1, 4])
    answer = model(Clip(wave, RATE), words=words)
    assert {timed for timed, _ in seen} == ({True} if words else {False, True})
    assert all(len(batch) <= 4 for timed, batch in seen if not timed)
    assert max(len(batch) for timed, batch in seen if timed) == 2
    assert sum(len(batch) for _, batch in seen) == (7 if tuned else 5)
    if not words:
        found = list(pieces(Clip(wave, RATE), PLAIN, RATE, 30.0, utterances=tuned))
        overlapping = [piece.clip.seconds for piece in found if piece.overlap_before or piece.overlap_after]
        assert sorted(length for timed, batch in seen if timed for length in batch) == sorted(overlapping) != []
        starts = [segment["start"] for segment in answer["segments"]]
        assert starts == sorted(starts)
        assert {tuple(segment) for segment in answer["segments"]} == {("start", "end", "text")}


MODEL_PEAK = """
import resource, sys
sys.path.insert(0, sys.argv[1])
from test_longform import transcriber
import torch
torch.set_num_threads(1)
model = transcriber(sys.argv[2], ctc=sys.argv[3] == "ctc")
model(sys.argv[4], words=True)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
model(sys.argv[5], words=True)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def growth(checkpoint, kind, short, long):
    """Return by how many kilobytes the peak memory of a process grows for a long recording after a short one."""
    words = [sys.executable, "-c", MODEL_PEAK, str(Path(__file__).parent), checkpoint, kind, str(short), str(long)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return int(done.stdout.splitlines()[-1])


@pytest.mark.skipif(sys.platform != "linux", reason="counts peak memory in kilobytes")
def test_predicting_a_long_recording_costs_the_memory_of_a_short_one(scribbler, tmp_path):
    minute = talk([9, -1, 12, -0.5, 25, -2.5, 10])
    for minutes in (1, 20):
        write(Clip(np.tile(minute, minutes), RATE), tmp_path / f"{minutes}.wav")
    assert growth(str(scribbler.folder), "ctc", tmp_path / "1.wav", tmp_path / "20.wav") < 100_000


def prompts(shared, split, count):
    """Return English prompts of the shared set as (clip, transcript)."""
    folder = shared / "data" / "prompts_asr" / split
    with (folder / "metadata.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["language"] == "en"][:count]
    return [(read(folder / row["file_name"]), row["transcription"]) for row in rows]


def strung_together(spoken, pause, seed=0):
    """Join clips with `pause()` seconds of faint noise after each; return the clip and when each prompt is said."""
    rng, parts, spans, clock = np.random.default_rng(seed), [], [], 0
    for clip, _ in spoken:
        gap = round(pause() * clip.rate)
        parts += [clip.samples[0], (1e-4 * rng.standard_normal(gap)).astype(np.float32)]
        spans.append((clock / clip.rate, (clock + clip.length) / clip.rate))
        clock += clip.length + gap
    return Clip(np.concatenate(parts), spoken[0][0].rate), spans


@pytest.mark.real
def test_prompts_in_a_row_are_transcribed_with_their_times(shared):
    from audio_ft.metrics.text_normalizers import normalizer

    model = transcriber(fetched_whisper(shared, "whisper-tiny.en"), ctc=False)
    spoken = prompts(shared, "test", 20)
    long, spans = strung_together(spoken, lambda: 0.8)
    assert long.seconds > 45
    # Half a minute of silence and of noise in the middle add no word.
    half = round(spans[10][0] * long.rate)
    noise = 0.02 * np.random.default_rng(1).standard_normal((1, 40 * long.rate)).astype(np.float32)
    gap = np.concatenate([np.zeros((1, 35 * long.rate), np.float32), noise], axis=1)
    whole = long.with_samples(np.concatenate([long.samples[:, :half], gap, long.samples[:, half:]], axis=1))
    answer = model(whole, words=True)
    norm = normalizer("en")
    reference = norm(" ".join(text for _, text in spoken))
    assert jiwer.wer(reference, norm(answer["text"])) < 0.25
    said = [word for segment in answer["segments"] for word in segment["words"]]
    moved = [(a + 75 * (place >= 10), b + 75 * (place >= 10)) for place, (a, b) in enumerate(spans)]
    middles = [(word["start"] + word["end"]) / 2 for word in said]
    inside = [any(a - 0.4 <= middle <= b + 0.4 for a, b in moved) for middle in middles]
    assert np.mean(inside) > 0.9


@pytest.mark.real
@pytest.mark.slow
def test_the_words_of_a_recording_are_its_text_letter_by_letter(shared):
    model = transcriber(fetched_whisper(shared, "whisper-tiny.en"), ctc=False)
    clips = [clip for clip, _ in prompts(shared, "test", 8)]
    for alone, timed in zip(model(clips), model(clips, words=True), strict=True):
        assert "".join(alone["text"].split()) == "".join(timed["text"].split())
        assert "<|" not in timed["text"]
        words = [word["text"] for segment in timed["segments"] for word in segment["words"]]
        assert "".join(words) == "".join(timed["text"].split())


@pytest.mark.real
@pytest.mark.slow
def test_seventeen_minutes_are_transcribed_as_well_as_clip_by_clip(shared, tmp_path):
    from audio_ft.metrics.text_normalizers import normalizer

    checkpoint = fetched_whisper(shared, "whisper-tiny.en")
    model = transcriber(checkpoint, ctc=False)
    spoken = [pair for split in ("train", "validation", "test") for pair in prompts(shared, split, None)]
    pauses = np.random.default_rng(0)
    long, _ = strung_together(spoken, lambda: pauses.uniform(0.3, 2.2))
    assert long.seconds > 960
    write(long, tmp_path / "long.wav")
    write(long.with_samples(long.samples[:, : 60 * long.rate]), tmp_path / "minute.wav")
    norm = normalizer("en")
    reference = norm(" ".join(text for _, text in spoken))
    alone = " ".join(answer["text"] for answer in model.stream([clip for clip, _ in spoken]))
    together = model(tmp_path / "long.wav")["text"]
    assert jiwer.wer(reference, norm(together)) <= 1.2 * jiwer.wer(reference, norm(alone))
    assert growth(checkpoint, "seq2seq", tmp_path / "minute.wav", tmp_path / "long.wav") < 200_000
