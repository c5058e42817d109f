"""Every row of the collection of difficult files behaves as its manifest says (what a good program should do)."""

import csv
import os
import shutil
import subprocess

import numpy as np
import pytest

from audio_ft.audio.clip import AUDIO_SUFFIXES, probe, read
from audio_ft.cleaning.chain import DEFAULT_CHAIN
from audio_ft.cleaning.steps import Mono
from audio_ft.data import Data
from audio_ft.doctor.inspect import inspect
from audio_ft.errors import AudioError

pytestmark = pytest.mark.real

# Notes that a row gets beyond what its `expect` asks for, each true of the file.
EXTRA_NOTES = {
    "matroska_two_audio_tracks.mka": "several tracks",
    "chained.ogg": "chained",
    "very_quiet_-80dB.wav": "very quiet",
}
# Rows whose `expect` is not about reading; each has its own test below.
ELSEWHERE = {
    "stereo_antiphase.wav",
    "duplicate_a.wav",
    "long_20min.opus",
    "short_10ms.wav",
    "short_1_sample.wav",
    "short_1_sample_48000.wav",
}


@pytest.fixture(scope="session")
def nasty(shared, tmp_path_factory):
    """Unpack the collection and let its own script make the links, modes and pipes that no archive keeps."""
    folder = tmp_path_factory.mktemp("nasty")
    shutil.unpack_archive(shared / "data" / "nasty.tar.xz", folder)
    subprocess.run(["sh", folder / "nasty" / "make_special.sh"], check=True)
    yield folder / "nasty"
    (folder / "nasty" / "files" / "special" / "unreadable_dir").chmod(0o700)


@pytest.fixture(scope="session")
def rows(nasty):
    with (nasty / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 84
    return rows


def outcome(path):
    """Return the clip, or the reason why there is none."""
    try:
        return read(path)
    except AudioError as error:
        return error.reason


def wrong_length(row, clip):
    """Say what is wrong with a clip's shape, or return None; the manifest's numbers are at its own rate."""
    if not row["expected_frames"]:
        return None
    rate, channels = int(row["expected_sample_rate"]), int(row["expected_channels"])
    tolerance = int(row["tolerance_frames"])
    if row["file"].endswith(".opus"):  # the manifest: either rate is right, compare seconds
        rate, tolerance = clip.rate, tolerance * clip.rate // rate
        lengths = [round(int(row["expected_frames"]) * rate / int(row["expected_sample_rate"]))]
    elif row["file"] == "truncated_half.ogg":  # half of the bytes hold less than half of the time: no decoder has more
        lengths = [int(row["libsndfile_1_2_2"].split("@")[0])]
    else:
        lengths = [int(number.strip("~")) for number in row["expected_frames"].split(" or ")]
    if (clip.rate, clip.channels) != (rate, channels):
        return f"{clip.rate} Hz, {clip.channels} channels"
    if row["libsndfile_1_2_2"].split()[0].endswith(f"@{rate}x{channels}") and row["file"].endswith(".opus"):
        # libsndfile's own single call is the witness: reading block by block must lose and repeat nothing.
        lengths, tolerance = [int(row["libsndfile_1_2_2"].split("@")[0])], 0
    if min(abs(clip.length - length) for length in lengths) > tolerance:
        return f"{clip.length} frames"
    return None


def test_decodable_files_have_the_expected_length(nasty, rows):
    wrong, seen = {}, 0
    for row in rows:
        if row["expect"].startswith("decode"):
            seen += 1
            clip = outcome(nasty / "files" / row["file"])
            fault = clip if isinstance(clip, str) else wrong_length(row, clip)
            if fault:
                wrong[row["file"]] = fault
    assert wrong == {}
    assert seen >= 60


def test_notes_are_exactly_the_expected_ones(nasty, rows):
    wrong = {}
    for row in rows:
        if not row["expect"].startswith("decode") or row["file"] in ELSEWHERE:
            continue
        notes = [note.split(":")[0] for note in read(nasty / "files" / row["file"]).notes]
        expected = [EXTRA_NOTES[row["file"]]] if row["file"] in EXTRA_NOTES else []
        if row["expect"].startswith("decode+warn"):
            words = row["expect"].removeprefix("decode+warn").lstrip(":, ").split(",  or")[0].split(", or")[0]
            expected = ["unfinished header" if words.startswith("or reject") else words]
        if notes != expected:
            wrong[row["file"]] = (notes, expected)
    assert wrong == {}


def test_bad_files_are_rejected_with_the_expected_reason(nasty, rows):
    wrong, seen = {}, 0
    for row in rows:
        if not row["expect"].startswith("reject") or row["file"] in ELSEWHERE or row["group"].startswith("special"):
            continue
        seen += 1
        reason = outcome(nasty / "files" / row["file"])
        if not isinstance(reason, str) or not reason.startswith(row["expect"].removeprefix("reject: ")):
            wrong[row["file"]] = reason
    assert wrong == {}
    assert seen == 11


def test_probe_agrees_with_decoding(nasty, rows):
    wrong = {}
    for row in rows:
        path = nasty / "files" / row["file"]
        if not row["expect"].startswith("decode"):
            continue
        info, clip = probe(path), read(path)
        tolerance = max(int(row["tolerance_frames"] or 0), 0.001 * clip.rate if info.decoder == "PyAV" else 0)
        if abs(info.frames - clip.length) > tolerance or (info.rate, info.channels) != (clip.rate, clip.channels):
            wrong[row["file"]] = (info, clip.length)
    assert wrong == {}


def test_links_modes_pipes_and_folders(nasty):
    special = nasty / "files" / "special"
    assert outcome(special / "fifo.wav") == "not a regular file (named pipe)"
    assert outcome(special / "link_dangling.wav") == "link target missing"
    assert outcome(special / "loop_a.wav") == "symbolic links form a loop"
    assert outcome(special / "loopdir" / "loopdir") == "is a folder"
    assert outcome(nasty / "files" / "folder_named.wav") == "is a folder"
    np.testing.assert_array_equal(outcome(special / "link_ok.wav").samples, outcome(special / "real.wav").samples)


def test_file_and_folder_without_permission(nasty):
    special = nasty / "files" / "special"
    if os.access(special / "unreadable.wav", os.R_OK):
        pytest.skip("this user (root) may read files of mode 000; test_clip checks the reason with a refusing system")
    assert outcome(special / "unreadable.wav") == "permission denied"
    assert outcome(special / "unreadable_dir" / "in.wav") == "permission denied"


def test_files_that_a_folder_scan_ignores(nasty):
    for name in (".DS_Store", "._resource_fork.wav"):
        assert outcome(nasty / "files" / name).startswith("not audio")
    assert (nasty / "files" / ".DS_Store").suffix not in AUDIO_SUFFIXES
    assert (nasty / "files" / "UPPER.WAV").suffix.lower() in AUDIO_SUFFIXES


def test_anti_phase_stereo_is_noted_when_mixed_down(nasty):
    clip = read(nasty / "files" / "stereo_antiphase.wav")
    assert np.abs(clip.samples.mean(axis=0)).max() < 1 / 32768  # 16 bits have one step more below zero than above
    assert any(note.startswith("anti-phase") for note in Mono()(clip).notes)


def test_duplicates_are_equal_and_have_no_notes(nasty):
    assert read(nasty / "files" / "duplicate_a.wav").notes == ()


def test_long_files_are_read_in_part(nasty):
    path = nasty / "files" / "long_20min.opus"
    part = read(path, start=600.0, seconds=2.0)
    assert part.seconds == 2.0
    assert np.abs(part.samples).max() > 0.01
    assert probe(path).seconds == pytest.approx(1200, abs=0.2)


def test_very_short_clips_are_read(nasty, rows):
    for row in rows:
        if row["file"] in ELSEWHERE and row["file"].startswith("short"):
            clip = read(nasty / "files" / row["file"])
            assert clip.length == int(row["expected_frames"])
            assert np.isfinite(DEFAULT_CHAIN(clip).samples).all()


def test_inspect_names_the_fault_of_each_file(nasty, tmp_path):
    files = tmp_path / "files"
    files.mkdir()
    names = ("float_all_nan.wav", "float_int16_scale.wav", "silence_dc_only.wav", "stereo_antiphase.wav", "zipped.wav",
             "stereo_right_silent.wav", "truncated_half.wav", "very_quiet_-80dB.wav", "white_noise.wav",
             "wav_s16_96000.wav", "chained.ogg", "wav_streaming_header_zero.wav", "duplicate_a.wav", "short_10ms.wav",
             "matroska_two_audio_tracks.mka", "stereo_16000.wav", "flac_s24_96000.flac")  # fmt: skip
    for name in names:
        (files / name).symlink_to(nasty / "files" / name)
    (files / "again.wav").symlink_to(nasty / "files" / "duplicate_a.wav")
    found = {finding.name: set(finding.keys) for finding in inspect(Data(str(files))).findings}
    expected = {
        "unreadable": {"float_all_nan.wav", "zipped.wav"},
        "outside full scale": {"float_int16_scale.wav"},
        "silent": {"silence_dc_only.wav"},
        "anti-phase": {"stereo_antiphase.wav"},
        "dead channel": {"stereo_right_silent.wav"},
        "truncated": {"truncated_half.wav"},
        "near-silent": {"very_quiet_-80dB.wav"},
        "hiss": {"white_noise.wav"},
        "up-sampled": {"wav_s16_96000.wav", "flac_s24_96000.flac"},
        "chained": {"chained.ogg"},
        "unfinished header": {"wav_streaming_header_zero.wav"},
        "too short": {"short_10ms.wav"},
        "several tracks": {"matroska_two_audio_tracks.mka"},
    }
    assert {name: found.get(name) for name in expected} == expected
    assert {"duplicate_a.wav", "again.wav"} <= found["duplicate"]
