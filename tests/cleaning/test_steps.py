"""What every step owes: a new step in audio_ft/steps/ is picked up from the folder unaided."""

from __future__ import annotations

import importlib
import inspect
import json
import pickle
import pkgutil
from dataclasses import FrozenInstanceError, dataclass, fields, is_dataclass
from typing import ClassVar, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import audio_ft.cleaning.steps
from audio_ft.audio.clip import Clip
from audio_ft.cleaning.step import Step
from audio_ft.errors import InputError

for _module in pkgutil.iter_modules(audio_ft.cleaning.steps.__path__):
    importlib.import_module(f"audio_ft.cleaning.steps.{_module.name}")

STEPS = {
    name: step
    for name, step in sorted(Step.registered().items())
    if step.__module__.startswith("audio_ft.cleaning.steps.")
}


def noise(channels: int, length: int, seed: int = 0) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal((channels, length))).astype(np.float32)


CLIPS = {
    "mono": Clip(noise(1, 8_000), 16_000),
    "stereo": Clip(noise(2, 22_050), 44_100),
    "anti-phase": Clip(noise(1, 8_000) * np.array([[1], [-1]]), 16_000),
    "seven channels": Clip(noise(7, 4_000), 8_000),
    "silent": Clip(np.zeros((2, 8_000)), 16_000),
    "offset": Clip(np.full((2, 8_000), 0.25), 16_000),
    "full scale": Clip(np.sign(noise(1, 8_000)), 16_000),
    "far above full scale": Clip(1e6 * noise(1, 8_000), 16_000),
    "faint": Clip(1e-30 * noise(1, 8_000), 16_000),
    "empty": Clip(np.zeros((2, 0)), 44_100),
    "one sample": Clip(np.full((2, 1), 0.5), 48_000),
    "two samples": Clip(noise(1, 2), 16_000),
    "very short": Clip(noise(2, 37), 8_000),
    "low rate": Clip(noise(1, 300), 200),
}


@pytest.fixture(params=STEPS.values(), ids=STEPS.keys())
def step(request) -> Step:
    return request.param()


@pytest.fixture(params=CLIPS.values(), ids=CLIPS.keys())
def clip(request) -> Clip:
    return request.param


def test_every_step_file_is_exported():
    assert sorted(audio_ft.cleaning.steps.__all__) == list(STEPS)
    assert len(STEPS) >= 9


def test_step_returns_finite_float32_and_keeps_its_input(step, clip):
    before = clip.samples.copy()
    notes = clip.notes
    cleaned = step(clip)
    assert isinstance(cleaned, Clip)
    assert cleaned.samples.dtype == np.float32
    assert cleaned.samples.ndim == 2
    assert np.isfinite(cleaned.samples).all()
    assert cleaned.rate == step.output_rate(clip.rate)
    assert cleaned.notes[: len(notes)] == notes
    assert np.array_equal(clip.samples, before)
    assert clip.notes == notes


def test_step_is_deterministic(step, clip):
    first, second = step(clip), pickle.loads(pickle.dumps(step))(clip)
    assert np.array_equal(first.samples, second.samples)
    assert (first.rate, first.notes) == (second.rate, second.notes)


def test_step_never_removes_a_whole_clip(step, clip):
    assert bool(step(clip).length) == bool(clip.length)


def test_step_survives_json_and_pickle(step):
    written = json.loads(json.dumps(step.to_dict(), allow_nan=False))
    assert Step.from_dict(written) == step
    assert Step.from_dict(written).to_dict() == step.to_dict()
    assert pickle.loads(pickle.dumps(step)) == step
    assert hash(Step.from_dict(written)) == hash(step)
    assert written["step"] == type(step).__name__
    assert written["version"] == type(step).version


def test_step_is_a_frozen_dataclass_with_defaults(step):
    assert is_dataclass(step)
    assert Step.from_dict({"step": type(step).__name__}) == step
    for field in fields(step):
        with pytest.raises(FrozenInstanceError):
            setattr(step, field.name, getattr(step, field.name))


def test_step_is_documented(step):
    text = inspect.getdoc(type(step))
    assert text != inspect.getdoc(Step)
    assert text.splitlines()[0].endswith(".")
    for field in fields(step):
        assert field.name in text, f"{field.name} is not explained"


def test_step_describes_itself_in_one_phrase(step):
    phrase = step.describe()
    assert 5 < len(phrase) < 100
    assert phrase[0].islower()
    assert not phrase.endswith(".")


@settings(max_examples=25, deadline=None)
@given(
    length=st.integers(0, 3_000),
    channels=st.integers(1, 3),
    rate=st.sampled_from([8_000, 11_025, 16_000, 44_100, 48_000]),
    gain=st.sampled_from([0.0, 1e-6, 0.01, 1.0, 100.0]),
    offset=st.sampled_from([0.0, -0.3]),
    seed=st.integers(0, 99),
)
@pytest.mark.parametrize("kind", STEPS.values(), ids=STEPS.keys())
def test_step_accepts_any_clip(kind, length, channels, rate, gain, offset, seed):
    clip = Clip(gain * noise(channels, length, seed) + offset, rate)
    cleaned = kind()(clip)
    assert np.isfinite(cleaned.samples).all()
    assert bool(cleaned.length) == bool(length)


# --- the base class


@dataclass(frozen=True)
class Fade(Step):
    """Raise the first `milliseconds` linearly."""

    version: ClassVar[int] = 3
    milliseconds: float = 5.0
    shape: Literal["linear", "cosine"] = "linear"
    times: int = 1
    channel: int | None = None
    bands: tuple[float, ...] = ()

    def check(self) -> None:
        self.require(self.milliseconds >= 0, "milliseconds", "0 ms or more")

    def __call__(self, clip: Clip) -> Clip:
        return clip


def test_a_step_of_ones_own_registers_itself():
    fade = Fade(milliseconds=7, bands=[1.0, 2.0])
    written = json.loads(json.dumps(fade.to_dict()))
    assert written == {
        "step": "Fade",
        "version": 3,
        "milliseconds": 7.0,
        "shape": "linear",
        "times": 1,
        "channel": None,
        "bands": [1.0, 2.0],
    }
    assert Step.from_dict(written) == fade
    assert Fade().describe().startswith("fade (milliseconds 5.0, ")


def test_numbers_of_any_kind_are_one_setting():
    assert Fade(40).to_dict() == Fade(40.0).to_dict() == Fade(np.float32(40)).to_dict()
    assert json.dumps(Fade(40).to_dict()) == json.dumps(Fade(np.int64(40)).to_dict())
    assert Fade(times=np.int32(2), channel=1.0).to_dict()["channel"] == 1


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"milliseconds": -1}, r"Fade\.milliseconds: expected 0 ms or more, got -1\.0"),
        ({"milliseconds": "5"}, r"Fade\.milliseconds: expected a number, got '5'"),
        ({"milliseconds": float("nan")}, r"expected a number, got nan"),
        ({"milliseconds": True}, r"expected a number, got True"),
        ({"shape": "linaer"}, r"Fade\.shape: expected one of linear, cosine, got 'linaer'"),
        ({"times": 1.5}, r"Fade\.times: expected a whole number, got 1\.5"),
        ({"channel": "left"}, r"Fade\.channel: expected a whole number, got 'left'"),
    ],
)
def test_a_wrong_setting_is_named(wrong, says):
    with pytest.raises(InputError, match=says):
        Fade(**wrong)


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ({"step": "Trimm"}, "unknown step 'Trimm'. Did you mean 'Trim'\\?"),
        ({"step": None}, 'step: expected {"step": name'),
        ({"step": ["Trim"]}, 'step: expected {"step": name'),
        ({}, 'step: expected {"step": name'),
        ({"step": "Trim", "top_bd": 3}, "Trim has no setting 'top_bd'. Did you mean 'top_db'\\?"),
        ({"step": "Fade", "version": 4}, "saved as version 4, this audio_ft has version 3, .*: upgrade audio_ft"),
        ({"step": "Fade", "version": 2}, "saved as version 2, this audio_ft has version 3, .*: install the audio_ft"),
    ],
)
def test_what_cannot_be_read_back_says_why(written, says):
    with pytest.raises(InputError, match=says):
        Step.from_dict(written)


def test_a_built_in_name_cannot_be_taken():
    with pytest.raises(InputError, match="a step named 'Trim' ships with audio_ft"):
        type("Trim", (Step,), {"__module__": "mine"})
    assert Step.registered()["Trim"] is audio_ft.cleaning.steps.Trim


def test_defining_a_step_of_ones_own_again_takes_the_newer_one():
    first = type("Again", (Step,), {"__module__": "notebook", "__call__": lambda self, clip: clip})
    second = type("Again", (Step,), {"__module__": "notebook", "__call__": lambda self, clip: clip})
    assert first is not second
    assert type(Step.from_dict({"step": "Again"})) is second


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("Resample", {"rate": 0}),
        ("Mono", {"channel": -1}),
        ("Trim", {"top_db": 0}),
        ("Trim", {"min_seconds": -1}),
        ("Trim", {"pad_seconds": -0.1}),
        ("Trim", {"highpass": -5}),
        ("LowPass", {"cutoff": 0}),
        ("HighPass", {"cutoff": -50}),
        ("HighPass", {"order": 0}),
        ("BandPass", {"low": 0}),
        ("BandPass", {"low": 500, "high": 500}),
        ("BandPass", {"order": 13}),
        ("Normalize", {"method": "loudness"}),
        ("Normalize", {"dbfs": 3}),
        ("PreEmphasis", {"coefficient": 1.1}),
        ("Denoise", {"reduction_db": -1}),
        ("Denoise", {"quantile": 0}),
        ("Denoise", {"quantile": 1}),
        ("WaveletDenoise", {"strength": -1}),
        ("Loudness", {"lufs": 3}),
        ("TrimVoice", {"threshold": 1}),
    ],
)
def test_a_setting_out_of_range_is_refused_by_name(name, wrong):
    setting = list(wrong)[-1]
    with pytest.raises(InputError, match=rf"{name}\.{setting}: expected .+, got "):
        STEPS[name](**wrong)
