"""The command `clean`: what it writes, what it refuses, and that it neither repeats nor half-writes anything."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from waiting import HUNG

from audio_ft.audio.clip import Clip, read, write
from audio_ft.audio.output_paths import output_names
from audio_ft.cleaning.chain import DEFAULT_CHAIN, Chain
from audio_ft.cleaning.steps import Mono, Normalize, Resample
from audio_ft.cleaning.to_files import JOURNAL, Cleaning, Job, clean_files
from audio_ft.cli.main import main
from audio_ft.data import Data
from audio_ft.errors import AudioFTError, InputError
from audio_ft.parallel import parallel_map
from audio_ft.recipe import Recipe

STEP = 1 / 32_768


def recording(path, seconds=0.5, rate=22_050, hz=440.0):
    """Write a tone between two silences of 0.4 s."""
    path.parent.mkdir(parents=True, exist_ok=True)
    quiet = np.zeros((1, round(0.4 * rate)), np.float32)
    tone = Clip.tone(hz, seconds, rate).samples
    write(Clip(np.concatenate([quiet, tone, quiet], axis=1), rate), path)
    return path


@pytest.fixture
def raw(tmp_path):
    """Return a folder with three recordings, one of them below, and a text."""
    recording(tmp_path / "raw" / "a.wav")
    recording(tmp_path / "raw" / "low" / "b.flac", hz=220)
    recording(tmp_path / "raw" / "low" / "c.ogg", hz=330)
    (tmp_path / "raw" / "notes.txt").write_text("hello")
    return tmp_path / "raw"


def lying(folder):
    """Return the files of a folder with their times of change, bookkeeping left out."""
    return {
        path.relative_to(folder).as_posix(): path.stat().st_mtime_ns
        for path in folder.rglob("*")
        if path.is_file() and path.name not in ("chain.json", JOURNAL)
    }


def test_a_folder_is_mirrored_and_cleaned_by_the_chain(raw, tmp_path, capsys):
    assert main(["clean", str(raw), str(tmp_path / "out")]) == 0
    assert set(lying(tmp_path / "out")) == {"a.wav", "low/b.wav", "low/c.wav"}
    for name, source in (("a.wav", "a.wav"), ("low/b.wav", "low/b.flac"), ("low/c.wav", "low/c.ogg")):
        expected, clean = DEFAULT_CHAIN(read(raw / source)), read(tmp_path / "out" / name)
        assert (clean.rate, clean.channels, clean.length) == (16_000, 1, expected.length)
        np.testing.assert_allclose(clean.samples, expected.samples, atol=STEP)
    assert Chain.load(tmp_path / "out" / "chain.json") == DEFAULT_CHAIN
    out = capsys.readouterr().out
    assert "3 recordings, total" in out
    before = sum(read(path).seconds for path in raw.rglob("*.*") if path.suffix != ".txt")
    after = sum(read(path).seconds for path in (tmp_path / "out").rglob("*.wav"))
    trimmed = next(line for line in out.splitlines() if "silence" in line)
    assert trimmed.endswith(f" {after:.2f} s {f'-{before - after:.2f} s':>12}")
    assert "1 file left out that are not audio" in out


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".mp3"])
def test_one_recording_takes_the_suffix_asked_for(raw, tmp_path, suffix):
    target = tmp_path / f"clean{suffix}"
    assert main(["clean", str(raw / "a.wav"), str(target)]) == 0
    assert read(target).seconds == pytest.approx(DEFAULT_CHAIN(read(raw / "a.wav")).seconds, abs=0.1)
    assert not (tmp_path / "chain.json").exists()


def test_one_recording_goes_into_a_folder_under_its_name(raw, tmp_path):
    (tmp_path / "listen").mkdir()
    assert main(["clean", str(raw / "low" / "b.flac"), str(tmp_path / "listen")]) == 0
    assert lying(tmp_path / "listen").keys() == {"b.wav"}


def test_the_chain_may_be_named_or_come_from_a_recipe(raw, tmp_path):
    short = Chain((Resample(8_000), Mono()))
    assert main(["clean", str(raw), str(tmp_path / "named"), "--set", "chain=Mono,Normalize"]) == 0
    assert Chain.load(tmp_path / "named" / "chain.json") == Chain((Mono(), Normalize()))
    recipe = Recipe(model="m", data=Data("d"), chain=short)
    recipe.save(tmp_path / "recipe.json")
    assert main(["clean", str(raw), str(tmp_path / "json"), "--recipe", str(tmp_path / "recipe.json")]) == 0
    assert read(tmp_path / "json" / "a.wav").rate == 8_000
    (tmp_path / "run" / "model").mkdir(parents=True)
    recipe.save(tmp_path / "run" / "model" / "recipe.json")
    assert main(["clean", str(raw), str(tmp_path / "ran"), "--recipe", str(tmp_path / "run")]) == 0
    assert Chain.load(tmp_path / "ran" / "chain.json") == short
    (tmp_path / "r.py").write_text(
        "from audio_ft import Recipe, Data\nfrom audio_ft.cleaning.steps import Resample, Mono\n"
        "recipe = Recipe(model='m', data=Data('d'), chain=(Resample(8000), Mono()))\n"
    )
    assert main(["clean", str(raw), str(tmp_path / "python"), "--recipe", str(tmp_path / "r.py")]) == 0
    assert Chain.load(tmp_path / "python" / "chain.json") == short


def test_a_second_cleaning_does_nothing(raw, tmp_path, capsys):
    main(["clean", str(raw), str(tmp_path / "out")])
    before, first = lying(tmp_path / "out"), capsys.readouterr().out
    assert main(["clean", str(raw), str(tmp_path / "out")]) == 0
    assert lying(tmp_path / "out") == before
    second = capsys.readouterr().out
    assert "3 of them by an earlier call" in second
    assert second.splitlines()[:6] == first.splitlines()[:6]


def test_only_what_changed_or_is_gone_is_cleaned_again(raw, tmp_path):
    main(["clean", str(raw), str(tmp_path / "out")])
    before = lying(tmp_path / "out")
    recording(raw / "a.wav", seconds=0.9)
    (tmp_path / "out" / "low" / "c.wav").unlink()
    recording(raw / "new.wav")
    main(["clean", str(raw), str(tmp_path / "out")])
    after = lying(tmp_path / "out")
    assert {name for name in after if after[name] != before.get(name)} == {"a.wav", "low/c.wav", "new.wav"}
    assert read(tmp_path / "out" / "a.wav").seconds == pytest.approx(0.9 + 2 * 0.05, abs=0.06)


def test_another_chain_is_refused_in_the_same_folder(raw, tmp_path, capsys):
    main(["clean", str(raw), str(tmp_path / "out")])
    before = lying(tmp_path / "out")
    assert main(["clean", str(raw), str(tmp_path / "out"), "--set", "chain=Mono"]) == 2
    assert "cleaned with another chain" in capsys.readouterr().err
    assert lying(tmp_path / "out") == before


@pytest.mark.parametrize(
    ("out", "words"),
    [
        ("raw", "choose a folder outside it"),
        ("raw/clean", "choose a folder outside it"),
        (".", "contains"),
        ("other", "other files"),
    ],
)
def test_places_that_would_mix_raw_and_clean_are_refused(raw, tmp_path, out, words, capsys):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("mine")
    before = lying(tmp_path)
    assert main(["clean", str(raw), str(tmp_path / out)]) == 2
    assert words in capsys.readouterr().err
    assert lying(tmp_path) == before


def test_a_recording_is_not_cleaned_onto_itself(raw, capsys):
    content = (raw / "a.wav").read_bytes()
    assert main(["clean", str(raw / "a.wav"), str(raw / "a.wav")]) == 2
    assert main(["clean", str(raw / "a.wav"), str(raw)]) == 2
    assert "is the recording itself" in capsys.readouterr().err
    assert (raw / "a.wav").read_bytes() == content


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{raw}/nothing.wav", "{out}.wav"], "no such file"),
        (["{raw}/notes.txt", "{out}.wav"], "notes.txt"),
        (["{raw}/a.wav", "{out}.xyz"], "ending in .wav, .flac, .ogg, .mp3"),
        (["{raw}", "{raw}/a.wav"], "is a file"),
        (["{raw}", "{out}", "--set", "chain=Tirm"], "Did you mean 'Trim'"),
        (["{raw}", "{out}", "--set", "rate=8000"], "one setting, chain"),
        (["{raw}", "{out}", "--recipe", "{raw}"], "has no recipe.json"),
    ],
)
def test_mistakes_get_one_sentence_and_leave_nothing(raw, tmp_path, arguments, words, capsys):
    filled = [argument.format(raw=raw, out=tmp_path / "out") for argument in arguments]
    assert main(["clean", *filled]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert words in error
    assert "Traceback" not in error
    assert not list(tmp_path.glob("out*"))


def test_unreadable_files_are_reported_and_do_not_stop_the_rest(raw, tmp_path, capsys):
    (raw / "empty.wav").write_bytes(b"")
    (raw / "low" / "page.mp3").write_text("<html>404</html>")
    assert main(["clean", str(raw), str(tmp_path / "out")]) == 0
    out = capsys.readouterr().out
    assert "cannot be read: empty.wav: empty file" in out
    assert "cannot be read: low/page.mp3: not audio" in out
    assert "written: 3 files" in out
    assert main(["clean", str(raw / "empty.wav"), str(tmp_path / "x.wav")]) == 2


def test_when_nothing_can_be_read_the_command_fails(tmp_path, capsys):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "empty.wav").write_bytes(b"")
    assert main(["clean", str(tmp_path / "raw"), str(tmp_path / "out")]) == 1
    assert "None of 1 recordings can be read" in capsys.readouterr().err


def test_names_keep_apart_what_would_collide():
    names = output_names(["a.wav", "a.mp3", "b/A.flac", "b/a.ogg", "c.tar", "/abs/d.wav", "../up/e.wav", "abs/d.wav"])
    assert names["c.tar"] == "c.tar"
    assert names["a.wav"] == "a.wav"
    assert names["a.mp3"] == "a.mp3"
    assert names["/abs/d.wav"].startswith("abs/d")
    assert names["../up/e.wav"] == "up/e"
    assert len({name.casefold() for name in names.values()}) == len(names)


def test_a_number_that_is_added_is_not_a_name_that_there_is():
    names = output_names(["a.wav", "/a.wav", "a-2.wav"])
    assert len(set(names.values())) == 3


@pytest.mark.parametrize("letter", ["n", "ñ", "🎵"])
def test_names_as_long_as_they_can_be_are_cleaned_prepared_and_predicted(letter, small_run, tmp_path, capsys):
    """Another suffix may be longer, and files that differ in their suffix alone keep it in their new names."""
    stem = letter * (250 // len(letter.encode()))
    raw = tmp_path / "raw"
    for label in ("no", "yes"):
        for suffix in (".wav", ".flac", ".ogg"):
            for number in range(3):
                name = f"{number}{stem}"
                while len(f"{name}{suffix}".encode()) > 255:
                    name = name[:-1]
                (raw / label).mkdir(parents=True, exist_ok=True)
                write(Clip.tone(300 + 100 * number, 0.3), raw / label / f"{name}{suffix}")
    assert main(["clean", str(raw), str(tmp_path / "clean")]) == 0
    assert len(list((tmp_path / "clean").rglob("*.wav"))) == 18
    assert main(["prepare", str(raw), str(tmp_path / "ready"), "--group", ""]) == 0
    assert len(list((tmp_path / "ready" / "features").rglob("*.npy"))) == 18
    assert main(["predict", str(small_run), str(raw), "--format", "json", "--output-dir", str(tmp_path / "out")]) == 0
    written = [json.loads(file.read_text())["file"] for file in (tmp_path / "out").rglob("*.json")]
    assert sorted(written) == sorted(map(str, raw.rglob("*.*")))


def test_an_interruption_leaves_whole_files_and_is_taken_up(raw, tmp_path, monkeypatch):
    replace, calls = os.replace, []

    def interrupted(source, target):
        calls.append(target)
        if len(calls) == 2:
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, "replace", interrupted)
    out = tmp_path / "out"
    out.mkdir()
    DEFAULT_CHAIN.save(out / "chain.json")
    calls.clear()
    assert main(["clean", str(raw), str(out)]) == 130
    monkeypatch.undo()
    done = lying(out)
    assert done.keys() == {"a.wav"}
    assert main(["clean", str(raw), str(out)]) == 0
    after = lying(out)
    assert after.keys() == {"a.wav", "low/b.wav", "low/c.wav"}
    assert after["a.wav"] == done["a.wav"]


def test_a_journal_cut_short_by_a_kill_is_read_up_to_there(raw, tmp_path):
    out = tmp_path / "out"
    main(["clean", str(raw), str(out)])
    before = lying(out)
    journal = out / JOURNAL
    journal.write_text(journal.read_text()[:-20])
    assert main(["clean", str(raw), str(out)]) == 0
    after = lying(out)
    assert sum(after[name] != before[name] for name in before) == 1


def test_many_files_are_cleaned_in_several_processes_alike(tmp_path):
    jobs = [
        Job(f"{n}", str(recording(tmp_path / "raw" / f"{n:03d}.wav", 0.05)), tmp_path / f"out/{n}.wav")
        for n in range(80)
    ]
    report = clean_files(jobs, Cleaning(DEFAULT_CHAIN), tmp_path / "out", workers=2)
    assert [outcome.key for outcome in report.outcomes] == [job.key for job in jobs]
    assert not report.errors
    expected = DEFAULT_CHAIN(read(jobs[70].source))
    np.testing.assert_allclose(read(jobs[70].target).samples, expected.samples, atol=STEP)


def fail_at_forty(number):
    if number == 40:
        raise InputError("forty")
    return 2 * number


def die_at_forty(number):
    if number == 40:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_work_is_spread_in_order_and_errors_come_through():
    assert list(parallel_map(abs, range(-500, 0), 500, describe="test", workers=2)) == list(range(500, 0, -1))
    with pytest.raises(InputError, match="forty"):
        list(parallel_map(fail_at_forty, range(100), 100, describe="test", workers=2))


def test_a_worker_that_dies_is_reported():
    with pytest.raises(AudioFTError, match="memory ran out"):
        list(parallel_map(die_at_forty, range(100), 100, describe="test", workers=2))


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
def test_killing_the_command_leaves_no_process_and_no_half_file(tmp_path):
    for number in range(150):
        recording(tmp_path / "raw" / f"{number:03d}.wav", 3.0)
    out = tmp_path / "out"
    command = [sys.executable, "-m", "audio_ft", "clean", str(tmp_path / "raw"), str(out)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    patience = time.monotonic() + HUNG
    # Workers write the files and this command the journal, later where the machine is busy: wait for both.
    while process.poll() is None and time.monotonic() < patience:
        if (out / JOURNAL).exists() and len(list(out.glob("*.wav"))) >= 10:
            break
        time.sleep(0.01)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    process.send_signal(signal.SIGKILL)
    process.wait()
    patience = time.monotonic() + 15
    while any(map(alive, children)) and time.monotonic() < patience:
        time.sleep(0.05)
    assert not any(map(alive, children))
    for path in out.glob("*.wav"):
        assert read(path).notes == ()
    (out / ".0123456789abcdef.part").write_bytes(b"what a kill may leave of a file")
    done = {path.name: path.stat().st_mtime_ns for path in out.glob("*.wav")}
    journal = {line.split('"target": "')[1].split('"')[0] for line in (out / JOURNAL).read_text().splitlines()}
    assert subprocess.run(command, env=environment, capture_output=True, check=False).returncode == 0
    after = {path.name: path.stat().st_mtime_ns for path in out.glob("*.wav")}
    assert len(after) == 150
    assert all(after[name] == done[name] for name in journal)
    assert not list(out.glob(".*.part"))


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.real
def test_real_digits(shared, tmp_path):
    folder = tmp_path / "digits"
    folder.mkdir()
    for path in sorted((shared / "data" / "digits" / "test").glob("*.wav"))[:70]:
        shutil.copy(path, folder)
    assert main(["clean", str(folder), str(tmp_path / "out")]) == 0
    clean = [read(path) for path in sorted((tmp_path / "out").glob("*.wav"))]
    assert len(clean) == 70
    assert {clip.rate for clip in clean} == {16_000}
    assert all(np.abs(clip.samples).max() == pytest.approx(10 ** (-1 / 20), abs=2 * STEP) for clip in clean)
