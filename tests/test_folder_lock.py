"""An output folder belongs to one process at a time, and a lock whose owner has ended stops nobody."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from audio_ft import folder_lock
from audio_ft.cli.main import main
from audio_ft.errors import InputError
from audio_ft.folder_lock import LOCK_FILE, owned

HOLD = "import sys, time; from pathlib import Path; from audio_ft.folder_lock import owned\n"
HOLD += "with owned(Path(sys.argv[1])): print('owned', flush=True); time.sleep(60)"


@pytest.fixture
def other(tmp_path):
    """Return another process that owns tmp_path / "out"."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", HOLD, str(tmp_path / "out")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout.readline() == b"owned\n"
        yield process
        process.kill()


def test_a_folder_is_owned_once_and_left_as_it_was(tmp_path):
    folder = tmp_path / "runs" / "first"
    with owned(folder):
        assert (folder / LOCK_FILE).is_file()
        with owned(folder):  # `prepare` owns the folder in which it calls `clean_files`
            pass
        assert (folder / LOCK_FILE).is_file()
    assert list(tmp_path.iterdir()) == []
    with owned(folder):
        (folder / "result").touch()
    assert [path.name for path in folder.iterdir()] == ["result"]


def test_another_process_or_thread_is_refused_while_the_owner_lives(tmp_path, other):
    with pytest.raises(InputError, match=rf"out is in use \(process {other.pid} on .*\); wait until it ends"):
        owned(tmp_path / "out").__enter__()
    seen = []

    def second():
        try:
            owned(tmp_path / "mine").__enter__()
        except InputError as error:
            seen.append(str(error))

    with owned(tmp_path / "mine"):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert f"process {os.getpid()}" in seen[0]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_lock_of_a_killed_process_is_replaced(tmp_path, other, number):
    other.send_signal(number)
    deadline = time.monotonic() + 20
    # Not waited for: a killed process whose parent is busy stays as a zombie, which owns nothing.
    while folder_lock._start_of(other.pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert (tmp_path / "out" / LOCK_FILE).is_file()
    with owned(tmp_path / "out"):
        assert json.loads((tmp_path / "out" / LOCK_FILE).read_text())["pid"] == os.getpid()
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def lock_of(folder, **changed):
    """Write the lock of another process, and return its file."""
    folder.mkdir()
    about = {**folder_lock._this_process(), "since": "2026-01-01 00:00:00", "token": "other", **changed}
    (folder / LOCK_FILE).write_text(json.dumps(about))
    return folder / LOCK_FILE


def test_a_process_with_the_number_of_a_dead_owner_is_not_the_owner(tmp_path):
    lock_of(tmp_path / "out", start="1")
    with owned(tmp_path / "out"):
        pass


@pytest.mark.parametrize("about", [{"host": "other", "start": "1"}, {"namespace": "pid:[1]", "start": "1"}, {}])
def test_an_owner_elsewhere_lives_as_long_as_its_lock_is_touched(tmp_path, about):
    lock = lock_of(tmp_path / "out", **about)
    if not about:
        lock.write_text("")  # as it is for a moment after it was made
    with pytest.raises(InputError, match="in use"):
        owned(tmp_path / "out").__enter__()
    long_ago = time.time() - folder_lock.LOST_SECONDS - 1
    os.utime(lock, (long_ago, long_ago))
    with owned(tmp_path / "out"):
        pass
    assert not lock.exists()


def test_the_owner_touches_its_lock(tmp_path, monkeypatch):
    monkeypatch.setattr(folder_lock, "BEAT_SECONDS", 0.01)
    with owned(tmp_path / "out"):
        os.utime(tmp_path / "out" / LOCK_FILE, (0, 0))
        deadline = time.monotonic() + 20
        while not (tmp_path / "out" / LOCK_FILE).stat().st_mtime and time.monotonic() < deadline:
            time.sleep(0.01)
        assert (tmp_path / "out" / LOCK_FILE).stat().st_mtime


def test_of_many_that_find_a_dead_lock_one_gets_the_folder(tmp_path):
    lock_of(tmp_path / "out", start="1")
    barrier, owners, refused = threading.Barrier(16), [], []

    def take():
        barrier.wait()
        try:
            with owned(tmp_path / "out"):
                owners.append(len(owners))
                time.sleep(0.3)
        except InputError:
            refused.append(1)

    threads = [threading.Thread(target=take) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(owners), len(refused)) == (1, 15)


@pytest.mark.parametrize("command", ["train", "clean", "prepare"])
def test_commands_refuse_a_folder_in_which_another_works(tmp_path, other, command, capsys):
    from checkpoints import ASSETS

    words, out = str(ASSETS / "words"), str(tmp_path / "out")
    arguments = {
        "train": ["train", "--model", str(ASSETS / "wav2vec2-mini"), "--data", words, "--output-dir", out],
        "clean": ["clean", words, out],
        "prepare": ["prepare", words, out],
    }
    for more in ([], ["--overwrite"]) if command == "train" else ([],):
        assert main([*arguments[command], *more]) == 2
        error = capsys.readouterr().err.splitlines()[-1]
        assert f"out is in use (process {other.pid} on " in error
        assert {path.name for path in (tmp_path / "out").iterdir()} == {LOCK_FILE}
