"""Settings: what a field may hold is checked on every way in, in one sentence; JSON gives the same back."""

from __future__ import annotations

import dataclasses
import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_ft import Data, Recipe, Run, Text
from audio_ft.augmentation import Gain, Mixup, Noise, SpecAugment, Speed
from audio_ft.augmentation.base import Augment
from audio_ft.cleaning.chain import Chain
from audio_ft.cleaning.step import Step
from audio_ft.cleaning.steps import BandPass, Mono, Normalize, Resample, Trim
from audio_ft.errors import InputError, did_you_mean
from audio_ft.settings import NamedSettings, Settings
from audio_ft.settings.rules import LARGEST_SEED, number, whole

OURS = "audio_ft."
KINDS: list[type[Settings]] = [Recipe, Data, Text, Chain]
KINDS += [kind for kind in Step.registered().values() if kind.__module__.startswith(OURS)]
KINDS += [kind for kind in Augment.registered().values() if kind.__module__.startswith(OURS)]
NEEDED: dict[type[Settings], dict[str, Any]] = {Recipe: {"model": "m", "data": "d"}, Data: {"path": "d"}}


@dataclass(frozen=True)
class Fade(Settings):
    """Raise the first `seconds`."""

    prefix: ClassVar[str] = "fade"
    shorthand: ClassVar[str] = "seconds"

    seconds: Annotated[float, number(0, 60, above=True, unit="s")]
    shape: Literal["linear", "cosine"] = "linear"
    channel: Annotated[int | None, whole(0)] = None
    bands: tuple[float, ...] = ()
    more: dict[str, Any] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True)
class Both(Settings):
    """Fade in and out."""

    start: Fade
    end: Fade | None = None


# ---- one sentence


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"seconds": "x"}, "fade.seconds: expected a number above 0 and at most 60 s, got 'x'"),
        ({"seconds": 0}, "fade.seconds: expected a number above 0 and at most 60 s, got 0"),
        ({"shape": "linaer"}, "fade.shape: expected one of linear, cosine, got 'linaer'. Did you mean 'linear'?"),
        ({"shape": "zigzag"}, "fade.shape: expected one of linear, cosine, got 'zigzag'"),
        ({"channel": -1}, "fade.channel: expected a whole number of 0 or more, got -1"),
        ({"bands": [1, "two"]}, "fade.bands: expected a list, each of it a number, got [1, 'two']"),
        ({"more": {"a": float("nan")}}, "fade.more: expected text, a number, true, false, null, or a list or table of "
                                        "them, got {'a': nan}"),
        ({"sceonds": 1}, "fade has no setting 'sceonds'. Did you mean 'seconds'?"),
        ({"zzzzzzzz": 1}, "fade has no setting 'zzzzzzzz'. There are bands, channel, more, seconds, shape."),
    ],
)  # fmt: skip
def test_one_sentence_says_what_is_wrong(wrong: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError) as told:
        Fade.from_dict({"seconds": 1, **wrong})
    assert str(told.value) == sentence


def test_settings_in_settings_are_taken_as_themselves_as_tables_and_by_their_shorthand() -> None:
    assert Both(Fade(1)) == Both.from_dict({"start": {"seconds": 1}}) == Both.from_dict({"start": 1.0})
    assert Both.from_dict(json.loads(json.dumps(Both(Fade(1), Fade(2)).to_dict()))) == Both(Fade(1.0), Fade(2.0))
    assert Both(Fade(1)).replace(end=2).end == Fade(2)
    for start, said in (
        ("x", "fade.seconds: expected"),
        ({}, "fade needs the setting 'seconds'"),
        (None, "fade.seconds"),
    ):
        with pytest.raises(InputError, match=said):
            Both(start)


def test_a_name_is_suggested_whatever_its_case() -> None:
    assert did_you_mean("trim", ["Trim", "Mono"]) == " Did you mean 'Trim'?"
    assert did_you_mean("qqqq", ["Trim", "Mono"]) == ""
    assert did_you_mean("qqqq", ["Trim", "Mono"], list_all=True) == " There are Mono, Trim."
    assert did_you_mean("--out", ["--quiet", "--output-dir"]) == " Did you mean '--output-dir'?"


def test_messages_state_the_bounds() -> None:
    assert number().expected == "a number"
    assert number(0, 1, below=True).expected == "a number from 0 to below 1"
    assert number(high=0, unit="dB").expected == "a number of 0 or less dB"
    assert whole(1).expected == "a whole number of 1 or more"


# ---- absurd values


def deep(depth: int = 100_000) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


ABSURD = [
    10**400, -(10**400), 10**5000, float("nan"), float("inf"), -1, 2**63, 1e308, True, None, 1j, Fraction(1, 3),
    np.float32(1), np.arange(3), "", "x" * 10**6, "\ud800", "a\0b", b"bytes", object(), [], [[]], [1, 2], [None],
    {}, {1: 2}, {"a": float("inf")}, {"\ud800": 1}, {"a": 10**400}, {"path": 3}, {"step": []}, deep(), deep(50),
    {"a": deep(50)},
    Path("somewhere"), {1, 2}, print, int, "None", Trim, [Trim], "Trim,Mono", "Gain", "balanced",
    "layers:" + "9" * 5000,
]  # fmt: skip


def made_or_refused(make: Callable[[], Any]) -> Any:
    """Return what was made, or None where it was refused in one short sentence."""
    said = ""
    try:
        return make()
    except InputError as error:
        said = str(error)
    assert said
    assert len(said) < 600
    assert "\n" not in said
    return None


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_absurd_value_is_taken_whole_or_refused_in_one_sentence(kind: type[Settings]) -> None:
    for field in dataclasses.fields(kind):
        for value in ABSURD:
            plain = {**NEEDED.get(kind, {}), field.name: value}
            made = made_or_refused(lambda: kind(**plain))  # noqa: B023  (called at once)
            if made is None:
                continue
            written = json.dumps(made.to_dict(), allow_nan=False)
            assert written.encode()
            assert type(made).from_dict(json.loads(written)) == made


@pytest.mark.parametrize(
    "value",
    [
        "9" * 5000,
        "[" * 100_000,
        '{"a":' * 500,
        "NaN",
        "-Infinity",
        "1e999",
        "{}",
        "[[]]",
        "",
        "\ud800",
        "null",
        "x" * 10**5,
    ],
    ids=lambda value: value[:10],
)
def test_an_absurd_assignment_is_taken_whole_or_refused_in_one_sentence(value: str) -> None:
    recipe = Recipe(model="m", data=Data("d"))
    parts = {"data": Data, "text": Text, "extra_eval": Data}
    names = [field.name for field in dataclasses.fields(Recipe)] + ["learning_rate", "no_such_thing"]
    names += [f"{part}.{field.name}" for part, kind in parts.items() for field in dataclasses.fields(kind)]
    for name in names:
        made = made_or_refused(lambda: recipe.override([f"{name}={value}"]))  # noqa: B023  (called at once)
        assert made is None or Recipe.from_dict(json.loads(json.dumps(made.to_dict(), allow_nan=False))) == made


@pytest.mark.parametrize("plain", [3, None, [], "Trim", {"step": "Trim", "version": 10**400}, {"step": "x" * 10**6}])
@pytest.mark.parametrize("kind", [Recipe, Data, Text, Step, Augment])
def test_values_that_are_not_a_table_of_settings_are_refused(kind: type[Settings], plain: Any) -> None:
    with pytest.raises(InputError) as told:
        kind.from_dict(plain)
    assert len(str(told.value)) < 600


# ---- JSON and back

words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
some = st.none() | words
share = st.floats(0, 0.49)
data = st.builds(
    Data,
    path=words.filter(bool),
    name=some,
    revision=some,
    audio=some,
    target=some,
    group=some,
    where=st.lists(st.sampled_from(["language=en", "age>3", "sex!=f"]), max_size=3),
    splits=st.none() | st.dictionaries(words, st.sampled_from(["train", "validation", "test"]), max_size=3),
    validation=share,
    test=share,
    seed=st.integers(0, LARGEST_SEED),
    limit=st.none() | st.integers(1, 2**40),
    language=some,
)
text = st.builds(
    Text,
    language=st.sampled_from([None, "fr", "French", "pt-BR"]),
    case=st.sampled_from([None, "keep", "lower", "upper"]),
    unicode=st.sampled_from(["NFC", "NFKC", "NFD", "NFKD"]),
    digits=st.sampled_from(["keep", "refuse"]),
    prompt=words,
    timestamps=st.booleans(),
)
positive = st.floats(1e-3, 1e3)
step = st.one_of(
    st.builds(Trim, top_db=positive, min_seconds=positive),
    st.builds(Resample, rate=st.integers(1, 192_000)),
    st.builds(Mono, channel=st.none() | st.integers(0, 8)),
    st.builds(BandPass, low=st.floats(1, 100), high=st.floats(101, 1e4), order=st.integers(1, 12)),
    st.builds(Normalize, method=st.sampled_from(["peak", "rms", "minmax"]), dbfs=st.none() | st.floats(-60, 0)),
)
spans = st.tuples(st.floats(-50, 0), st.floats(0, 50))
chance = st.floats(0, 1)
augment = st.one_of(
    st.builds(Gain, db=st.floats(0, 60) | spans, probability=chance),
    st.builds(Noise, snr=spans, kind=st.sampled_from(["white", "any"]), folder=st.none() | words.filter(bool)),
    st.builds(Speed, range=st.tuples(st.floats(0.5, 1), st.floats(1, 2)), probability=chance),
    st.builds(SpecAugment, time_share=st.floats(0, 0.9), time_length=st.integers(1, 100), probability=chance),
    st.builds(Mixup, alpha=st.floats(0.01, 100)),
)
value = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63) + 1, 2**63 - 1) | st.floats(-1e300, 1e300) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=5,
)  # fmt: skip
recipe = st.builds(
    Recipe,
    model=words.filter(bool),
    data=data | words.filter(bool),
    name=words,
    task=st.sampled_from(["classification", "ctc", "transcription"]),
    text=text,
    chain=st.lists(step, max_size=4),
    augment=st.none() | st.lists(augment, max_size=3),
    window=st.none() | st.floats(0.01, 3600),
    dropout=st.none() | st.floats(0, 0.99),
    class_weights=st.none() | st.just("balanced") | st.dictionaries(words, positive, max_size=3),
    freeze=st.sampled_from(["none", "feature_encoder", "layers:3", "encoder", "gradual"]),
    peft=st.sampled_from([None, "lora", "adapter"]),
    wise_ft_alpha=st.none() | st.floats(0, 1),
    extra_eval=st.none() | data,
    metric=some,
    seed=st.integers(0, LARGEST_SEED),
    training=st.dictionaries(st.sampled_from(["learning_rate", "optim"]) | words, value, max_size=3),
    consent=words,
)  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "strategy"),
    [(Data, data), (Text, text), (Step, step), (Augment, augment), (Recipe, recipe)],
    ids=lambda item: item.__name__ if inspect.isclass(item) else "",
)
def test_json_gives_the_same_settings_back(kind: type[Settings], strategy: st.SearchStrategy[Settings]) -> None:
    @settings(max_examples=60, deadline=None)
    @given(made=strategy)
    def same(made: Settings) -> None:
        written = json.dumps(made.to_dict(), allow_nan=False)
        again = kind.from_dict(json.loads(written))
        assert again == made
        assert json.dumps(again.to_dict()) == written
        if isinstance(made, NamedSettings):
            assert hash(again) == hash(made)

    same()


# ---- files of audio_ft 0.1


@pytest.mark.parametrize("plain", [{"model": "m", "data": {"path": "d"}, "licence": "mit"}, {"format": 1, "steps": []}])
def test_files_of_another_version_say_what_to_do(tmp_path: Path, plain: dict[str, Any]) -> None:
    said = "was written by audio_ft 0.1, and 0.2 reads its own files only. Train again, or use audio_ft 0.1 for it"
    for name, load in (
        ("recipe.json", Recipe.load),
        ("chain.json", Chain.load),
        ("run.json", lambda _: Run.load(tmp_path)),
    ):
        file = tmp_path / name
        file.write_text(json.dumps(plain))
        with pytest.raises(InputError, match=said) as told:
            load(file)
        assert str(told.value).startswith(str(file))
        file.write_text(json.dumps(plain | {"format": 99}))
        with pytest.raises(InputError, match="expected format 2, got 99; upgrade audio-ft"):
            load(file)


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b"[" * 100_000, b'{"format": ' + b"9" * 5000 + b"}"])
def test_a_file_that_holds_something_else_is_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "recipe.json"
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"recipe\.json: (not valid JSON|expected a JSON object)"):
        Recipe.load(file)
