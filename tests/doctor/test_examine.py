"""Examination: what was measured is kept, a stopped one goes on, and a changed recording is measured again."""

import errno
import os
import subprocess
import sys

import numpy as np
import pytest

from audio_ft.audio.clip import Clip, write
from audio_ft.data import Data
from audio_ft.doctor import examine
from audio_ft.doctor.inspect import inspect


@pytest.fixture
def recordings(tmp_path):
    (tmp_path / "in").mkdir()
    for number in range(1, 6):
        write(Clip.noise(0.3, seed=number), tmp_path / "in" / f"{number}.wav")
    return tmp_path / "in"


@pytest.fixture
def measured_now(monkeypatch):
    """Return a list that grows with each recording that is measured; few of them are measured in this process."""
    sources = []

    def counted(source, measure=examine.measure):
        sources.append(os.path.basename(source))
        return measure(source)

    monkeypatch.setattr(examine, "measure", counted)
    return sources


def test_nothing_is_measured_twice_unless_it_changed(recordings, measured_now):
    first = inspect(Data(str(recordings)))
    assert len(measured_now) == 5
    again = inspect(Data(str(recordings)))
    assert len(measured_now) == 5
    assert again.to_dict() == first.to_dict()
    write(Clip(np.clip(Clip.tone(300, 0.3).samples, -0.2, 0.2), 16_000), recordings / "3.wav")
    changed = inspect(Data(str(recordings)))
    assert measured_now[5:] == ["3.wav"]
    assert next(finding for finding in changed.findings if finding.name == "clipped").keys == ("3.wav",)


def test_a_stopped_examination_goes_on(recordings, measured_now, monkeypatch):
    counted = examine.measure

    def stopped(source):
        if len(measured_now) == 2:
            raise KeyboardInterrupt
        return counted(source)

    monkeypatch.setattr(examine, "measure", stopped)
    with pytest.raises(KeyboardInterrupt):
        inspect(Data(str(recordings)))
    monkeypatch.setattr(examine, "measure", counted)
    assert inspect(Data(str(recordings))).decoded
    assert sorted(measured_now) == [f"{number}.wav" for number in range(1, 6)]


def test_a_line_that_was_not_finished_is_measured_again(recordings, measured_now):
    inspect(Data(str(recordings)))
    journal = examine.Journal.of(str(recordings)).file
    journal.write_bytes(journal.read_bytes()[:-20])
    inspect(Data(str(recordings)))
    assert len(measured_now) == 6


def test_results_of_recordings_that_are_gone_are_forgotten(recordings):
    inspect(Data(str(recordings)))
    (recordings / "1.wav").unlink()
    write(Clip.noise(0.4), recordings / "2.wav")
    inspect(Data(str(recordings)))
    assert len(examine.Journal.of(str(recordings)).read()) == 4


def test_without_a_place_for_the_journal_the_examination_is_complete(recordings, tmp_path):
    (tmp_path / "file").write_text("")
    environment = os.environ | {"AUDIO_FT_CACHE": str(tmp_path / "file")}
    command = [sys.executable, "-m", "audio_ft", "inspect", str(recordings)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert "every sample was read" in " ".join(done.stdout.split())
    assert "results cannot be kept there for the next time" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_journal_that_can_no_longer_grow_costs_only_the_next_time(recordings, measured_now, monkeypatch, caplog):
    written = []

    def full_after_two(file, content, append=examine.append_json_line):
        if len(written) == 2:
            file.open("ab").write(b'{"stamp": "half')  # what fitted on the disk
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(content)
        append(file, content)

    monkeypatch.setattr(examine, "append_json_line", full_after_two)
    first = inspect(Data(str(recordings)))
    assert first.decoded
    assert all(one.measured for one in first.recordings)
    (warning,) = caplog.messages
    assert "results cannot be kept there for the next time (No space left on device); make space" in warning
    monkeypatch.undo()
    assert inspect(Data(str(recordings))).to_dict() == first.to_dict()
    assert len(examine.Journal.of(str(recordings)).read()) == 5
