"""One recording, one process or one disk that fails: what a user then sees, and that the rest goes on."""

import csv
import json
import os
import signal
import socket
import struct
import time
from pathlib import Path

import numpy as np
import pytest
from checkpoints import WORDS, kept_checkpoint
from forked import Running, request

from audio_ft.audio.clip import Clip, probe, read, write
from audio_ft.audio.codec import pyav
from audio_ft.cli.main import main
from audio_ft.data import Data, load
from audio_ft.doctor.inspect import inspect
from audio_ft.errors import AudioError
from audio_ft.parallel import KILLED, one_by_one, parallel_map

FAULTS = {
    "loop.wav": "symbolic links form a loop",
    "dangling.wav": "link target missing",
    "pipe.wav": "not a regular file (named pipe)",
    "socket.wav": "not a regular file",
    "empty.wav": "empty file",
}


def pcm64(path, channels=1):
    """Write a tone as 64-bit integers, which libsndfile does not read, and return it (channels, time)."""
    tone = np.tile(Clip.tone(300, 0.5).samples, (channels, 1))
    data = np.round(tone.T.astype(np.float64) * 2**62).astype("<i8").tobytes()
    form = struct.pack("<HHIIHH", 1, channels, 16_000, 16_000 * 8 * channels, 8 * channels, 64)
    head = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(data))
    path.write_bytes(b"RIFF" + struct.pack("<I", len(head) + len(data)) + head + data)
    return tone / 2


@pytest.fixture
def faulty(tmp_path, monkeypatch):
    """Return class folders with forty recordings, and everything that can be called like a recording and is none."""
    for label in ("no", "yes"):
        for number in range(20):
            (tmp_path / "raw" / label).mkdir(parents=True, exist_ok=True)
            write(Clip.tone(200 + 20 * number + 7 * len(label), 0.3), tmp_path / "raw" / label / f"{number:02d}.wav")
    folder = tmp_path / "raw" / "yes"
    (folder / "loop.wav").symlink_to("loop.wav")
    (folder / "dangling.wav").symlink_to("nowhere.wav")
    (folder / "folder.wav").mkdir()
    (folder / "loop").symlink_to("loop")
    (folder / "empty.wav").touch()
    os.mkfifo(folder / "pipe.wav")
    monkeypatch.chdir(folder)  # the address of a socket has at most 108 bytes
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket.wav")
        pcm64(folder / "pcm64.wav")
        yield tmp_path / "raw"


def test_inspect_names_and_counts_each_fault(faulty):
    for decode in (False, True):
        found = inspect(Data(str(faulty)), decode=decode)
        assert dict(found.unreadable) == {f"yes/{name}": reason for name, reason in FAULTS.items()}
        assert sum(facts.readable for facts in found.splits.values()) == 41


def test_clean_and_prepare_exclude_each_fault_by_name(faulty, tmp_path, capsys):
    assert main(["clean", str(faulty), str(tmp_path / "clean")]) == 0
    out = capsys.readouterr().out
    for name, reason in FAULTS.items():
        assert f"cannot be read: yes/{name}: {reason}" in out
    assert "written: 41 files" in out
    assert main(["prepare", str(faulty), str(tmp_path / "ready"), "--set", "max_corrupt=0.2"]) == 0
    with (tmp_path / "ready" / "unreadable.csv").open(newline="") as file:
        assert {row["raw_file"]: row["reason"] for row in csv.DictReader(file)} == {
            f"yes/{name}": reason for name, reason in FAULTS.items()
        }


@pytest.mark.parametrize("channels", [1, 2])
def test_64_bit_recordings_are_read(tmp_path, channels):
    expected = pcm64(tmp_path / "a.wav", channels)
    clip = read(tmp_path / "a.wav")
    assert (clip.notes, clip.rate, probe(tmp_path / "a.wav").channels) == ((), 16_000, channels)
    np.testing.assert_allclose(clip.samples, expected, atol=1e-6)


@pytest.mark.parametrize("error", [ValueError, OverflowError, RecursionError, IndexError, AssertionError, KeyError])
@pytest.mark.parametrize("decoder", ["soundfile", "PyAV"])
def test_whatever_a_decoder_raises_is_about_its_recording(tmp_path, monkeypatch, decoder, error):
    import av
    import soundfile

    def fails(*_, **__):
        raise error("deep inside")

    write(Clip.tone(440, 0.2), tmp_path / "a.wav")
    monkeypatch.setattr(av, "open", fails)
    if decoder == "soundfile":
        monkeypatch.setattr(soundfile.SoundFile, "read", fails)
    else:
        monkeypatch.setattr(soundfile, "SoundFile", fails)
    with pytest.raises(AudioError, match=rf"a\.wav: .*\({error.__name__} in PyAV\)"):
        read(tmp_path / "a.wav")


def test_no_memory_for_one_recording_is_about_that_recording(tmp_path, monkeypatch):
    import soundfile

    def fails(*_, **__):
        raise MemoryError

    write(Clip.tone(440, 0.2), tmp_path / "a.wav")
    monkeypatch.setattr(soundfile.SoundFile, "read", fails)
    with pytest.raises(AudioError, match="not enough memory"):
        read(tmp_path / "a.wav")


def test_a_mistake_of_ours_is_not_taken_for_a_bad_recording(tmp_path, monkeypatch, capsys):
    def mistaken(*_):
        raise ZeroDivisionError("division by zero")

    (tmp_path / "raw").mkdir()
    write(Clip.tone(440, 0.2), tmp_path / "raw" / "a.wav")
    monkeypatch.setattr("audio_ft.cleaning.steps.mono.mixdown", mistaken)
    assert main(["clean", str(tmp_path / "raw"), str(tmp_path / "out")]) == 1
    assert "unexpected ZeroDivisionError: division by zero (in recording 'a.wav')" in capsys.readouterr().err
    monkeypatch.undo()
    monkeypatch.setattr(pyav._Reader, "empty_reason", mistaken)
    monkeypatch.setattr(pyav, "_unconverted", lambda frame: np.zeros((1, 0), np.float32))
    pcm64(tmp_path / "b.wav")
    with pytest.raises(ZeroDivisionError):
        read(tmp_path / "b.wav")


def test_folders_that_cannot_be_listed_are_left_out_by_name(faulty, monkeypatch, capsys):
    scandir = os.scandir

    def refusing(folder):
        if str(folder).endswith("secret"):
            raise PermissionError(13, "Permission denied", str(folder))
        return scandir(folder)

    (faulty / "yes" / "secret").mkdir()
    monkeypatch.setattr(os, "scandir", refusing)
    loaded = load(Data(str(faulty)))
    assert "folder yes/secret left out: it cannot be listed (permission denied)" in loaded.warnings


# --- processes


def fatal(number):
    """Kill the process that computes 40."""
    if number == 40:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def killed_once(marker, number):
    """Kill the process that computes 40 for the first time."""
    if number == 40 and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_a_killed_worker_costs_no_result(tmp_path, caplog):
    from functools import partial

    work = partial(killed_once, tmp_path / "marker")
    assert list(parallel_map(work, range(200), 200, describe="cleaning", workers=2)) == list(range(200))
    assert "a worker process was killed by the system, most often because memory ran out" in caplog.text
    assert "cleaning goes on with 1 worker" in caplog.text


def test_an_item_that_kills_every_worker_is_the_only_one_lost(caplog):
    found = list(parallel_map(fatal, range(200), 200, describe="cleaning", workers=2, died=lambda number: -number))
    assert found == [-number if number == 40 else number for number in range(200)]
    assert "cleaning goes on with 2 workers" in caplog.text
    assert list(one_by_one(fatal, [39, 40, 41], lambda number: KILLED)) == [(39, True), (KILLED, False), (41, True)]


SLOW = """
import sys, time
import audio_ft.cleaning.dataset as module
read = module.read
module.read = lambda source: (time.sleep(0.05), read(source))[1]
from audio_ft.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def children_of(pid):
    """Return the processes whose parent is `pid`."""
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in listed.read_text().split()] if listed.exists() else []


@pytest.fixture
def training(tmp_path):
    """Start a training whose cleaning is slow, and yield it once its workers clean."""
    arguments = ["train", "--model", kept_checkpoint("wav2vec2-group"), "--data", WORDS]
    arguments += ["--output-dir", str(tmp_path / "run"), "--set", "max_steps=1", "--set", "probe=false"]
    cache = tmp_path / "cache"
    running = Running(request(SLOW, *arguments, environment={"AUDIO_FT_CACHE": str(cache)}, trains=True))
    while not any(cache.glob("clean-*.part/tmp*")) and running.alive():
        time.sleep(0.02)
    yield running
    if running.alive():
        os.killpg(running.pids[0], signal.SIGKILL)
    running.outcomes()


@pytest.mark.skipif(not Path("/proc/self/task").exists() or os.cpu_count() == 1, reason="kills a worker found in /proc")
def test_ctrl_c_in_cleaning_ends_in_one_sentence(training, tmp_path):
    os.killpg(training.pids[0], signal.SIGINT)
    (outcome,) = training.outcomes()
    error = outcome.stderr.splitlines()
    assert error[-1] == "audio-ft: stopped; the same command continues from what is finished."
    assert not [line for line in error if "Traceback" in line or "KeyboardInterrupt" in line]
    assert outcome.returncode == 130
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(not Path("/proc/self/task").exists() or os.cpu_count() == 1, reason="kills a worker found in /proc")
def test_a_killed_worker_of_cleaning_does_not_stop_the_training(training, tmp_path):
    workers = [
        child for child in children_of(training.pids[0]) if "resource" not in Path(f"/proc/{child}/cmdline").read_text()
    ]
    os.kill(workers[0], signal.SIGKILL)
    (outcome,) = training.outcomes()
    error = outcome.stderr
    assert "Traceback" not in error
    assert "a worker process was killed by the system" in error, error
    assert "cleaning goes on with" in error
    assert outcome.returncode == 0, error
    assert (tmp_path / "run" / "run.json").is_file()


# --- the cache


@pytest.fixture
def cleaned(tmp_path):
    """Return a function that cleans five recordings with a cache, and the one file in it."""
    import pyarrow as pa
    from datasets import Audio, Dataset, Features, Value

    from audio_ft.cleaning.chain import DEFAULT_CHAIN
    from audio_ft.cleaning.dataset import Cleaner, clean

    paths = [str(tmp_path / f"{number}.wav") for number in range(5)]
    for number, path in enumerate(paths):
        write(Clip.tone(200 + 50 * number, 0.5), path)
    features = Features(audio=Audio(decode=False), key=Value("string"))
    audio = pa.StructArray.from_arrays([pa.nulls(5, pa.binary()), pa.array(paths)], ["bytes", "path"])
    split = Dataset(pa.table({"audio": audio, "key": paths}, schema=features.arrow_schema))

    def rows():
        cleaner = Cleaner(DEFAULT_CHAIN, 16_000)
        return clean(split, cleaner, name="test", workers=1, cache=tmp_path / "cache").rows[:]

    rows()
    (file,) = (tmp_path / "cache").glob("*.arrow")
    return rows, file


@pytest.mark.parametrize("place", [0, 0.1, 0.5, 0.9, 1])
def test_a_flipped_byte_in_the_cache_is_found_and_its_block_cleaned_again(cleaned, place, caplog):
    rows, file = cleaned
    expected, content = rows(), file.read_bytes()
    assert "damaged" not in caplog.text
    at = round(place * (len(content) - 1))
    file.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    assert rows() == expected
    assert f"{file} is damaged or unfinished; its recordings are cleaned again" in caplog.text
    assert file.read_bytes() == content


def test_rows_that_lacked_memory_are_cleaned_again_the_next_time(cleaned, monkeypatch):
    rows, file = cleaned
    expected = rows()
    file.unlink()
    with monkeypatch.context() as patch:
        patch.setattr("audio_ft.audio.codec.libsndfile._skip", lambda *_: (_ for _ in ()).throw(MemoryError))
        assert set(rows()["error"]) == {"not enough memory"}
    assert rows() == expected


def test_a_cache_that_cannot_be_written_is_named_with_the_way_out(tmp_path, monkeypatch, capsys):
    from checkpoints import ASSETS

    (tmp_path / "file").touch()
    monkeypatch.setenv("AUDIO_FT_CACHE", str(tmp_path / "file" / "cache"))
    arguments = ["--model", str(ASSETS / "wav2vec2-mini"), "--data", str(ASSETS / "words")]
    assert main(["train", *arguments, "--output-dir", str(tmp_path / "run")]) == 2
    assert "cannot be written (Not a directory); set AUDIO_FT_CACHE to a folder that can" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


# --- notes on predictions


def test_predictions_say_what_is_wrong_with_a_recording(small_run, tmp_path, capsys):
    tone = Clip.tone(440, 1.0, dbfs=-6.0)
    clips = {
        "good": tone,
        "silent": Clip.silence(1.0),
        "clipped": Clip(np.clip(8 * tone.samples, -1, 1), 16_000),
        "anti-phase stereo": Clip(np.concatenate([tone.samples, -tone.samples]), 16_000),
        "outside [-1, 1]": Clip(1_000 * tone.samples, 16_000),
        "short": Clip.tone(440, 0.01),
        "very quiet": Clip.tone(440, 1.0, dbfs=-80.0),
    }
    for name, clip in clips.items():
        write(clip, tmp_path / f"{name}.wav")
    content = (tmp_path / "good.wav").read_bytes()
    (tmp_path / "truncated.wav").write_bytes(content[: len(content) // 2])
    assert main(["predict", str(small_run), str(tmp_path), "--json"]) == 0
    captured = capsys.readouterr()
    lines = {Path(line["file"]).stem: line for line in map(json.loads, captured.out.splitlines())}
    assert "notes" not in lines["good"]
    for name in [*clips, "truncated"][1:]:
        assert name in [note.partition(":")[0] for note in lines[name]["notes"]], lines[name]
        (line,) = [line for line in captured.err.splitlines() if line.startswith(f"warning: {tmp_path}/{name}.wav: ")]
        assert f"{name}: " in line


@pytest.mark.parametrize("hz", [100, 440, 3_000])
def test_a_loud_tone_is_not_clipped(hz):
    from audio_ft.audio.level import Level

    level = Level()
    level.add(np.round(Clip.tone(hz, 1.0, dbfs=-0.1).samples * 32_768) / np.float32(32_768))
    assert level.notes() == ()
