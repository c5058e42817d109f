"""Training on shards that are read as they are needed: the order of clips, and the same clips as from the cache."""

from __future__ import annotations

import shutil
from pathlib import Path

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from checkpoints import WORDS, tiny_checkpoint
from fsspec.implementations.memory import MemoryFile

import audio_ft as aft
from audio_ft.audio.clip import Clip, write
from audio_ft.audio.codec import packed
from audio_ft.cleaning.chain import DEFAULT_CHAIN, Chain
from audio_ft.cleaning.dataset import Cleaner, clean
from audio_ft.cleaning.streamed import clean_again, stream
from audio_ft.data import Data, load
from audio_ft.data.shards.prepare import prepare_shards
from audio_ft.errors import AudioError, InputError
from audio_ft.inference.batching import Windows
from audio_ft.recipe import Recipe
from audio_ft.targets import Label
from audio_ft.training.steps.stream_order import StreamSampler


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    """Return the shards of 96 of the included words."""
    out = tmp_path_factory.mktemp("shards") / "out"
    prepare_shards(Data(WORDS, limit=32), DEFAULT_CHAIN, out, size=0.3)
    return out


LENGTHS, FILES = np.random.default_rng(0).integers(8_000, 160_000, 1_003), np.arange(1_003) // 20


@pytest.mark.parametrize(("processes", "workers"), [(1, 0), (1, 3), (2, 1), (4, 2)])
def test_every_clip_comes_once_an_epoch_and_each_reader_has_files_of_its_own(processes, workers, monkeypatch):
    monkeypatch.setattr("audio_ft.training.steps.stream_order.BUFFER", 5_000_000)
    sampler = StreamSampler(LENGTHS, FILES, 8, 0, processes=processes, workers=workers)
    rows = np.array(list(sampler))
    assert sorted(rows) == list(range(len(LENGTHS)))
    readers = processes * max(1, workers)
    batches = rows[: len(rows) // (8 * readers) * 8 * readers].reshape(-1, 8)
    # As Accelerate and DataLoader deal batches out: to the processes in turn, then to the workers of each.
    files = [set(FILES[batches[reader::readers].ravel()]) for reader in range(readers)]
    shared = sum(map(len, files)) - len(set().union(*files))
    assert shared <= 2 * readers
    assert list(sampler) == rows.tolist()
    sampler.epoch = 1
    assert list(sampler) != rows.tolist()
    assert sampler.padding(8) < 0.2  # in any order: 0.42


def test_a_batch_is_drawn_from_a_buffer_of_neighboring_rows(monkeypatch):
    monkeypatch.setattr("audio_ft.training.steps.stream_order.BUFFER", 2_000_000)
    batches = np.array(list(StreamSampler(LENGTHS, FILES, 8, 0)))[:1_000].reshape(-1, 8)
    seen = [set(FILES[batch]) for batch in batches]
    open_files = max(len(set().union(*seen[at : at + 3])) for at in range(len(seen)))
    assert open_files <= 5
    assert np.mean([len(files) for files in seen]) > 1.5


def test_streamed_windows_are_those_of_the_cache(shards, tmp_path):
    table, again = (load(Data(str(shards), streaming=on)).splits["train"] for on in (True, False))
    cleaner = Cleaner(Chain(()), 16_000)
    streamed, cached = stream(table, cleaner), clean(again, cleaner, name="train", workers=1, cache=tmp_path)
    for name in ("length", "seconds", "digest", "snr"):
        assert streamed.column(name).tolist() == cached.column(name).tolist()
    ours, theirs = (Windows(rows, None, 0.6) for rows in (streamed, cached))
    assert len(ours) == len(theirs) > streamed.clips
    for index in range(len(ours)):
        np.testing.assert_array_equal(ours.wave(index), theirs.wave(index))
    assert ours.files.max() + 1 == len(list((shards / "shards").glob("train-*.parquet")))
    assert theirs.files is None


def test_what_is_read_is_the_samples_once(shards, monkeypatch):
    read, real = [], packed._read_group

    def counted(file, group, column, process):
        before = real.cache_info().misses
        found = real(file, group, column, process)
        read.extend([(file, group, column)] * (real.cache_info().misses - before))
        return found

    streamed = stream(load(Data(str(shards), streaming=True)).splits["train"], Cleaner(Chain(()), 16_000))
    windows = Windows(streamed, None, 30.0)
    real.cache_clear()
    monkeypatch.setattr(packed, "_read_group", counted)
    for index in StreamSampler(windows.lengths, windows.files, 4, 0):
        windows[index]
    assert len(read) == len(set(read)) >= windows.files.max() + 1
    assert {column for _, _, column in read} == {"samples"}


def test_an_epoch_reads_the_bytes_of_an_address_once(shards, monkeypatch):
    bucket, read, real = fsspec.filesystem("memory"), [], MemoryFile.read

    def counted(self, *arguments):
        found = real(self, *arguments)
        read.append(len(found))
        return found

    bucket.put(str(shards), "/bucket/words", recursive=True)
    monkeypatch.setattr(MemoryFile, "read", counted)
    streamed = stream(load(Data("memory://bucket/words", streaming=True)).splits["train"], Cleaner(Chain(()), 16_000))
    windows, tables = Windows(streamed, None, 30.0), sum(read)
    for index in StreamSampler(windows.lengths, windows.files, 4, 0):
        windows[index]
    sizes = [file.stat().st_size for file in (shards / "shards").glob("train-*.parquet")]
    # Arrow reads 64 kB at the end of a file for its description.
    assert 0.8 * sum(sizes) < sum(read) - tables <= sum(sizes) + 65_536 * len(sizes)


def test_a_training_streams_from_an_address_and_says_so(shards, tmp_path):
    lines, data = [], Data(f"file://{shards}", streaming=True)
    training = {"max_steps": 1, "per_device_train_batch_size": 4, "eval_strategy": "no"}
    model = tiny_checkpoint("wav2vec2-group", tmp_path)
    recipe = Recipe(model=model, data=data, training=training, probe=False)
    run = aft.train(recipe, tmp_path / "run", log=lines.append)
    assert any(line.startswith("streaming   train is read from") for line in lines)
    assert run.recipe.steps == DEFAULT_CHAIN
    with pytest.raises(InputError, match="class_weights=balanced"):
        aft.train(recipe.replace(sampling="over"), tmp_path / "other")


def test_large_shards_are_streamed_by_themselves(shards, monkeypatch):
    plain = set(load(Data(str(shards))).splits["train"].column_names)
    monkeypatch.setattr("audio_ft.data.shards.load.STREAMED", 1_000)
    loaded = load(Data(str(shards)))
    assert set(loaded.splits["train"].column_names) - plain >= {"length", "digest"}
    assert set(loaded.splits["test"].column_names) == plain


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (Data("file:///nowhere/at/all", streaming=True), "no such folder or file"),
        (Data("memory://nowhere/at/all", streaming=True), "there are no files; check the address"),
    ],
)
def test_what_cannot_be_streamed_is_said(data, message):
    with pytest.raises(InputError, match=message):
        load(data)


def test_another_chain_or_rate_is_refused(shards):
    table = load(Data(str(shards), streaming=True)).splits["train"]
    with pytest.raises(InputError, match="as they were cleaned"):
        stream(table, Cleaner(DEFAULT_CHAIN, 16_000))
    with pytest.raises(InputError, match="16,000 Hz but the model expects 8,000 Hz"):
        stream(table, Cleaner(Chain(()), 8_000))


def test_recordings_that_are_cleaned_again_are_those_of_the_cache(tmp_path):
    table, cleaner = load(Data(WORDS, limit=32)).splits["train"], Cleaner(DEFAULT_CHAIN, 16_000)
    again, cached = clean_again(table, cleaner, name="train"), clean(table, cleaner, name="train", cache=tmp_path)
    for name in ("length", "seconds", "digest", "snr"):
        assert again.column(name).tolist() == cached.column(name).tolist()
    assert again.notes == cached.notes
    assert "samples" not in again.rows.column_names
    ours, theirs = (Windows(rows, None, 0.6) for rows in (again, cached))
    for index in range(len(theirs)):
        np.testing.assert_array_equal(ours.wave(index), theirs.wave(index))


def as_parquet(words, folder):
    """Write the words as tables with the recordings in them."""
    folder.mkdir()
    for split in ("train", "validation", "test"):
        rows = [
            {"audio": {"bytes": file.read_bytes(), "path": file.name}, "label": file.stem.rpartition("_")[2]}
            for file in sorted((words / split).glob("*.ogg"))
        ]
        pq.write_table(pa.Table.from_pylist(rows), folder / f"{split}-00000-of-00001.parquet")
    return folder


@pytest.mark.parametrize("kind", ["folder", "parquet"])
def test_a_training_that_cleans_as_it_goes_has_the_same_weights(kind, tmp_path, monkeypatch):
    data = Path(shutil.copytree(WORDS, tmp_path / "data"))
    broken = next((data / "train").glob("*.ogg"))
    broken.write_bytes(broken.read_bytes()[:40])
    data = as_parquet(data, tmp_path / "tables") if kind == "parquet" else data
    runs, sizes, said = [], [], []
    for streaming in (True, False):
        cache = tmp_path / f"cache-{streaming}"
        monkeypatch.setenv("AUDIO_FT_CACHE", str(cache))
        training = {"max_steps": 3, "per_device_train_batch_size": 4, "eval_strategy": "no"}
        recipe = Recipe(model=tiny_checkpoint("wav2vec2-group", tmp_path), data=Data(str(data), streaming=streaming),
                        max_corrupt=0.1, training=training, probe=False)  # fmt: skip
        runs.append(aft.train(recipe, tmp_path / f"run-{streaming}", log=said.append))
        sizes.append(sum(file.stat().st_size for file in cache.glob("clean-*")))
    ours, theirs = runs
    assert ours.digests["model"] == theirs.digests["model"]
    assert ours.splits["train"] == theirs.splits["train"]
    assert len(ours.splits["train"]["unreadable"]) == 1
    assert sizes[0] < sizes[1] * 0.7
    assert sum(line.startswith("streaming   each clip of train is cleaned again") for line in said) == 1


def test_a_recording_that_changes_on_the_way_is_named(tmp_path):
    for label in ("no", "yes"):
        (tmp_path / label).mkdir()
        write(Clip.tone(300, 0.5), tmp_path / label / "a.wav")
    table = load(Data(str(tmp_path)), targets=(Label,), need=("train",)).splits["train"]
    again = clean_again(table, Cleaner(DEFAULT_CHAIN, 16_000), name="train")
    write(Clip.tone(300, 0.3), tmp_path / "yes" / "a.wav")
    with pytest.raises(AudioError, match=r"yes/a\.wav.* has changed since the training began"):
        again.wave(table["key"].index("yes/a.wav"))
