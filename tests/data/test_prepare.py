"""The command `prepare`: the tree it writes, that training takes it as it is, and that nothing is done twice."""

import csv
import dataclasses
import json
import os
import shutil
from pathlib import Path

import librosa
import numpy as np
import pytest

from audio_ft.audio.clip import Clip, read, write
from audio_ft.audio.features import LogMel
from audio_ft.cleaning.chain import DEFAULT_CHAIN, Chain
from audio_ft.cleaning.dataset import Cleaner, clean
from audio_ft.cli.main import main
from audio_ft.data import Data, load
from audio_ft.data.prepare import prepare
from audio_ft.errors import InputError
from audio_ft.inference.batching import Collator, Windows
from audio_ft.models import load_adapter
from audio_ft.recipe import Recipe
from audio_ft.tasks import targets_of
from audio_ft.training.setup import with_stored_chain

ASSETS = Path(__file__).parents[2] / "audio_ft" / "assets"
MINI = str(ASSETS / "wav2vec2-mini")
STEP = 1 / 32_768
SPLITS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """Return class folders of ten speakers' tones, as flac at 22,050 Hz between silences."""
    root = tmp_path_factory.mktemp("raw")
    for label, hz in (("low", 200), ("high", 900)):
        (root / label).mkdir()
        for speaker in range(10):
            for take in range(2):
                tone = Clip.tone(hz + 10 * speaker + take, 0.2, 22_050).samples
                quiet = np.zeros((1, 4_410), np.float32)
                name = f"{speaker:08x}_nohash_{take}.flac"
                write(Clip(np.concatenate([quiet, tone, quiet], axis=1), 22_050), root / label / name)
    return root


@pytest.fixture(scope="module")
def prepared(raw, tmp_path_factory):
    """Return the tree of these recordings, for reading only."""
    out = tmp_path_factory.mktemp("prepared") / "out"
    assert main(["prepare", str(raw), str(out)]) == 0
    return out


@pytest.fixture
def mine(raw, tmp_path):
    """Return a copy of the recordings that a test may spoil."""
    return shutil.copytree(raw, tmp_path / "raw")


def listed(out, split):
    with (out / "splits" / f"{split}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def lying(folder):
    """Return the files of a folder with their times of change."""
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_the_tree_is_that_of_the_textbooks(raw, prepared):
    top = {path.name for path in prepared.iterdir() if not path.name.startswith(".")}
    assert top == {"processed", "features", "splits", "chain.json", "prepared.json", "README.txt"}
    names = {path.relative_to(raw).with_suffix("") for path in raw.rglob("*.flac")}
    assert {path.relative_to(prepared / "processed").with_suffix("") for path in prepared.rglob("*.wav")} == names
    assert {path.relative_to(prepared / "features").with_suffix("") for path in prepared.rglob("*.npy")} == names
    rows = [row for split in SPLITS for row in listed(prepared, split)]
    assert sorted(row["file_name"] for row in rows) == sorted(f"processed/{name}.wav" for name in names)
    assert all(row["label"] == Path(row["file_name"]).parts[1] for row in rows)
    assert all((raw / row["raw_file"]).is_file() for row in rows)
    assert len((prepared / "README.txt").read_text().splitlines()) == 10


def test_splits_are_speaker_disjoint(prepared):
    speakers = [{row["speaker_id"] for row in listed(prepared, split)} for split in SPLITS]
    assert sum(map(len, speakers)) == len(set.union(*speakers)) == 10


def test_processed_recordings_are_what_the_chain_makes(raw, prepared):
    for row in listed(prepared, "train")[:4]:
        clean, expected = read(prepared / row["file_name"]), DEFAULT_CHAIN(read(raw / row["raw_file"]))
        assert (clean.rate, clean.channels) == (16_000, 1)
        np.testing.assert_allclose(clean.samples, expected.samples, atol=STEP)
    assert Chain.load(prepared / "chain.json") == DEFAULT_CHAIN


def test_features_are_librosas(prepared):
    row = listed(prepared, "test")[0]
    features = np.load(prepared / row["file_name"].replace("processed", "features").replace(".wav", ".npy"))
    samples, rate = librosa.load(prepared / row["file_name"], sr=None)
    power = librosa.feature.melspectrogram(y=samples, sr=rate, n_fft=400, hop_length=160, n_mels=80)
    assert (features.dtype, features.shape) == (np.float32, (80, 1 + len(samples) // 160))
    np.testing.assert_allclose(features, librosa.power_to_db(power, top_db=None), atol=1e-3)


@pytest.mark.parametrize("length", [1, 100, 16_000])
@pytest.mark.parametrize("rate", [4_000, 16_000])
def test_log_mel_takes_any_clip(length, rate):
    features = LogMel()(Clip(np.zeros((2, length), np.float32), rate))
    assert features.shape[:2] == (2, 80)
    assert np.isfinite(features).all()


def test_features_may_be_the_models_own(raw, tmp_path):
    from transformers import AutoFeatureExtractor

    assert main(["prepare", str(raw), str(tmp_path / "out"), "--model", MINI]) == 0
    row = listed(tmp_path / "out", "validation")[0]
    features = np.load(tmp_path / "out" / row["file_name"].replace("processed", "features").replace(".wav", ".npy"))
    samples = read(tmp_path / "out" / row["file_name"]).samples[0]
    expected = AutoFeatureExtractor.from_pretrained(MINI)(samples, sampling_rate=16_000, return_tensors="np")
    np.testing.assert_allclose(features, expected["input_values"][0], atol=1e-3)


def test_loading_gives_the_rows_back(raw, prepared):
    before, after = load(Data(str(raw))), load(Data(str(prepared)))
    assert (after.target.kind, after.target.names, after.column) == ("label", ("high", "low"), "label")
    assert after.group == "speaker_id"
    assert Chain(after.chain) == DEFAULT_CHAIN
    assert after.warnings == ()
    for split in SPLITS:
        old, new = before.splits[split], after.splits[split]
        raws = [json.loads(meta)["raw_file"] for meta in new["meta"]]
        order = np.argsort(raws)
        assert sorted(old["key"]) == sorted(raws)
        assert [new["target"][row] for row in order] == [old["target"][row] for row in np.argsort(old["key"])]
        assert [new["group"][row] for row in order] == [old["group"][row] for row in np.argsort(old["key"])]


def test_training_gets_the_same_input_from_the_prepared_folder_as_from_the_raw_files(raw, prepared, tmp_path):
    adapter = load_adapter(MINI).with_window(1.0)
    inputs = {}
    for name in (raw, prepared):
        loaded = load(Data(str(name)))
        cleaner = Cleaner(DEFAULT_CHAIN.remaining(loaded.chain), adapter.sample_rate)
        rows = clean(loaded.splits["train"], cleaner, name="test", workers=1, cache=tmp_path)
        batch = Collator(adapter)(Windows(rows, None, 1.0).__getitems__(list(range(rows.clips))))
        keys = loaded.splits["train"]["key"]
        stems = [Path(key).with_suffix("").as_posix().removeprefix("processed/") for key in keys]
        inputs[name] = {stem: values.numpy() for stem, values in zip(stems, batch["input_values"], strict=True)}
    assert inputs[raw].keys() == inputs[prepared].keys()
    for stem, values in inputs[raw].items():
        # The extractor divides by the spread, so a step of 16 bits grows with it; a tone's spread is above a half.
        np.testing.assert_allclose(values, inputs[prepared][stem], atol=4 * STEP)


def test_a_tree_of_another_chain_brings_its_chain_along(raw, tmp_path):
    assert main(["prepare", str(raw), str(tmp_path / "out"), "--set", "chain=Resample,Mono"]) == 0
    loaded = load(Data(str(tmp_path / "out")))
    recipe = Recipe(model=MINI, data=Data(str(tmp_path / "out")))
    assert [step["step"] for step in with_stored_chain(recipe, loaded).steps.to_list()] == ["Resample", "Mono"]
    assert with_stored_chain(recipe, loaded).steps.remaining(loaded.chain) == Chain(())
    asked = dataclasses.replace(recipe, chain=Chain((DEFAULT_CHAIN.steps[0],)))
    with pytest.raises(InputError, match="cleaned by another chain"):
        with_stored_chain(asked, loaded).steps.remaining(loaded.chain)


def test_a_trained_model_predicts_the_same_for_raw_and_prepared_files(tmp_path):
    import audio_ft as aft

    recipe = Recipe(model=MINI, data=Data(str(ASSETS / "words"), limit=16))
    prepare(recipe.data, recipe.steps, tmp_path / "out")
    training = {"max_steps": 2, "per_device_train_batch_size": 4}
    data = Data(str(tmp_path / "out"))
    run = aft.train(Recipe(model=MINI, data=data, freeze="encoder", augment=(), training=training), tmp_path / "run")
    assert run.recipe.steps == DEFAULT_CHAIN
    model = aft.load(tmp_path / "run")
    assert model.chain == DEFAULT_CHAIN
    bare = dataclasses.replace(model, chain=Chain(()))
    for row in listed(tmp_path / "out", "test")[:4]:
        ours, theirs = model(ASSETS / "words" / row["raw_file"]), bare(tmp_path / "out" / row["file_name"])
        assert ours == pytest.approx(theirs, abs=1e-3)


def test_a_second_call_does_nothing(mine, tmp_path, capsys):
    main(["prepare", str(mine), str(tmp_path / "out")])
    before = lying(tmp_path / "out")
    assert main(["prepare", str(mine), str(tmp_path / "out")]) == 0
    assert lying(tmp_path / "out") == before
    assert "40 of 40 were cleaned by an earlier call" in capsys.readouterr().out


def test_an_edited_recording_alone_is_done_again(mine, tmp_path):
    main(["prepare", str(mine), str(tmp_path / "out")])
    before = lying(tmp_path / "out")
    write(Clip.tone(500, 0.6, 22_050), mine / "low" / "00000003_nohash_1.flac")
    main(["prepare", str(mine), str(tmp_path / "out")])
    after = lying(tmp_path / "out")
    changed = {name for name in after if after[name] != before.get(name)}
    assert changed == {"processed/low/00000003_nohash_1.wav", "features/low/00000003_nohash_1.npy", ".done.jsonl"}


def test_another_seed_rewrites_the_lists_only(mine, tmp_path):
    main(["prepare", str(mine), str(tmp_path / "out")])
    before, tests = lying(tmp_path / "out"), listed(tmp_path / "out", "test")
    assert main(["prepare", str(mine), str(tmp_path / "out"), "--seed", "5"]) == 0
    after = lying(tmp_path / "out")
    assert all(after[name] == before[name] for name in before if name.startswith(("processed", "features")))
    assert listed(tmp_path / "out", "test") != tests


def test_an_interruption_leaves_no_lists_and_is_taken_up(mine, tmp_path, monkeypatch, capsys):
    replace, calls = os.replace, []

    def interrupted(source, target):
        calls.append(target)
        if len(calls) == 31:
            raise KeyboardInterrupt
        replace(source, target)

    out = tmp_path / "out"
    monkeypatch.setattr(os, "replace", interrupted)
    assert main(["prepare", str(mine), str(out)]) == 130
    monkeypatch.undo()
    done = lying(out)
    assert 10 < len(done) < 40
    assert not (out / "splits").exists()
    assert not [name for name in done if name.endswith((".part", ".partial"))]
    with pytest.raises(InputError, match="did not finish here"):
        load(Data(str(out)))
    assert main(["prepare", str(mine), str(out)]) == 0
    after = lying(out)
    journal = [json.loads(line)["target"] for line in (out / ".done.jsonl").read_text().splitlines()]
    assert len(journal) == len(set(journal)) == 40
    whole = [name for name in done if name.startswith("features")]
    assert len(whole) >= 10
    assert all(after[name] == done[name] for name in whole)
    assert sum(len(load(Data(str(out))).splits[split]) for split in SPLITS) == 40


def test_unreadable_recordings_are_set_aside_and_listed(mine, tmp_path, capsys):
    (mine / "low" / "00000001_nohash_0.flac").write_bytes(b"")
    assert main(["prepare", str(mine), str(tmp_path / "out")]) == 0
    assert "00000001_nohash_0.flac: empty file" in capsys.readouterr().out
    with (tmp_path / "out" / "unreadable.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["raw_file"], row["reason"], row["label"]) for row in rows] == [
        ("low/00000001_nohash_0.flac", "empty file", "low")
    ]
    assert rows[0]["split"] in SPLITS
    assert sum(len(listed(tmp_path / "out", split)) for split in SPLITS) == 39
    write(Clip.tone(210, 0.5, 22_050), mine / "low" / "00000001_nohash_0.flac")
    assert main(["prepare", str(mine), str(tmp_path / "out")]) == 0
    assert not (tmp_path / "out" / "unreadable.csv").exists()
    assert sum(len(listed(tmp_path / "out", split)) for split in SPLITS) == 40


def test_too_many_unreadable_recordings_are_refused(mine, tmp_path, capsys):
    for take in range(2):
        for speaker in range(3):
            (mine / "low" / f"{speaker:08x}_nohash_{take}.flac").write_bytes(b"")
    assert main(["prepare", str(mine), str(tmp_path / "out")]) == 2
    assert "6 of 40 recordings cannot be read, more than the allowed 5%" in capsys.readouterr().err
    assert not (tmp_path / "out" / "splits").exists()
    assert main(["prepare", str(mine), str(tmp_path / "out"), "--set", "max_corrupt=0.2"]) == 0


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--set", "chain=Resample,Mono"], "another chain"),
        (["--model", MINI], "another features"),
        (["--task", "transcription", "--target", "label"], "another task"),
    ],
)
def test_another_making_is_refused_in_the_same_folder(raw, prepared, flags, words, capsys):
    before = lying(prepared)
    assert main(["prepare", str(raw), str(prepared), *flags]) == 2
    assert words in capsys.readouterr().err
    assert lying(prepared) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{raw}", "{raw}/out"], "choose a folder outside it"),
        (["{prepared}", "{tmp}/again"], "is prepared already"),
        (["{raw}", "{tmp}/out", "--target", "mood"], "no column 'mood'"),
        (["{raw}", "{tmp}/out", "--model", MINI, "--set", 'chain=[{{"step": "Resample", "rate": 8000}}]'], "16,000 Hz"),
        (["{tmp}/nowhere", "{tmp}/out"], "no such folder"),
    ],
)
def test_mistakes_get_one_sentence_and_leave_nothing(raw, prepared, tmp_path, arguments, words, capsys):
    filled = [argument.format(raw=raw, prepared=prepared, tmp=tmp_path) for argument in arguments]
    assert main(["prepare", *filled]) == 2
    assert words in capsys.readouterr().err.splitlines()[-1]
    assert not list(tmp_path.iterdir())
    assert not (raw / "out").exists()


def manifest(tmp_path, raw, header, cell):
    """Write a manifest of ten of the recordings a class, with the columns that `cell` gives."""
    lines = [header]
    for label in ("low", "high"):
        for row, path in enumerate(sorted((raw / label).iterdir())):
            lines.append(f"{path},{cell(label, row)}")
    (tmp_path / "list.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "list.csv"


def test_columns_chosen_by_the_user_are_known_when_the_folder_is_loaded(raw, tmp_path):
    file = manifest(
        tmp_path, raw, "path,label,accent,who,take", lambda label, row: f"{label},{'ab'[row % 2]},p{row},{row:02d}"
    )
    assert main(["prepare", str(file), str(tmp_path / "out"), "--target", "accent", "--group", "who"]) == 0
    loaded = load(Data(str(tmp_path / "out")))
    assert (loaded.column, loaded.group, loaded.target.names) == ("accent", "who", ("a", "b"))
    assert {row["take"] for split in SPLITS for row in listed(tmp_path / "out", split)} == {
        f"{n:02d}" for n in range(20)
    }
    assert load(Data(str(tmp_path / "out"), target="label")).target.names == ("high", "low")


def test_several_labels_numbers_and_transcripts_survive(raw, tmp_path):
    def cell(label, row):
        return f'{label};{"odd" if row % 2 else "even"},{row / 2},"say ""{label}"", {row}",s{row}'

    file = manifest(tmp_path, raw, "path,tags,score,text,speaker", cell)
    for target, task in (("tags", "classification"), ("score", "classification"), ("text", "transcription")):
        out = tmp_path / target
        assert main(["prepare", str(file), str(out), "--target", target, "--task", task]) == 0
        kinds = targets_of(task)
        before, after = load(Data(str(file), target=target), targets=kinds), load(Data(str(out)), targets=kinds)
        assert (
            after.target.kind
            == before.target.kind
            == {"tags": "labels", "score": "number", "text": "transcript"}[target]
        )
        for split in SPLITS:
            assert sorted(after.splits[split]["target"], key=str) == sorted(before.splits[split]["target"], key=str)


def test_a_recording_listed_twice_is_cleaned_once(raw, tmp_path):
    path = next(iter(sorted((raw / "low").iterdir())))
    file = manifest(tmp_path, raw, "path,label,speaker", lambda label, row: f"{label},s{row // 2}")
    with file.open("a") as lines:
        lines.write(f"{path},low,s0\n")
    assert main(["prepare", str(file), str(tmp_path / "out")]) == 0
    assert len(list((tmp_path / "out" / "processed").rglob("*.wav"))) == 40
    assert sum(len(listed(tmp_path / "out", split)) for split in SPLITS) == 41


def test_stored_recordings_are_prepared_too(raw, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [
        {
            "audio": {"bytes": path.read_bytes(), "path": path.name},
            "label": path.parent.name,
            "speaker_id": path.name[:8],
        }
        for path in sorted(raw.rglob("*.flac"))
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "all.parquet")
    assert main(["prepare", str(tmp_path / "all.parquet"), str(tmp_path / "out")]) == 0
    before = lying(tmp_path / "out")
    assert len([name for name in before if name.endswith(".wav")]) == 40
    assert main(["prepare", str(tmp_path / "all.parquet"), str(tmp_path / "out")]) == 0
    assert lying(tmp_path / "out") == before
    assert sum(len(split) for split in load(Data(str(tmp_path / "out"))).splits.values()) == 40


@pytest.mark.real
def test_real_digits(shared, tmp_path):
    flags = ["--set", "data.limit=30"]
    assert main(["prepare", str(shared / "data" / "digits"), str(tmp_path / "out"), *flags]) == 0
    loaded = load(Data(str(tmp_path / "out")))
    assert {name: len(table) for name, table in loaded.splits.items()} == dict.fromkeys(SPLITS, 30)
    assert loaded.group == "speaker_id"
    assert listed(tmp_path / "out", "test")[0]["accent"] == "DEU/German"
