"""Embeddings of recordings without labels: the vectors, the table beside them, and parts of long recordings."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas
import pytest
import torch
import transformers
from checkpoints import MINI, RATE, WORDS, speech, tiny_checkpoint

import audio_ft as aft
from audio_ft.audio.clip import Clip, write
from audio_ft.cli import main as cli
from audio_ft.data.unlabeled import recordings


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Return a folder without labels: words, a long recording and a file that is none."""
    place = tmp_path_factory.mktemp("unlabeled") / "unlabeled"
    (place / "deeper").mkdir(parents=True)
    for number, file in enumerate(sorted(Path(WORDS, "test").glob("*.ogg"))[:6]):
        shutil.copy(file, place / "deeper" if number % 2 else place)
    write(Clip(speech(5 * RATE)[None], RATE), place / "long.wav")
    (place / "broken.wav").write_bytes(b"RIFF")
    return place


def test_a_vector_is_mean_and_deviation_of_a_hidden_layer(tmp_path):
    """As transformers computes it from the same samples alone, without padding."""
    checkpoint = tiny_checkpoint("wav2vec2-layer", tmp_path / "tiny")
    place = tmp_path / "clips"
    place.mkdir()
    waves = [speech(length, seed) for seed, length in enumerate((RATE, RATE // 2))]
    for number, wave in enumerate(waves):
        write(Clip(wave[None], RATE), place / f"{number}.wav")
    encoder = aft.Encoder.load(checkpoint, chain=aft.Chain((aft.steps.Resample(RATE), aft.steps.Mono())), device="cpu")
    found = aft.embed(encoder, place, layer=2)
    network = transformers.AutoModel.from_pretrained(checkpoint)
    extractor = transformers.AutoFeatureExtractor.from_pretrained(checkpoint)
    for row in range(2):
        clip = aft.read(place / f"{row}.wav")
        with torch.inference_mode():
            inputs = extractor(clip.samples[0], sampling_rate=RATE, return_tensors="pt")
            state = network.eval()(**inputs, output_hidden_states=True).hidden_states[2][0]
        expected = torch.cat([state.mean(0), state.std(0, correction=0)])
        np.testing.assert_allclose(found.vectors[row], expected, atol=1e-2)  # rows are cached with 16 bits
    assert (found.layer, list(found.table.end)) == (2, [1.0, 0.5])


def test_the_command_writes_a_row_for_each_recording_and_names_the_others(folder, tmp_path, capsys):
    output = tmp_path / "vectors.parquet"
    assert cli.main(["embed", MINI, str(folder), "--window", "2", "--output", str(output)]) == 0
    captured = capsys.readouterr()
    assert "excluded: broken.wav: " in captured.err
    assert "9 vectors of 512 values (layer 2 of " in captured.out
    table = pandas.read_parquet(output)
    parts = table[table.file == "long.wav"]
    assert list(zip(parts.start, parts.end, strict=True)) == [(0.0, 2.0), (1.5, 3.5), (3.0, 5.0)]
    assert set(table.path) == {str(path) for path in folder.rglob("*.*") if path.name != "broken.wav"}
    assert {len(vector) for vector in table.embedding} == {512}
    assert set(table.folder) == {"", "deeper"}


def test_a_missing_folder_is_refused_before_the_work(folder, tmp_path, capsys):
    output = tmp_path / "missing" / "vectors.parquet"
    assert cli.main(["embed", MINI, str(folder), "--output", str(output)]) == 2
    assert f"no such folder: {output.parent}; make it" in capsys.readouterr().err


def test_a_run_gives_its_last_layer_and_refuses_others(small_run, folder):
    model = aft.load(small_run)
    found = aft.embed(model, folder)
    last = len(model.adapter.layers(model.network))
    assert (found.layer, len(found)) == (last, 7)
    with pytest.raises(aft.InputError, match=rf"layer={last + 1}: .* has layers from 0 to {last}; choose one"):
        aft.embed(model, folder, layer=last + 1)


def test_rows_keep_their_columns_and_each_recording_is_there_once(folder, tmp_path):
    name = next(folder.glob("*.ogg")).name
    lines = [f"{name},anna,1", f"{name},anna,2", "long.wav,bert,1", "deeper/missing.ogg,bert,2"]
    table = tmp_path / "list.csv"
    table.write_text("\n".join(["file_name,speaker,take", *lines]))
    found = recordings(aft.Data(path=str(table), root=str(folder)))
    speakers = dict(zip((Path(file).name for file in found.files), found.table["group"], strict=True))
    assert (found.group, speakers) == ("speaker", {name: "anna", "long.wav": "bert", "missing.ogg": "bert"})
    assert sorted(found.columns["take"]) == ["1", "1", "2"]
    assert found.notes[-1] == "1 row of recordings listed before left out"
