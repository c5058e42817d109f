"""What holds for all input: chains keep form and rate, parts lie inside their files, scores keep their bounds."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_ft.audio.clip import Clip, read, write
from audio_ft.cleaning.chain import DEFAULT_CHAIN, Chain
from audio_ft.cleaning.place import source_of
from audio_ft.cleaning.steps import Mono, Resample
from audio_ft.data import Data, load
from audio_ft.errors import AudioError, InputError
from audio_ft.metrics import direction, score
from audio_ft.metrics.samples import LabelSample, LabelsSample, NumberSample, Sample, TextSample

SECONDS = 2.0


@given(
    length=st.integers(0, 12_000),
    channels=st.integers(1, 3),
    rate=st.sampled_from([8_000, 16_000, 22_050, 44_100]),
    gain=st.sampled_from([0.0, 1e-6, 0.1, 2.0]),
    seed=st.integers(0, 9),
)
@settings(max_examples=40, deadline=None)
def test_the_default_chain_gives_mono_at_the_rate_of_models_and_is_repeatable(length, channels, rate, gain, seed):
    noise = np.random.default_rng(seed).standard_normal((channels, length)).astype(np.float32)
    clip = Clip(gain * noise, rate)
    cleaned = DEFAULT_CHAIN(clip)
    assert (cleaned.channels, cleaned.rate, cleaned.samples.dtype) == (1, 16_000, np.float32)
    assert np.isfinite(cleaned.samples).all()
    # Steps cut and never stretch: at most what resampling gives, to a sample.
    assert cleaned.length <= np.ceil(length * 16_000 / rate) + 1
    assert np.array_equal(DEFAULT_CHAIN(clip).samples, cleaned.samples)
    assert np.array_equal(clip.samples, gain * noise)
    form = Chain((Resample(), Mono()))
    once = form(clip)
    assert np.array_equal(form(once).samples, once.samples)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("parts")
    for name in "abc":
        write(Clip.tone(300 + ord(name), SECONDS), folder / f"{name}.wav")
    return folder


PARTS = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 2_500), st.integers(0, 2_500)), min_size=2, max_size=8, unique=True
)


@given(parts=PARTS)
@settings(max_examples=20, deadline=None)
def test_a_part_is_read_from_inside_its_file_and_has_a_key_of_its_own(recordings, parts):
    rows = [{"file_name": f"{name}.wav", "start": start / 1000, "end": end / 1000, "label": ["no", "yes"][row % 2]}
            for row, (name, start, end) in enumerate(parts)]  # fmt: skip
    (recordings / "labels.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    data = Data(str(recordings / "labels.jsonl"), start="start:s", end="end:s")
    if any(start >= end for _, start, end in parts):
        with pytest.raises(InputError, match="start"):
            load(data, need=("train",))
        return
    table = load(data, need=("train",)).splits["train"]
    assert len(set(table["key"])) == len(table) == len(parts)
    for row in table:
        name, start, end = re.fullmatch(r"([abc])\.wav#([\d.]+)-([\d.]+)", row["key"]).groups()
        assert (name, round(1000 * float(start)), round(1000 * float(end))) in parts
        try:
            clip = read(source_of(row))
        except AudioError:
            refused = True
        else:
            refused = False
            assert clip.seconds == pytest.approx(min(float(end), SECONDS) - float(start), abs=2e-4)
        assert refused == (float(start) >= SECONDS)


def drawn(kind: str, seed: int, clips: int, *, perfect: bool = False) -> Sample:
    """Return predictions and references of a kind."""
    rng = np.random.default_rng(seed)
    if kind == "label":
        truth = np.arange(clips) % 3
        odds = np.eye(3)[truth] if perfect else rng.dirichlet(np.ones(3), clips)
        return LabelSample.checked(odds, truth, ("a", "b", "c"))
    if kind == "labels":
        truth = (rng.random((clips, 3)) < 0.5).astype(int)
        truth[0], truth[1] = 1, 0
        return LabelsSample.checked(truth.astype(float) if perfect else rng.random((clips, 3)), truth, ("a", "b", "c"))
    if kind == "number":
        values = rng.normal(size=clips)
        return NumberSample.checked(values if perfect else rng.normal(size=clips), values)
    words = np.array(["one", "two", "three", "four"])
    texts = [" ".join(rng.choice(words, 1 + clip % 4)) for clip in range(clips)]
    guesses = [" ".join(rng.choice(words, rng.integers(0, 5))) for _ in range(clips)]
    return TextSample.checked(texts if perfect else guesses, texts)


def ordered(sample: Sample, order: np.ndarray) -> Sample:
    return type(sample).checked(
        np.asarray(sample.predictions)[order].tolist(), np.asarray(sample.references)[order].tolist(), sample.labels
    )


@pytest.mark.parametrize("kind", ["label", "labels", "number", "transcript"])
@given(seed=st.integers(0, 1_000), clips=st.integers(4, 30), grouped=st.booleans())
@settings(max_examples=12, deadline=None)
def test_scores_keep_their_bounds_and_do_not_look_at_the_order(kind, seed, clips, grouped):
    sample = drawn(kind, seed, clips)
    groups = [f"s{clip % 3}" for clip in range(clips)] if grouped else None
    found = score(sample, groups=groups, resamples=20)
    assert found
    for name, one in found.items():
        assert np.isfinite(one.value)
        assert np.isnan(one.low) or one.low <= one.value <= one.high, name
        if direction(name):
            assert -1 <= one.value <= 1
        else:
            assert one.value >= 0
    order = np.random.default_rng(seed).permutation(clips)
    again = score(ordered(sample, order), groups=groups and [groups[clip] for clip in order], resamples=2)
    assert {name: one.value for name, one in again.items()} == pytest.approx(
        {name: one.value for name, one in found.items()}, abs=1e-12
    )


@pytest.mark.parametrize("kind", ["label", "labels", "number", "transcript"])
@given(seed=st.integers(0, 1_000), clips=st.integers(4, 30))
@settings(max_examples=12, deadline=None)
def test_a_perfect_model_scores_one_or_no_error(kind, seed, clips):
    for name, one in score(drawn(kind, seed, clips, perfect=True), resamples=2).items():
        assert one.value == pytest.approx(float(direction(name)), abs=1e-12), name
