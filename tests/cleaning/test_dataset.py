"""Cleaning as a map: rows hold the chain's output, nothing is done twice, a kill loses and leaves nothing."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from waiting import HUNG

from audio_ft.audio.clip import Clip, read, write
from audio_ft.cleaning.cache import is_sealed
from audio_ft.cleaning.chain import DEFAULT_CHAIN, Chain
from audio_ft.cleaning.dataset import Cleaner, clean
from audio_ft.cleaning.steps import Mono, Resample
from audio_ft.errors import AudioError, InputError
from audio_ft.inference.batching import Collator, Windows
from audio_ft.models import load_adapter

ASSETS = Path(__file__).parents[2] / "audio_ft" / "assets"
MINI = str(ASSETS / "wav2vec2-mini")


def recordings(folder, count, seconds=0.4, rate=16_000):
    """Write tones between silences, each of its own pitch and length, and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in range(count):
        tone = Clip.tone(200 + 7 * number, seconds + 0.01 * (number % 10), rate)
        quiet = np.zeros((1, rate // 10), np.float32)
        paths.append(str(folder / f"{number:04d}.wav"))
        write(Clip(np.concatenate([quiet, tone.samples, quiet], axis=1), rate), paths[-1])
    return paths


def table(paths):
    """Return the columns that cleaning reads of what `load` gives."""
    import pyarrow as pa
    from datasets import Audio, Dataset, Features, Value

    features = Features(audio=Audio(decode=False), key=Value("string"))
    audio = pa.StructArray.from_arrays([pa.nulls(len(paths), pa.binary()), pa.array(paths)], ["bytes", "path"])
    return Dataset(pa.table({"audio": audio, "key": [Path(path).name for path in paths]}, schema=features.arrow_schema))


@pytest.fixture(scope="module")
def adapter():
    return load_adapter(MINI).with_window(1.0)


def cleaner(adapter, chain=DEFAULT_CHAIN):
    return Cleaner(chain, adapter.sample_rate)


def written(cache):
    """Return what lies in a cache, with times of change."""
    return {path.name: path.stat().st_mtime_ns for path in cache.iterdir()}


def matches_the_chain(checkpoint, paths, cache):
    """Compare a batch of cached rows with the chain's output under transformers' own feature extractor."""
    from transformers import AutoFeatureExtractor

    adapter = load_adapter(checkpoint).with_window(1.0)
    cleaned = clean(table(paths), cleaner(adapter), name="test", workers=1, cache=cache)
    expected = [DEFAULT_CHAIN(read(path)) for path in paths]
    assert [row["length"] for row in cleaned.rows] == [clip.length for clip in expected]
    assert cleaned.seconds == pytest.approx(sum(clip.seconds for clip in expected))
    assert cleaned.seconds_before == pytest.approx(sum(read(path).seconds for path in paths))
    batch = Collator(adapter)(Windows(cleaned, None, 1.0).__getitems__(list(range(len(paths)))))
    extractor = AutoFeatureExtractor.from_pretrained(checkpoint)
    for row, clip in enumerate(expected):
        theirs = extractor(clip.samples[0], sampling_rate=16_000, return_tensors="np")["input_values"][0]
        np.testing.assert_allclose(batch["input_values"][row, : clip.length].numpy(), theirs, atol=1e-3)


def test_rows_hold_the_output_of_the_chain(tmp_path):
    matches_the_chain(MINI, recordings(tmp_path / "in", 12), tmp_path / "cache")


@pytest.mark.real
@pytest.mark.parametrize("checkpoint", ["wav2vec2-mini", "hubert-mini"])
def test_rows_of_real_recordings_hold_the_output_of_the_chain(checkpoint, shared, tmp_path):
    paths = sorted(map(str, (shared / "data" / "digits" / "test").glob("*.wav")))[:40]
    matches_the_chain(str(shared / "checkpoints" / checkpoint), paths, tmp_path)


def test_a_second_cleaning_computes_nothing(adapter, tmp_path):
    split, cache = table(recordings(tmp_path / "in", 5)), tmp_path / "cache"
    first = clean(split, cleaner(adapter), name="test", workers=1, cache=cache)
    before = written(cache)
    second = clean(split, cleaner(adapter), name="test", workers=1, cache=cache)
    assert written(cache) == before
    assert first.rows[:] == second.rows[:]


def test_another_chain_is_cleaned_again(adapter, tmp_path):
    split, cache = table(recordings(tmp_path / "in", 2)), tmp_path / "cache"
    trimmed = clean(split, cleaner(adapter), name="test", workers=1, cache=cache)
    whole = clean(split, cleaner(adapter, chain=Chain((Resample(16_000), Mono()))), name="test", workers=1, cache=cache)
    assert whole.seconds == pytest.approx(whole.seconds_before)
    assert trimmed.seconds < whole.seconds
    assert len(written(cache)) == 2


def test_an_edited_recording_recomputes_only_its_block(adapter, tmp_path, monkeypatch):
    monkeypatch.setattr("audio_ft.cleaning.dataset.BLOCK", 4)
    paths, cache = recordings(tmp_path / "in", 10), tmp_path / "cache"
    clean(table(paths), cleaner(adapter), name="test", workers=1, cache=cache)
    before = written(cache)
    assert len(before) == 3
    write(Clip.tone(1000, 0.9), paths[5])
    again = clean(table(paths), cleaner(adapter), name="test", workers=1, cache=cache)
    after = written(cache)
    assert len(after.keys() - before.keys()) == 1
    assert {name: after[name] for name in before} == before
    assert again.rows[5]["length"] == 14_400


@pytest.mark.parametrize("kept", ["nothing", "half", "whole rows"])
def test_truncated_cache_file_is_made_again(adapter, tmp_path, kept):
    split, cache = table(recordings(tmp_path / "in", 5)), tmp_path / "cache"
    first = clean(split, cleaner(adapter), name="test", workers=1, cache=cache).rows[:]
    (file,) = cache.glob("*.arrow")
    content = file.read_bytes()
    with pa.ipc.open_stream(content) as stream:
        rows = stream.read_all().slice(0, 3)
    file.write_bytes({"nothing": b"", "half": content[: len(content) // 2], "whole rows": b""}[kept])
    if kept == "whole rows":
        with pa.ipc.new_stream(str(file), rows.schema) as stream:
            stream.write_table(rows)
    assert clean(split, cleaner(adapter), name="test", workers=1, cache=cache).rows[:] == first


def test_unreadable_recordings_are_listed_with_their_reasons(adapter, tmp_path):
    paths = recordings(tmp_path / "in", 4)
    Path(paths[1]).write_bytes(b"")
    Path(paths[2]).unlink()
    split = table(paths)
    cleaned = clean(split, cleaner(adapter), name="test", workers=1, cache=tmp_path / "cache")
    assert cleaned.errors == (("0001.wav", "empty file"), ("0002.wav", "no such file"))
    assert (cleaned.clips, cleaned.used.tolist()) == (2, [0, 3])


def test_recordings_unreadable_for_a_temporary_reason_are_tried_again(adapter, tmp_path, monkeypatch):
    paths, cache = recordings(tmp_path / "in", 3), tmp_path / "cache"

    def errors():
        return clean(table(paths), cleaner(adapter), name="test", workers=1, cache=cache).errors

    def forbidden(source, **_):
        raise AudioError(source, "permission denied")

    with monkeypatch.context() as patch:
        patch.setattr("audio_ft.cleaning.dataset.read", forbidden)
        patch.setattr(os, "access", lambda *_: False)
        assert {reason for _, reason in errors()} == {"permission denied"}
    assert errors() == ()
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "av", None)
        before = written(cache)
        assert errors() == ()
        assert written(cache) != before


def test_long_recordings_are_cut_into_evenly_spaced_windows(adapter, tmp_path):
    path = str(tmp_path / "long.wav")
    write(Clip.noise(2.5), path)
    chain = Chain((Resample(16_000), Mono()))
    cleaned = clean(table([path]), cleaner(adapter, chain), name="test", workers=1, cache=tmp_path / "cache")
    windows = Windows(cleaned, None, 1.0)
    assert windows.clips.tolist() == [0, 0, 0]
    assert windows.places.starts.tolist() == [0.0, 0.75, 1.5]
    assert windows.lengths.tolist() == [16_000] * 3
    whole = cleaned.wave(0)
    for index, start in enumerate((0, 12_000, 24_000)):
        assert np.array_equal(windows.wave(index), whole[start : start + 16_000])
    assert cleaned.clips == 1
    assert cleaned.seconds_before == pytest.approx(2.5)
    # The windows overlap by half a second in all, which is counted once.
    assert cleaned.seconds == pytest.approx(2.5)


def test_chain_with_wrong_output_rate_or_channels_is_rejected(adapter, tmp_path):
    split = table(recordings(tmp_path / "in", 1, rate=8_000))
    with pytest.raises(InputError, match=r"ends at 8,000 Hz but the model expects 16,000 Hz"):
        clean(split, cleaner(adapter, chain=Chain((Mono(),))), name="test", workers=1, cache=tmp_path / "cache")


def test_full_disk_is_reported_before_cleaning(adapter, tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10, 10, 1000))
    split, cache = table(recordings(tmp_path / "in", 3)), tmp_path / "cache"
    with pytest.raises(InputError, match=r"needs about .* [kM]B in .* 1\.0 kB are free; .* data\.streaming=true"):
        clean(split, cleaner(adapter), name="test", workers=1, cache=cache)
    assert not written(cache)


# In a process of its own, so that it can be killed: three blocks of seventy clips, slowed to be caught in the middle.
SCRIPT = """
import json, sys, time
sys.path.insert(0, {tests!r})
import audio_ft.cleaning.dataset as module
from audio_ft.cleaning.chain import Chain
from audio_ft.audio.clip import Clip
from audio_ft.cleaning.steps import Mono, Resample
from test_dataset import MINI, cleaner, load_adapter, table
from pathlib import Path
module.BLOCK = 70
slow = float(sys.argv[1])
read = module.read
module.read = lambda source: (time.sleep(slow), read(source))[1]
adapter = load_adapter(MINI).with_window(1.0)
paths = sorted(map(str, Path({folder!r}).glob("*.wav")))
cleaned = module.clean(table(paths), cleaner(adapter), name="test", workers=2, cache=Path({cache!r}))
print(json.dumps(cleaned.rows.select_columns(["length", "digest", "samples"])[:]))
"""


def children_of(pid):
    """Return the processes whose parent is `pid`."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == pid:
            found.append(int(status.parent.name))
    return found


def running(pid):
    """Tell whether a process runs; one that ended and was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
def test_killed_cleaning_resumes_and_leaves_no_process(tmp_path):
    recordings(tmp_path / "in", 210, seconds=0.05)

    def command(cache, slow):
        script = SCRIPT.format(
            tests=str(Path(__file__).parent), folder=str(tmp_path / "in"), cache=str(tmp_path / cache)
        )
        return [sys.executable, "-c", script, str(slow)]

    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    cache = tmp_path / "killed"
    process = subprocess.Popen(command("killed", 0.05), env=environment, stderr=subprocess.DEVNULL)
    finished, begun, patience = [], [], time.monotonic() + HUNG
    # One block is finished, and both workers of the next have begun to write.
    while not (finished and len(begun) == 2) and process.poll() is None and time.monotonic() < patience:
        finished = [path for path in cache.glob("clean-*.arrow") if is_sealed(path)]
        begun = list(cache.glob("clean-*.part/tmp*"))
        time.sleep(0.02)
    workers = children_of(process.pid)
    assert len(workers) >= 2
    assert finished
    assert begun
    process.send_signal(signal.SIGKILL)
    process.wait()
    patience = time.monotonic() + 15
    while any(map(running, workers)) and time.monotonic() < patience:
        time.sleep(0.1)
    assert not any(map(running, workers))
    finished = {path.name: path.stat().st_mtime_ns for path in cache.glob("clean-*.arrow") if is_sealed(path)}
    resumed = subprocess.run(command("killed", 0), env=environment, capture_output=True, text=True, check=True)
    whole = subprocess.run(command("whole", 0), env=environment, capture_output=True, text=True, check=True)
    assert json.loads(resumed.stdout) == json.loads(whole.stdout)
    assert len(json.loads(whole.stdout)["length"]) == 210
    assert {name: written(cache)[name] for name in finished} == finished
    # What the killed run left half-written is gone.
    assert written(cache).keys() == written(tmp_path / "whole").keys()


def test_two_runs_at_once_clean_a_block_once(tmp_path):
    recordings(tmp_path / "in", 140, seconds=0.05)
    script = SCRIPT.format(tests=str(Path(__file__).parent), folder=str(tmp_path / "in"), cache=str(tmp_path / "cache"))
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", script, "0.02"]
    runs = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    first, second = (json.loads(run.communicate(timeout=HUNG)[0]) for run in runs)
    assert first == second
    assert len(first["length"]) == 140
    assert len(written(tmp_path / "cache")) == 4  # two blocks by two workers


def test_files_of_a_killed_run_are_removed(adapter, tmp_path):
    split, cache = table(recordings(tmp_path / "in", 3)), tmp_path / "cache"
    rows = clean(split, cleaner(adapter), name="test", workers=1, cache=cache).rows
    (file,) = cache.iterdir()
    left = file.with_suffix(".part")
    file.unlink()
    left.mkdir()
    (left / "tmpabcdefgh").write_bytes(bytes(100))
    (left / ".lock").write_text('{"host": "elsewhere", "pid": 1, "start": "1", "since": "2020", "token": "x"}')
    os.utime(left / ".lock", (0, 0))
    assert clean(split, cleaner(adapter), name="test", workers=1, cache=cache).rows[:] == rows[:]
    assert [path.name for path in cache.iterdir()] == [file.name]
