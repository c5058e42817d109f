"""Hostile values in every setting of every architecture end in one sentence, quickly and without taking memory."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hostile import MEGABYTES, REPRESENTATIVES, VALUES, fields, kinds, limited, saved, trial, trials, use

from audio_ft.models.checkpoint import LARGEST_FILE

# A few of each kind: sizes, probabilities, tokens, types, and what only the extractor or the decoder reads.
SAMPLE = {
    "wav2vec2-layer/text": (
        ("config.json", "attention_dropout", "1e9"),
        ("config.json", "hidden_size", "1e308"),
        ("config.json", "conv_stride", "list"),
        ("config.json", "activation_dropout", "deep"),
        ("preprocessor_config.json", "sampling_rate", "null"),
        ("preprocessor_config.json", "stride", "1e9"),
    ),
    "whisper/text": (
        ("config.json", "decoder_start_token_id", "1e9"),
        ("config.json", "encoder_layers", "1000"),
        ("preprocessor_config.json", "dither", "{}"),
        ("preprocessor_config.json", "padding_side", "text"),
        ("generation_config.json", "max_length", "-1"),
        ("tokenizer_config.json", "tokenizer_class", "text"),
    ),
}


@pytest.fixture(scope="module", params=list(SAMPLE))
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """Return a tiny checkpoint that works; using it here imports all that its trials need."""
    folder = saved(request.param, tmp_path_factory.mktemp("checkpoint"))
    use(folder)
    return request.param, folder


def test_a_sample_of_hostile_settings(checkpoint: tuple[str, Path]) -> None:
    name, folder = checkpoint
    assert limited(folder).end == "ok"
    ends = {case: trial(folder, *case[:2], VALUES[case[2]]) for case in SAMPLE[name]}
    assert {case: found for case, found in ends.items() if found.end != "refused"} == {}


@pytest.mark.parametrize("name", ["preprocessor_config.json", "tokenizer_config.json", "vocab.json", "merges.txt"])
def test_files_of_a_hundred_megabytes_are_refused_unread(checkpoint: tuple[str, Path], name: str) -> None:
    file = checkpoint[1] / name
    before = file.read_bytes() if file.is_file() else None
    with file.open("wb") as stream:
        stream.write(b"[")
        stream.truncate(100_000_000)  # sparse: nothing is written
    found = limited(checkpoint[1])
    file.write_bytes(before) if before is not None else file.unlink()
    assert (found.end, found.megabytes < 50) == ("refused", True)
    assert f"{name}: 100,000,000 bytes" in found.words


@pytest.mark.slow
def test_the_worst_file_that_is_read_takes_little_memory(checkpoint: tuple[str, Path]) -> None:
    file = checkpoint[1] / "added_tokens.json"
    file.write_text('{"a": [' + "[]," * (LARGEST_FILE // 3 - 10) + "[]]}")
    found = limited(checkpoint[1])
    file.unlink()
    assert found.megabytes < 1.5 * MEGABYTES


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> dict[str, frozenset[tuple[str, str]]]:
    """Return (file, field) of the settings of each representative, which is tried with all values."""
    return {kind: frozenset(fields(saved(kind, tmp_path_factory.mktemp("known")))) for kind in REPRESENTATIVES}


@pytest.mark.slow
@pytest.mark.parametrize("kind", kinds())
def test_every_setting_with_hostile_values(
    kind: str, known: dict[str, frozenset[tuple[str, str]]], tmp_path: Path
) -> None:
    folder = saved(kind, tmp_path)
    use(folder)
    faults = {}
    for file, field, name in trials(kind, folder, known):
        found = trial(folder, file, field, VALUES[name])
        if found.end == "fault":
            faults[f"{file} {field} {name}"] = found
    assert json.dumps(faults, indent=1) == "{}"
