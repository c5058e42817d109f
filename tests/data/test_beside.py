"""Transcripts and fields beside recordings: text files of one name, lists of names, Kaldi's data folders."""

import json

import numpy as np
import pytest
import soundfile
from test_lists import labels, notes, pairs, recordings, transcripts, written

from audio_ft.data import Data, load
from audio_ft.errors import InputError
from audio_ft.targets import Transcript


def test_librispeech_has_lists_of_names_and_folders_of_splits(tmp_path):
    for split in ("train-clean-100", "train-other-500", "dev-clean", "test-other"):
        for speaker in (f"{len(split)}1", f"{len(split)}2"):
            names = [f"{speaker}-7-{number:04d}" for number in range(4)]
            folder = tmp_path / split / speaker / "7"
            recordings(folder, [f"{name}.flac" for name in names])
            written(folder, [f"{name} SAID {number}" for number, name in enumerate(names)], f"{speaker}-7.trans.txt")
    loaded = transcripts(tmp_path)
    assert {name: len(split) for name, split in loaded.splits.items()} == {"train": 16, "validation": 8, "test": 8}
    assert pairs(loaded)["151-7-0003.flac"] == "SAID 3"
    assert loaded.group == "speaker, as in LibriSpeech names"
    assert "transcripts are read from dev-clean/91/7/91-7.trans.txt and 7 lists like it" in notes(loaded)


@pytest.mark.parametrize("suffix", [".txt", ".lab", ".normalized.txt", ".trn"])
@pytest.mark.parametrize("place", ["", "txt/"])
def test_a_transcript_beside_each_recording(tmp_path, suffix, place):
    names = [f"p{number % 4}/p{number % 4}_{number}" for number in range(24)]
    recordings(tmp_path / "set" / ("wav" if place else ""), [f"{name}.wav" for name in names])
    for name in names:
        written(tmp_path / "set", [f"take of {name}"], f"{place}{name}{suffix}")
    loaded = transcripts(tmp_path)
    assert pairs(loaded)["p3_7.wav"] == "take of p3/p3_7"
    assert loaded.group == "folder"
    assert "transcripts are read from text files of the same name, such as" in notes(loaded)
    assert "are treated as groups (speakers)" in notes(loaded)


def test_timits_samples_are_not_spoken(tmp_path):
    for split in ("TRAIN", "TEST"):
        for speaker in ("FCJF0", "MDAB0", "FVMH0"):
            recordings(tmp_path / split / speaker, [f"SA{number}.WAV" for number in range(4)])
            for number in range(4):
                written(tmp_path / split / speaker, [f"0 46797 She had {number} suits."], f"SA{number}.txt")
    loaded = transcripts(tmp_path)
    assert set(pairs(loaded).values()) == {f"She had {number} suits." for number in range(4)}
    assert len(loaded.splits["test"]) == 12


@pytest.mark.parametrize("line", ["{name} take {number}", "{name}\ttake {number}", '( {name} "take {number}" )'])
def test_lists_of_names_and_transcripts(tmp_path, line):
    recordings(tmp_path / "waves", [f"s{number % 4}/v{number}.wav" for number in range(20)])
    written(tmp_path, [line.format(name=f"v{number}", number=number) for number in range(19)], "prompts.txt")
    loaded = transcripts(tmp_path)
    assert pairs(loaded)["v7.wav"] == "take 7"
    assert "1 recording without any left out (first: waves/s3/v19.wav)" in notes(loaded)


def test_label_tracks_beside_recordings_are_no_transcripts_of_the_whole(tmp_path):
    recordings(tmp_path, [f"{number}.wav" for number in range(5)])
    for number in range(5):
        written(tmp_path, ["0.5\t1.5\tdog", "2.0\t3.0\tcat"], f"{number}.txt")
    read = transcripts(tmp_path)
    assert {"dog", "cat"} == {text for split in read.splits.values() for text in split["target"]}
    assert read.reading.endswith("from 5 Audacity label files")


def test_class_folders_stay_labels_beside_texts_and_fields(tmp_path):
    for label in ("no", "yes"):
        recordings(tmp_path / label, [f"{number}.wav" for number in range(10)])
        for number in range(10):
            written(tmp_path / label, ["hm"], f"{number}.txt")
            written(tmp_path / label, [json.dumps({"seconds": number})], f"{number}.json")
    assert labels(tmp_path).target.names == ("no", "yes")


def kaldi(folder, wavs, segments=(), split="train"):
    """Write a Kaldi data folder."""
    data = folder / "data" / split
    written(data, [f"{name} {path}" for name, path in wavs.items()], "wav.scp")
    utterances = [segment.split()[0] for segment in segments] or list(wavs)
    written(data, [f"{name} said {name}" for name in utterances], "text")
    written(data, [f"{name} s{number % 5}" for number, name in enumerate(utterances)], "utt2spk")
    if segments:
        written(data, segments, "segments")
    return data


def test_kaldi_data_folders(tmp_path, monkeypatch):
    for split in ("train", "dev", "test_clean"):
        recordings(tmp_path / "wav", [f"{split}{number:02d}.flac" for number in range(20)])
        wavs = {f"{split}{number:02d}": f"wav/{split}{number:02d}.flac" for number in range(20)}
        data = kaldi(tmp_path, wavs, split=split)
    loaded = transcripts(tmp_path / "data" / "train")
    assert (pairs(loaded)["train07.flac"], loaded.group) == ("said train07", "speaker")
    assert "is a Kaldi data folder: read from its wav.scp, text, utt2spk" in notes(loaded)
    whole = transcripts(tmp_path / "data")
    assert {name: len(split) for name, split in whole.splits.items()} == {"train": 20, "validation": 20, "test": 20}
    # A command is not run; the recording it names is read.
    written(
        data, [f"u{number:02d} flac -c -d -s {tmp_path}/wav/dev{number:02d}.flac |" for number in range(20)], "wav.scp"
    )
    written(data, [f"u{number:02d} said {number}" for number in range(20)], "text")
    loaded = transcripts(data)
    assert pairs(loaded)["dev07.flac"] == "said 7"
    assert "20 commands of" in notes(loaded)
    written(data, ["u00 cat a.flac b.flac |"], "wav.scp")
    with pytest.raises(InputError, match=r"is a command, which is not run, and names 2 recordings"):
        transcripts(data)


def test_kaldi_segments_are_rows_with_start_and_end(tmp_path):
    (tmp_path / "wav").mkdir()
    wavs = {f"r{number}": f"{tmp_path}/wav/r{number}.wav" for number in range(6)}
    for path in wavs.values():
        soundfile.write(path, np.zeros(25 * 1_000), 1_000)
    data = kaldi(
        tmp_path, wavs, [f"r{number % 6}_{number} r{number % 6} {number}.5 {number + 1}.25" for number in range(24)]
    )
    rows = load(Data(str(data)), targets=(Transcript,), need=("train",)).splits["train"]
    assert len(rows) == 24
    assert {row["key"].rpartition("/")[2] for row in rows} >= {"r0.wav#0.500-1.250", "r5.wav#23.500-24.250"}
    with pytest.raises(InputError, match="speaker and recording: train, validation and test need 3 of them"):
        transcripts(data)  # each recording has several speakers, and each speaker several recordings
