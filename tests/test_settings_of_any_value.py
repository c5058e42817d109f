"""Every field of Data, Text and Recipe takes a value or refuses it in a sentence, whatever the value, on every door."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_ft.cleaning.chain import Chain
from audio_ft.data import Data
from audio_ft.errors import InputError
from audio_ft.recipe import PARTS, Recipe
from audio_ft.settings import Settings
from audio_ft.settings.names import ALIASES
from audio_ft.targets.transcripts import Text
from audio_ft.training.resolving.arguments import RENAMED, check_training

NEEDED: dict[type[Settings], dict[str, Any]] = {Data: {"path": "d"}, Text: {}, Recipe: {"model": "m", "data": "d"}}
FIELDS = [(kind, field.name) for kind in NEEDED for field in dataclasses.fields(kind)]


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


ABSURD = [
    None, True, "", " ", "\0", "\ud800", "é" * 5_000, 10**12, -(10**12), 10**400, int("9" * 4_000), 0.5, -1, 1e308,
    math.nan, math.inf, -math.inf, [], [[]], [None], ["a", 1], {}, {"a": None}, {1: 2}, {"": ""}, b"bytes", 1j,
    object(), nested(30), nested(900), "9" * 5_000, "[" * 5_000, "{}{}", "{", "a:b", "none", "*", "[", "\\", "a,b,,c",
    ",", {"a", "b"},
]  # fmt: skip
TEXTS = ["9" * 5_000, "1e999", "NaN", "-Infinity", "[" * 9_999, "\0", "{", '{"a": 1}', "", "[]"]
FILES = ["NaN", "9" * 5_000, "[" * 9_999, '{"steps": NaN}', '{"steps": [{"step": 1}]}', "{}"]
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(ABSURD),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def accepted(make: Any) -> Any:
    """Return what is made, or None where it is refused in one line."""
    try:
        return make()
    except InputError as error:
        sentence = str(error)
    assert "\n" not in sentence
    assert len(sentence) < 2_000
    return None


@pytest.mark.parametrize(("kind", "field"), FIELDS, ids=lambda part: getattr(part, "__name__", part))
def test_a_field_takes_or_refuses_any_value(kind, field):
    for value in ABSURD:
        check(kind, field, value)


@settings(max_examples=25, deadline=None)
@given(value=ANY, place=st.sampled_from(FIELDS))
def test_a_field_takes_or_refuses_any_generated_value(value, place):
    check(*place, value)


def check(kind: type[Settings], field: str, value: Any) -> None:
    made = accepted(lambda: kind(**NEEDED[kind] | {field: value}))
    assert (made is None) == (accepted(lambda: kind.from_dict(NEEDED[kind] | {field: value})) is None)
    if made is not None:
        plain = json.loads(json.dumps(made.to_dict(), allow_nan=False))
        assert kind.from_dict(plain) == made
        hash(json.dumps(plain, sort_keys=True).encode())


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize(("kind", "field"), FIELDS, ids=lambda part: getattr(part, "__name__", part))
def test_the_command_line_takes_or_refuses_any_text(kind, field, text):
    name = {Data: "data.", Text: "text.", Recipe: ""}[kind] + field
    accepted(lambda: Recipe(model="m", data="d").override([f"{name}={text}"]))


@pytest.mark.parametrize("content", FILES)
def test_a_file_of_settings_is_read_or_refused(tmp_path, content):
    for name, load in (("recipe.json", Recipe.load), ("chain.json", Chain.load)):
        (tmp_path / name).write_text(content)
        accepted(lambda load=load, name=name: load(tmp_path / name))


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("group_by_length", "always batched together"),
        ("predict_with_generate", "always generated for scores"),
        ("evaluation_strategy", "Did you mean 'eval_strategy'"),
        ("fp16_full_eval", "scores are computed in float32; precision=fp16"),
        ("freeze_feature_encoder", "freeze=feature_encoder"),
        ("max_train_samples", "data.limit"),
    ],
)
def test_settings_of_tutorials_are_answered_with_our_name(name, answer):
    with pytest.raises(InputError, match=answer):
        check_training(Recipe(model="m", data="d").override([f"{name}=true"]))


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("target=word", "data.target=word"),
        ("speaker_column=voice", "data.group=voice"),
        ("where=a=1", "data.where=a=1"),
        ("language=fr", "text.language=fr"),
        ("threshold=each", "events.threshold=each"),
        ("lr=1e-4", "learning_rate=1e-4"),
        ("batch_size=4", "per_device_train_batch_size=4"),
        ("max_epochs=2", "num_train_epochs=2"),
        ("early_stopping_patience=3", "patience=3"),
        ("seed=3", "seed=3"),
    ],
)
def test_names_that_people_type_mean_ours(typed, meant):
    recipe = Recipe(model="m", data="d")
    assert recipe.override([typed]) == recipe.override([meant]) != recipe


def test_no_name_that_people_type_hides_a_setting_that_there_is():
    from transformers import TrainingArguments

    known = {field.name for kind in (TrainingArguments, Recipe) for field in dataclasses.fields(kind)}
    assert not known & set(ALIASES)
    for name in ALIASES.values():
        part, _, inner = name.rpartition(".")
        assert inner in ({field.name for field in dataclasses.fields(PARTS[part])} if part else known)
    # Without its part, a setting of data, text or events is never one of TrainingArguments.
    inner = {field.name for kind in PARTS.values() for field in dataclasses.fields(kind)}
    assert not inner & {field.name for field in dataclasses.fields(TrainingArguments)} - {"seed"}


def test_a_training_setting_under_another_name_is_answered_in_python():
    with pytest.raises(InputError, match="lr is not a setting here: it is called learning_rate"):
        check_training(Recipe(model="m", data="d", training={"lr": 1e-4}))


def test_no_answer_hides_a_setting_that_there_is():
    from transformers import TrainingArguments

    assert not {field.name for kind in (TrainingArguments, Recipe) for field in dataclasses.fields(kind)} & set(RENAMED)
