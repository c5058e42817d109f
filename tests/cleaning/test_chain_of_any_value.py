"""Every field of every cleaning step takes a value or refuses it in a sentence, in memory and in chain.json."""

from __future__ import annotations

import dataclasses
import json
from contextlib import suppress

import numpy as np
import pytest

from audio_ft.audio.clip import Clip
from audio_ft.cleaning.chain import Chain
from audio_ft.cleaning.step import Step
from audio_ft.errors import AudioError
from tests.test_settings_of_any_value import ABSURD, accepted

FIELDS = [(name, field) for name, step in sorted(Step.registered().items()) if step.__module__.startswith("audio_ft")
          for field in (*(own.name for own in dataclasses.fields(step)), "version", "step", "unknown")]  # fmt: skip
# As they may be written in a file; JSON has no NaN, and Python refuses integers of over 4,300 digits.
WRITTEN = ("1e-999", "-0.0", "[[[[1]]]]", "NaN",
           "-Infinity", "1e999", "9" * 5_000, "-1" + "0" * 400, "0." + "9" * 5_000, "[" * 9_999, "[]", "{}",
           '{"a": 1}', "true", "null", '""', '"\\ud800"', '"' + "a" * 5_000 + '"')  # fmt: skip
NEEDED = {"low": 50, "high": 3_000, "frequency": 50, "cutoff": 50}
CLIP = Clip(np.sin(np.arange(800, dtype=np.float32) / 4)[None], 8_000)


def step_of(name):
    required = (own.name for own in dataclasses.fields(Step.registered()[name])
                if own.default is dataclasses.MISSING and own.default_factory is dataclasses.MISSING)  # fmt: skip
    return {"step": name} | {own: NEEDED.get(own, 1_000) for own in required}


def check(chain):
    """Write a chain that is taken, read it back, describe it, and use it on a clip."""
    plain = json.loads(json.dumps(chain.to_list(), allow_nan=False))
    again = Chain.from_dict({"steps": plain})
    assert again.digest == chain.digest
    assert chain.describe()
    if chain.output_rate(CLIP.rate) > 100_000:
        return  # it would take long
    with suppress(AudioError):  # a recording that cannot be cleaned so, which is excluded
        assert np.isfinite(chain(CLIP).samples).all()


def test_every_step_is_made_of_what_it_needs():
    for name in sorted({name for name, _ in FIELDS}):
        assert Chain.from_dict({"steps": [step_of(name)]}).steps


@pytest.mark.parametrize(("name", "field"), FIELDS)
def test_a_field_of_a_step_takes_or_refuses_any_value(name, field):
    for value in ABSURD:
        chain = accepted(lambda value=value: Chain.from_dict({"steps": [step_of(name) | {field: value}]}))
        if chain is not None:
            check(chain)


@pytest.mark.parametrize(("name", "field"), FIELDS)
def test_a_field_in_a_file_takes_or_refuses_anything_written(tmp_path, name, field):
    file = tmp_path / "chain.json"
    rest = {key: value for key, value in step_of(name).items() if key != field}
    for text in WRITTEN:
        fields = ", ".join([*(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in rest.items()),
                            f"{json.dumps(field)}: {text}"])  # fmt: skip
        file.write_text(f'{{"format": 2, "steps": [{{{fields}}}]}}')
        chain = accepted(lambda: Chain.load(file))
        if chain is not None:
            check(chain)


@pytest.mark.parametrize("version", [True, 1.0, "1", None, 0, 2, 10**400, [1]])
def test_only_the_installed_version_of_a_step_is_read(version):
    assert accepted(lambda: Chain.from_dict({"steps": [{"step": "Mono", "version": version}]})) is None


@pytest.mark.parametrize("content", [
    '{"format": 2, "steps": {}}', '{"format": 2, "steps": [[]]}', '{"format": 2, "steps": [{"step": 1}]}',
    '{"format": 2, "steps": [{}]}', '{"format": 2}', '{"format": 1e999, "steps": []}', '{"format": 99, "steps": []}',
    '{"format": 2, "steps": [{"step": "Mono"}], "more": 1}', "[]", '"chain"', "null", "\ufeff{}", "",
])  # fmt: skip
def test_a_file_that_is_no_chain_is_refused_in_a_sentence(tmp_path, content):
    (tmp_path / "chain.json").write_text(content)
    assert accepted(lambda: Chain.load(tmp_path / "chain.json")) is None


def test_a_thousand_steps_are_a_chain():
    chain = Chain.from_dict({"steps": [{"step": "Mono"}] * 1_000})
    assert len(chain.steps) == 1_000
    check(chain)
