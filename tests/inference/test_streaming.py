"""Live audio: turns, words that stay, events, and when each is said, whatever the chunks are."""

from __future__ import annotations

import io
import json
import sys
import types
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from checkpoints import MINI, speech, tiny_checkpoint, transcriber
from hypothesis import given, settings
from hypothesis import strategies as st

import audio_ft as aft
from audio_ft.audio.clip import Clip
from audio_ft.cli import main as cli
from audio_ft.errors import InputError
from audio_ft.inference.predictor import Prediction
from audio_ft.inference.streaming.agreement import Agreement
from audio_ft.inference.streaming.choice import listener_for
from audio_ft.inference.streaming.live import Clock, as_if_live, from_samples, listen
from audio_ft.inference.streaming.voice import Level, Turns, silero
from audio_ft.targets import Events, Transcript

RATE = 16_000


def talk(plan, rate=RATE):
    """Return a clip of speech-like noise (seconds > 0) and near silence (< 0)."""
    rng = np.random.default_rng(0)
    parts = [speech(round(s * rate), at) if s > 0 else 1e-4 * rng.standard_normal(round(-s * rate))
             for at, s in enumerate(plan)]  # fmt: skip
    return Clip(np.concatenate(parts).astype(np.float32), rate)


def chunks(clip, seconds):
    size = max(1, round(seconds * clip.rate))
    return [clip.with_samples(clip.samples[:, at : at + size]) for at in range(0, clip.length, size)]


def messages(listener, parts):
    return [message for part in parts for message in listener.feed(part)] + list(listener.end())


@pytest.mark.parametrize("rate", [8_000, RATE])
@pytest.mark.parametrize("make", [Level, silero])
def test_turns_are_where_somebody_speaks_whatever_the_chunks(make, rate):
    said = [aft.read(file) for file in sorted((Path(MINI).parent / "sentences" / "test").glob("*.ogg"))[:2]]
    quiet = Clip.noise(1.5, RATE, dbfs=-60)
    parts = [quiet, said[0], quiet, said[1], quiet]
    whole = Clip(np.concatenate([part.samples for part in parts], axis=1), RATE)
    if rate != RATE:
        whole = whole.with_samples(whole.samples[:, ::2], rate)
    found = []
    for seconds in (0.05, 0.777, 20):
        turns = Turns(make())
        found.append([(mark.begins, mark.seconds) for part in chunks(whole, seconds) for mark in turns.feed(part)])
    assert found[0] == found[1] == found[2]
    edges = np.cumsum([part.seconds for part in parts])
    assert [begins for begins, _ in found[0]] == [True, False, True, False]
    for (_, begin), (_, end), start, stop in zip(found[0][::2], found[0][1::2], edges[::2], edges[1::2], strict=False):
        assert start - 0.1 < begin < end < stop + 0.15
        assert end - begin > (stop - start) / 2


def test_noise_and_clicks_are_no_turn_and_noise_does_not_hide_one():
    click = Clip.silence(3.0).samples.copy()
    click[0, 20_000:20_100] = 0.5
    loud = Clip.noise(5.0, dbfs=-20)
    spoken = talk([-3, 1, -3])
    noisy = spoken.samples + 0.01 * np.random.default_rng(0).standard_normal(spoken.length).astype(np.float32)

    def marks(clip):
        turns = Turns(Level())
        return [mark for part in chunks(clip, 0.1) for mark in turns.feed(part)]

    assert marks(Clip(click, RATE)) == marks(Clip.silence(2.0)) == marks(Clip.noise(5.0, dbfs=-50)) == []
    assert all(mark.seconds < 0.6 for mark in marks(loud))
    late = [mark for mark in marks(spoken.with_samples(noisy)) if mark.seconds > 0.6]
    assert [(mark.begins, mark.seconds) for mark in late] == [
        (True, pytest.approx(3, abs=0.1)), (False, pytest.approx(4, abs=0.1))]  # fmt: skip


def word(text, start, end=None):
    return {"text": text, "start": start, "end": start + 0.3 if end is None else end}


def test_words_are_final_once_two_transcripts_agree_and_keep_the_last_spelling():
    both = Agreement()
    assert both.add([word("i", 0), word("am", 0.5)], 1) == []
    assert [one["text"] for one in both.add([word("I", 0), word("an", 0.5), word("apple", 1)], 2)] == ["I"]
    # The final word is known by its time, and where times differ by its letters.
    assert [one["text"] for one in both.add([word("I,", 0.05, 0.4), word("an", 0.5), word("apple.", 1)], 3)] == [
        "an", "apple."]  # fmt: skip
    assert [one["text"] for one in both.end([word("an", 0.5), word("apple", 1.02, 1.5), word("pie", 1.6)])] == ["pie"]
    single = Agreement(needed=1, margin=0.4)
    assert [one["text"] for one in single.add([word("no", 0), word("no", 0.4), word("ye", 0.8)], 1.2)] == ["no", "no"]
    assert [one["text"] for one in single.add([word("no", 0), word("no", 0.4), word("yes", 0.8)], 1.6)] == ["yes"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.sampled_from(["a", "b", "c"]), max_size=6), min_size=1, max_size=8), st.integers(1, 3))
def test_what_is_final_is_what_transcripts_in_a_row_begin_with(texts, needed):
    """Against the definition, with words at fixed times: LocalAgreement-n is the prefix that n transcripts share."""
    both, final, history = Agreement(needed=needed), [], []
    for at, text in enumerate(texts):
        history.append(text)
        new = both.add([word(one, float(place)) for place, one in enumerate(text)], 100.0)
        if at + 1 >= needed:
            last = history[-needed:]
            while all(len(one) > len(final) for one in last) and len({one[len(final)] for one in last}) == 1:
                final.append(last[0][len(final)])
        assert [one["text"] for one in both.final] == final
        assert new == both.final[len(final) - len(new) :]


class Scripted:
    """Predict what a plan says: words or events with times, of the part that is passed, which is found by its samples.

    Sample number n of the recording is n / 1e6, so that a part says where it lies. The last word of a part is cut.
    """

    def __init__(self, target, plan, window=30.0):
        self.plan, self.task, self.adapter = plan, self, self
        self.target, self.text, self.generates = target, target.text, False
        self.window = self.longest_window = window

    def recording(self, seconds):
        return Clip((np.arange(round(seconds * RATE)) / 1e6).astype(np.float32), RATE)

    def __call__(self, clip, words=False):
        start, length = round(float(clip.samples[0, 0]) * 1e6) / RATE, clip.seconds
        inside = [(max(a - start, 0.0), min(b - start, length), text) for a, b, text in self.plan
                  if b > start and a < start + length]  # fmt: skip
        if words:
            said = [{"start": a, "end": b, "text": text[:1] if b == length else text} for a, b, text in inside]
            return Prediction.of({"segments": [{"words": said}] if said else []}, (), length)
        return Prediction.of({"events": [{"onset": a, "offset": b, "label": text, "probability": 0.9}
                                         for a, b, text in inside]}, (), length)  # fmt: skip


def detector(spans):
    """Return a detector that knows the turns."""
    frames = iter(range(1_000_000))

    def detect(frame):
        at = next(frames) * 512 / RATE
        return float(any(start <= at < stop for start, stop in spans))

    return detect


@pytest.mark.parametrize("seconds", [0.1, 0.35, 3.0])
@pytest.mark.parametrize("generates", [False, True])
def test_captions_say_each_word_once_and_know_when(seconds, generates):
    plan = [(1.0 + 0.5 * at, 1.4 + 0.5 * at, f"w{at}") for at in range(50)]  # longer than what is transcribed at once
    plan += [(30.0, 30.5, "bye")]
    model = Scripted(Transcript(), plan)
    model.generates = generates
    listener = listener_for(model, detector([(0.9, 26.0), (29.9, 30.6)]))
    found = messages(listener, chunks(model.recording(33), seconds))
    words = [one for message in found if message.kind == "words" for one in message.content["words"]]
    assert [one["text"] for one in words] == [text for *_, text in plan]
    assert [(one["start"], one["end"]) for one in words] == [pytest.approx(times, abs=1e-3) for *times, _ in plan]
    captions = [message.content["text"] for message in found if message.kind == "caption"]
    assert captions == [" ".join(text for *_, text in plan[:-1]), "bye"]
    assert listener.recent.end == 33
    assert listener.recent.part(0, 33).seconds < 4  # what was said is forgotten


def test_latency_is_what_the_clock_says():
    """A model that takes 0.25 s: its words come 0.6 s after their end, and a step later at the latest."""
    passed = [0.0]
    plan = [(1.0 + at, 1.5 + at, f"w{at}") for at in range(8)]

    class Slow(Scripted):
        def __call__(self, clip, words=False):
            passed[0] += 0.25
            return super().__call__(clip, words)

    model = Slow(Transcript(), plan)
    clock = Clock(lambda: passed[0], sleep=None)
    found = list(listen(listener_for(model, detector([(0.9, 8.8)])), as_if_live(model.recording(10), clock), clock))
    late = [each for heard in found for each in heard.latencies]
    assert len(late) == len(plan)
    assert 0.6 + 0.25 - 0.01 <= min(late) <= max(late) <= 0.6 + 0.25 + 0.4 + 0.1 + 0.01
    line = found[0].as_json()
    assert (line["type"], line["words"][0]["text"], line["at"]) == ("words", "w0", round(found[0].at, 3))


def test_a_file_is_never_heard_before_its_time_and_what_was_missed_comes_at_once():
    now, slept = [0.0], []

    def sleep(seconds):
        slept.append(seconds)
        now[0] += seconds

    clock, heard = Clock(lambda: now[0], sleep), 0.0
    sizes = []
    for chunk in as_if_live(Clip.silence(3.0), clock):
        heard += chunk.seconds
        sizes.append(round(chunk.seconds, 3))
        assert heard <= clock.now() + 1e-9
        now[0] += 0.7 if len(sizes) == 3 else 0.0  # the model computes
    assert heard == pytest.approx(3.0)
    assert sizes[:5] == [0.1, 0.1, 0.1, 0.8, 0.1]
    assert sum(slept) == pytest.approx(2.3)


def test_events_have_onset_and_offset_across_windows():
    plan = [(0.5, 1.2, "bell"), (2.0, 9.0, "rain"), (4.0, 4.5, "bell"), (11.5, 12.0, "bell")]
    model = Scripted(Events(("bell", "rain")), plan, window=5.0)
    found = messages(listener_for(model, detector([])), chunks(model.recording(12), 0.1))
    ended = sorted((one.start, one.end, one.content["label"]) for one in found if one.kind == "event")
    assert [(*map(float, one[:2]), one[2]) for one in ended] == sorted(plan)
    begun = [(one.start, one.content["label"]) for one in found if one.kind == "onset"]
    assert (2.0, "rain") in begun
    order = [(one.kind, one.content["label"]) for one in found if one.start == 2.0]
    assert order == [("onset", "rain"), ("event", "rain")]


def test_a_real_model_captions_a_turn_as_it_transcribes_it(tmp_path_factory):
    model = transcriber(tiny_checkpoint("wav2vec2-layer", tmp_path_factory.mktemp("tiny")), ctc=True)
    clip = talk([-1, 1.5, -1])
    found = messages(listener_for(model, Level()), chunks(clip, 0.1))
    words = [one for message in found if message.kind == "words" for one in message.content["words"]]
    assert words
    assert all(0.7 < one["start"] <= one["end"] < 2.8 for one in words)
    assert all(before["start"] <= after["start"] for before, after in pairwise(words))
    (caption,) = [message.content["text"] for message in found if message.kind == "caption"]
    assert caption == " ".join(one["text"] for one in words)


def test_the_command_tells_the_label_of_each_turn(small_run, tmp_path, monkeypatch, capsys):
    clip = talk([-1, 0.8, -1, 0.6, -1])
    clip.write(tmp_path / "a.wav")
    assert cli.main(["listen", str(small_run), str(tmp_path / "a.wav"), "--fast", "--json"]) == 0
    shown = capsys.readouterr()
    lines = [json.loads(line) for line in shown.out.splitlines()]
    assert [line["type"] for line in lines] == ["turn", "turn"]
    first = lines[0]
    assert (first["start"], first["end"]) == (pytest.approx(1.0, abs=0.1), pytest.approx(1.8, abs=0.1))
    expected = aft.load(small_run)(clip.with_samples(clip.samples[:, round((first["start"] - 0.2) * RATE) :
                                                                  round((first["end"] + 0.2) * RATE)]))  # fmt: skip
    assert first["labels"] == pytest.approx(dict(expected), abs=1e-3)
    assert "latency " in shown.err
    # The same by a pipe, and by a microphone, whose driver is not here.
    samples = (clip.samples[0] * 32_767).astype(np.int16).tobytes()
    monkeypatch.setattr(sys, "stdin", types.SimpleNamespace(buffer=io.BytesIO(samples)))
    assert cli.main(["listen", str(small_run), "-"]) == 0
    piped = capsys.readouterr().out.splitlines()
    assert [len(line.split()) for line in piped] == [8, 8]  # start, end and three labels
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    assert cli.main(["listen", str(small_run)]) == 2
    assert "pip install 'audio-ft[listen]'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["a.wav", "--device", "1"], "leave one of them out"),
        (["a.wav", "--rate", "8000"], "--rate is that of raw samples"),
        (["-", "--fast"], "--fast is for a file"),
    ],
)
def test_options_that_contradict_each_other_are_refused(words, sentence, capsys):
    assert cli.main(["listen", "nowhere", *words]) == 2
    assert sentence in capsys.readouterr().err


def test_a_microphone_is_read_by_its_name(monkeypatch):
    from audio_ft.inference.streaming.live import from_microphone

    class Stream:
        def __init__(self, rate, size, device, channels, dtype, callback):
            assert (rate, size, device, channels, dtype) == (48_000, 4_800, "USB", 1, "int16")
            self.callback = callback

        def __enter__(self):
            self.callback(b"\x00\x40" * 4_800, 4_800, None, None)

        def __exit__(self, *error):
            pass

    def query_devices(name=None, kind=None):
        if kind and name != "USB":
            raise ValueError("No input device matching 'x'")
        one = {"name": "USB audio", "default_samplerate": 48_000.0, "max_input_channels": 1}
        return one if kind else [one]

    fake = types.SimpleNamespace(RawInputStream=Stream, query_devices=query_devices, PortAudioError=OSError)
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    chunk = next(from_microphone("USB", Clock()))
    assert (chunk.rate, chunk.length, float(chunk.samples[0, 0])) == (48_000, 4_800, 0.5)
    with pytest.raises(InputError, match="--device takes one of: USB audio"):
        next(from_microphone("x", Clock()))
    with pytest.raises(InputError, match="rate of raw samples"):
        next(from_samples(io.BytesIO(b""), 0))
