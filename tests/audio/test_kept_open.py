"""Parts of one file read in turn are those of the whole file, whichever formats are kept open between them."""

import multiprocessing
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from waiting import HUNG

from audio_ft.audio.clip import probe, read
from audio_ft.audio.codec import libsndfile
from audio_ft.audio.codec.source import Part

RATE = 16_000
SECONDS = 20.0
STARTS = (3.0, 3.5, 3.9, 8.0, 8.5, 15.0, 2.0, 19.25, 0.0, 1.0)
FORMATS = {
    "a.wav": {},
    "a.flac": {},
    "a.mp3": {},
    "a.ogg": {"format": "OGG", "subtype": "VORBIS"},
    "a.opus": {"format": "OGG", "subtype": "OPUS"},
    "gsm.wav": {"format": "WAV", "subtype": "GSM610"},
}
# libmpg123 adds in another order after a seek.
TOLERANCE = {"a.mp3": 1e-6}


def written(path, seed=0):
    """Write noise whose level changes all the time."""
    time = np.arange(int(SECONDS * RATE)) / RATE
    noise = np.random.default_rng(seed).normal(0, 0.1, len(time)) * (1 + np.sin(2 * np.pi * 0.7 * time))
    soundfile.write(path, noise.astype(np.float32), RATE, **FORMATS[path.name])
    return str(path)


@pytest.mark.parametrize("name", FORMATS)
def test_parts_read_in_turn_are_those_of_the_whole_file(tmp_path, name):
    path = written(tmp_path / name)
    whole = read(path).samples[0]
    for start in STARTS:
        part = read(path, start=start, stop=start + 0.5).samples[0]
        expected = whole[round(start * RATE) : round((start + 0.5) * RATE)]
        np.testing.assert_allclose(part, expected, rtol=0, atol=TOLERANCE.get(name, 0.0))


@pytest.mark.parametrize(("name", "opened"), [("a.mp3", 1), ("a.opus", 1), ("gsm.wav", 2), ("a.wav", 4), ("a.ogg", 4)])
def test_files_are_opened_once_where_finding_a_part_takes_long(tmp_path, monkeypatch, name, opened):
    path = written(tmp_path / name)
    number = []
    original = libsndfile._opened
    monkeypatch.setattr(libsndfile, "_opened", lambda recording: number.append(1) or original(recording))
    for start in (3.0, 5.0, 9.0, 4.0):  # GSM cannot go back
        read(path, start=start, stop=start + 0.5)
    assert len(number) == opened


@pytest.mark.parametrize("name", ["a.mp3", "a.opus"])
def test_a_file_that_changes_between_parts_is_read_anew(tmp_path, name):
    first, second = (written(tmp_path / name, seed) and read(tmp_path / name).samples[0] for seed in (0, 1))
    part = slice(round(5 * RATE), round(5.5 * RATE))
    for seed, whole in ((0, first), (1, second)):
        written(tmp_path / name, seed)
        samples = read(tmp_path / name, start=5, stop=5.5).samples[0]
        np.testing.assert_allclose(samples, whole[part], rtol=0, atol=1e-6)


def _part(path, start):
    return read(path, start=start, stop=start + 0.5).samples[0]


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="other systems do not fork")
def test_a_forked_process_does_not_move_the_place_of_its_parent(tmp_path):
    path = written(tmp_path / "a.mp3")
    whole = read(path).samples[0]
    _part(path, 3.0)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        there = pool.apply(_part, (path, 12.0))
    for start, samples in ((12.0, there), (3.6, _part(path, 3.6))):
        expected = whole[round(start * RATE) : round((start + 0.5) * RATE)]
        np.testing.assert_allclose(samples, expected, rtol=0, atol=1e-6)


def test_the_header_is_read_once_for_all_parts_of_a_file(tmp_path, monkeypatch):
    path = written(tmp_path / "a.mp3")
    number = []
    original = libsndfile._opened
    monkeypatch.setattr(libsndfile, "_opened", lambda recording: number.append(1) or original(recording))
    seconds = [probe(Part(path, start, start + 0.5)).seconds for start in STARTS]
    assert (seconds, len(number)) == ([0.5] * len(STARTS), 1)
    soundfile.write(path, np.zeros(RATE), RATE, format="WAV")
    assert probe(Part(path, 0.0, 5.0)).seconds == 1.0


def test_a_process_ends_in_silence_with_a_recording_open(tmp_path):
    """Python clears modules in any order at its end, and soundfile without its library complained on the screen."""
    path = written(tmp_path / "a.mp3")
    code = (
        "import sys\nfrom audio_ft.audio.clip import read\nfrom audio_ft.audio.codec import kept_open\n"
        "from audio_ft.audio.codec.source import Part\nread(Part(sys.argv[1], 1.0, 2.0))\n"
        "import atexit\natexit._run_exitfuncs()\nassert kept_open._kept.last is None"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, text=True, timeout=HUNG, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
