"""The command `prepare` with shards: the same rows however they are divided, shares, merging, copies and quarantine."""

import csv
import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from audio_ft.audio.clip import Clip, read, write
from audio_ft.cleaning.chain import DEFAULT_CHAIN, Chain
from audio_ft.cleaning.dataset import Cleaner, clean
from audio_ft.cli.main import main
from audio_ft.data import Data, load
from audio_ft.data.shards.merge import merge
from audio_ft.data.shards.prepare import prepare_shards
from audio_ft.errors import InputError
from audio_ft.folder_lock import owned

WORDS = Path(__file__).parents[2] / "audio_ft" / "assets" / "words"
SPLITS = ("train", "validation", "test")
SMALL = 0.3  # megabytes


# A step that kills the process which cleans a long recording: the first one always, another one once.
STEP = """
import os, signal
from dataclasses import dataclass
from pathlib import Path
from audio_ft.cleaning.step import Step

@dataclass(frozen=True)
class Deadly(Step):
    always: int = 0
    once: int = 0

    def __call__(self, clip):
        died = Path(os.environ["DEADLY"])
        if clip.length == self.always or (clip.length == self.once and not died.exists()):
            if clip.length == self.once:
                died.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return clip

    def describe(self):
        return "die"
"""
PROGRAM = """
from deadly import Deadly
from audio_ft.audio.clip import read
from audio_ft.cleaning.chain import DEFAULT_CHAIN, Chain
from audio_ft.data.shards.prepare import prepare_shards

once, always = (read("{raw}/" + name).length for name in ("{once}", "{always}"))
chain = Chain((Deadly(always=always, once=once), *DEFAULT_CHAIN.steps))
prepare_shards("{raw}", chain, "{out}", size=0.2, engine="ray")
"""


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """Return 40 of the included words in class folders, by ten speakers."""
    root = tmp_path_factory.mktemp("raw")
    for label in ("yes", "no"):
        (root / label).mkdir()
        for number, file in enumerate(sorted(WORDS.glob(f"*/*_{label}.ogg"))[:20]):
            shutil.copy(file, root / label / f"{number % 10:08x}_nohash_{number // 10}{file.suffix}")
    return root


@pytest.fixture(scope="module")
def shards(raw, tmp_path_factory):
    """Return the merged shards of these recordings, for reading only."""
    out = tmp_path_factory.mktemp("shards") / "out"
    assert main(["prepare", str(raw), str(out), "--shard-size", str(SMALL)]) == 0
    return out


def rows_of(place, split, cache):
    """Return the clean rows of a split by key, as a training gets them."""
    loaded = load(Data(str(place)))
    cleaner = Cleaner(DEFAULT_CHAIN.remaining(loaded.chain), 16_000)
    cleaned = clean(loaded.splits[split], cleaner, name=split, workers=1, cache=cache)
    cells = {name: cleaned.column(name).tolist() for name in ("length", "digest", "before", "rate", "level", "snr")}
    table = loaded.splits[split]
    return {
        key: (cleaned.quantized(row)[0], cleaned.wave(row), [cells[name][row] for name in cells], table[row]["target"],
              table[row]["group"], table[row]["meta"])
        for row, key in enumerate(table["key"])
    }  # fmt: skip


def test_shards_hold_what_a_training_makes_of_the_raw_recordings(raw, shards, tmp_path):
    assert len(list((shards / "shards").glob("train-*.parquet"))) > 1
    for split in SPLITS:
        before, after = rows_of(raw, split, tmp_path), rows_of(shards, split, tmp_path)
        assert before.keys() == after.keys()
        for key, row in before.items():
            np.testing.assert_array_equal(row[0], after[key][0])
            np.testing.assert_array_equal(row[1], after[key][1])
            assert row[2:] == after[key][2:]


def test_loading_says_what_loading_the_raw_recordings_says(raw, shards):
    before, after = load(Data(str(raw))), load(Data(str(shards)))
    assert (after.target, after.column, after.group) == (before.target, before.column, before.group)
    assert after.rule == before.rule.replace("made here", "made by audio-ft prepare")
    assert Chain(after.chain) == DEFAULT_CHAIN
    assert {name: len(table) for name, table in after.splits.items()} == {
        name: len(table) for name, table in before.splits.items()
    }
    assert len(load(Data(str(shards)), together=True, need=("train",)).splits["train"]) == 40
    assert len(load(Data(str(shards), limit=3)).splits["train"]) == 3


def test_a_recording_in_a_shard_is_read_like_a_file(raw, shards):
    row = load(Data(str(shards))).splits["test"][0]
    clip, expected = read(row["audio"]["path"]), DEFAULT_CHAIN(read(raw / row["key"]))
    assert clip.rate == 16_000
    np.testing.assert_allclose(clip.samples, expected.samples, atol=1 / 32_768)


@pytest.mark.parametrize("path", ["train-00000-of-00001.parquet#0", "SHARD#100000"])
def test_a_row_that_is_not_there_is_a_recording_that_cannot_be_read(shards, path, tmp_path):
    file = next((shards / "shards").glob("train-*.parquet"))
    cleaner = Cleaner(Chain(()), 16_000)
    batch = cleaner({"audio": [{"bytes": None, "path": path.replace("SHARD", str(file))}]})
    assert "cannot be read" in batch["error"][0]


def test_shares_of_several_processes_are_the_whole(raw, shards, tmp_path, capsys):
    out, command = tmp_path / "out", ["prepare", str(raw), str(tmp_path / "out"), "--shard-size", "0.2"]
    assert main([*command, "--shard", "2/2"]) == 0
    assert "audio-ft prepare --merge" in capsys.readouterr().out
    assert main(["prepare", "--merge", str(out)]) == 2
    assert "train-00000-of-" in capsys.readouterr().err
    with pytest.raises(InputError, match=r"not merged: .* missing \(first: train-00000-of-.* --merge"):
        load(Data(str(out)))
    assert main([*command, "--shard", "1/2"]) == 0
    assert main(["prepare", "--merge", str(out)]) == 0
    assert json.loads((out / "manifest.json").read_bytes())["digest"] == merge(shards).digest


def test_finished_shards_are_kept_and_damaged_ones_written_again(raw, shards, tmp_path):
    out = shutil.copytree(shards, tmp_path / "out")
    first, *others = sorted((out / "shards").glob("*.parquet"))
    before = {path: path.stat().st_mtime_ns for path in others}
    first.write_bytes(first.read_bytes()[:100])
    merged = prepare_shards(str(raw), DEFAULT_CHAIN, out, size=SMALL)
    assert {path: path.stat().st_mtime_ns for path in others} == before
    assert first.stat().st_size > 100
    assert merged.digest == json.loads((shards / "manifest.json").read_bytes())["digest"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": 5}, "another size"),
        ({"chain": Chain(DEFAULT_CHAIN.steps[:2])}, "another chain"),
        ({"data": Data(str(WORDS), limit=10)}, "other data"),
    ],
)
def test_a_folder_has_shards_of_one_plan(raw, shards, change, message):
    call = {"data": str(raw), "chain": DEFAULT_CHAIN, "size": SMALL} | change
    with pytest.raises(InputError, match=message):
        prepare_shards(call["data"], call["chain"], shards, size=call["size"])


def test_a_shard_of_another_plan_is_not_merged(shards, tmp_path):
    out = shutil.copytree(shards, tmp_path / "out")
    file = next((out / "shards").glob("test-*.json"))
    file.write_text(json.dumps(json.loads(file.read_bytes()) | {"plan": "other"}))
    with pytest.raises(InputError, match="made from other data or by another chain"):
        merge(out)


def test_a_share_is_written_once_at_a_time(raw, shards):
    with ThreadPoolExecutor(1) as other, owned(shards / "shards" / ".share-1-of-1"):
        work = other.submit(prepare_shards, str(raw), DEFAULT_CHAIN, shards, size=SMALL)
        with pytest.raises(InputError, match=r"share-1-of-1"):
            work.result()
    assert not (shards / "shards" / ".share-1-of-1").exists()


def test_settings_that_the_preparation_decided_are_refused(shards):
    for setting in ({"where": ("label=yes",)}, {"target": "speaker_id"}, {"folds": 3}):
        with pytest.raises(InputError, match="prepared as shards"):
            load(Data(str(shards), **setting))
    assert load(Data(str(shards), target="label")).column == "label"


def test_unreadable_recordings_are_listed_and_too_many_refused(raw, tmp_path, capsys):
    mine, out = shutil.copytree(raw, tmp_path / "raw"), tmp_path / "out"
    (mine / "yes" / "00000001_nohash_0.ogg").write_bytes(b"RIFF no recording")
    command = ["prepare", str(mine), str(out), "--shard-size", str(SMALL)]
    assert main([*command, "--set", "max_corrupt=0.01"]) == 2
    assert "1 of 40 recordings cannot be read" in capsys.readouterr().err
    assert main(command) == 0
    with (out / "unreadable.csv").open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert row["file"] == "yes/00000001_nohash_0.ogg"
    assert sum(len(table) for table in load(Data(str(out))).splits.values()) == 39


def copied(raw, folder):
    """Return recordings of which one of train is in test too, gained, under another speaker's name."""
    mine, splits = shutil.copytree(raw, folder), load(Data(str(raw))).splits
    theirs, name = splits["test"]["key"][0], splits["train"]["key"][0]
    clip = read(raw / theirs)
    write(clip.with_samples(clip.samples / 2), mine / name)
    return mine, name, theirs


def test_a_copy_in_another_split_is_left_out_where_the_splits_are_made_here(raw, tmp_path, capsys):
    mine, name, theirs = copied(raw, tmp_path / "raw")
    assert main(["prepare", str(mine), str(tmp_path / "out"), "--shard-size", str(SMALL)]) == 0
    assert f"{name} is a copy of {theirs} (test)" in " ".join(capsys.readouterr().out.split())
    loaded = load(Data(str(tmp_path / "out")))
    assert name not in loaded.splits["train"]["key"]
    assert theirs in loaded.splits["test"]["key"]
    assert any("left out" in warning for warning in loaded.warnings)
    assert json.loads((tmp_path / "out" / "manifest.json").read_bytes())["leaks"]["pairs"] == []


def test_a_copy_is_only_reported_where_the_data_gives_the_splits(raw, tmp_path, capsys):
    _, name, _ = copied(raw, tmp_path / "raw")
    with (tmp_path / "raw.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["file_name", "label", "split"])
        for split, rows in load(Data(str(raw))).splits.items():
            table.writerows(
                [f"raw/{key}", label, split] for key, label in zip(rows["key"], rows["target"], strict=True)
            )
    assert main(["prepare", str(tmp_path / "raw.csv"), str(tmp_path / "out"), "--shard-size", "5"]) == 0
    assert "1 recording of test is in train too" in capsys.readouterr().out
    assert f"raw/{name}" in load(Data(str(tmp_path / "out"))).splits["train"]["key"]


def test_transcripts_are_found(tmp_path):
    write(Clip.noise(1.0, 16_000, seed=1), tmp_path / "a.wav")
    names = [f"{number}.wav" for number in range(30)]
    for number, name in enumerate(names):
        write(Clip.noise(0.5, 16_000, seed=number), tmp_path / name)
    lines = [f"{name},word number {number}" for number, name in enumerate(names)]
    (tmp_path / "metadata.csv").write_text("\n".join(["file_name,text", *lines]))
    command = ["prepare", str(tmp_path), str(tmp_path.parent / "texts"), "--shard-size", "1"]
    assert main(command) == 0
    from audio_ft.tasks import targets_of

    loaded = load(Data(str(tmp_path.parent / "texts")), targets=targets_of("transcription"))
    assert loaded.target.kind == "transcript"
    with pytest.raises(InputError, match="transcripts"):
        load(Data(str(tmp_path.parent / "texts")))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--shard", "4/3"], "not a share such as 3/100"),
        (["--shard-size", "0"], "megabytes above 0"),
        (["--address", "auto"], "add --engine ray"),
        (["--engine", "ray", "--shard", "1/2"], "leave one of them out"),
        (["--engine", "ray", "--code", "CODE"], "installed package"),
        (["--shard-size", "1", "--model", "some/model"], "shards have none"),
        (["--merge"], "the folder of the shards alone"),
    ],
)
def test_options_that_do_not_go_together_are_refused(raw, tmp_path, capsys, options, sentence):
    (tmp_path / "own.py").write_text("")
    options = [str(tmp_path / "own.py") if word == "CODE" else word for word in options]
    assert main(["prepare", str(raw), str(tmp_path / "out"), *options]) == 2
    assert sentence in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_ray_writes_the_same_rows_and_survives_the_death_of_a_worker(raw, shards, tmp_path, monkeypatch):
    pytest.importorskip("ray")
    monkeypatch.setenv("DEADLY", str(tmp_path / "died"))
    digest = json.loads((shards / "manifest.json").read_bytes())["digest"]
    assert prepare_shards(str(raw), DEFAULT_CHAIN, tmp_path / "out", size=0.2, engine="ray").digest == digest
    # The worker of the first attempt at a recording dies, and the one of a recording that kills each.
    names = ["yes/00000002_nohash_1.ogg", "no/00000004_nohash_0.ogg"]
    program = PROGRAM.format(raw=str(raw), out=str(tmp_path / "hard"), once=names[0], always=names[1])
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "deadly.py").write_text(STEP)
    path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    subprocess.run([sys.executable, "-c", program], check=True, timeout=300, env=os.environ | {"PYTHONPATH": path})
    merged = merge(tmp_path / "hard")
    assert [(key, "killed" in why) for _, key, why in merged.errors] == [(names[1], True)]
    assert sum(merged.clips.values()) == 39
