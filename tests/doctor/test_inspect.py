"""Inspection: what is counted, which warnings are given, and what is shown of data that training would refuse."""

import json
import shutil
import wave

import numpy as np
import pytest

from audio_ft.audio.clip import Clip, write
from audio_ft.cli.main import main
from audio_ft.data import Data
from audio_ft.data.probe import Probed, duplicates
from audio_ft.doctor.inspect import inspect
from audio_ft.errors import InputError
from audio_ft.targets import Transcript


def recording(path, seconds=0.5, rate=16_000, seed=0, channels=1):
    """Write noise, every seed another."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = Clip.noise(seconds, rate, seed=seed).samples
    write(Clip(np.repeat(noise, channels, axis=0), rate), path)
    return path


@pytest.fixture
def voices(tmp_path):
    """Return a set with splits: yes and no by two speakers a split, all recordings different."""
    rows, seed = {}, 0
    for split, count in (("train", 12), ("validation", 4), ("test", 4)):
        rows[split] = ["file_name,label,speaker_id"]
        for row in range(count):
            seed += 1
            name = f"{row:02d}.wav"
            recording(tmp_path / "voices" / split / name, 0.3 + 0.05 * row, seed=seed)
            rows[split].append(f"{name},{('yes', 'no')[row % 2]},{split}{row // 2 % 2}")
        (tmp_path / "voices" / split / "metadata.csv").write_text("\n".join(rows[split]) + "\n")
    return tmp_path / "voices"


def rewrite(file, old, new):
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def sentences(found):
    """Return the sentence of each error and warning, by the name of the finding."""
    return {finding.name: finding.sentence for finding in found.findings if finding.severity != "info"}


def test_a_clean_set_is_counted(voices):
    found = inspect(Data(str(voices)))
    assert (found.problem, found.unreadable, found.duplicates, [*sentences(found)]) == (
        None,
        (),
        (),
        ["hiss", "few clips"],
    )  # they are noise
    assert {name: (facts.clips, facts.readable, facts.groups) for name, facts in found.splits.items()} == {
        "train": (12, 12, 2),
        "validation": (4, 4, 2),
        "test": (4, 4, 2),
    }
    assert found.splits["train"].classes == {"no": 6, "yes": 6}
    expected = [0.3 + 0.05 * row for count in (12, 4, 4) for row in range(count)]
    assert found.splits["train"].seconds == pytest.approx(sum(expected[:12]), abs=1e-3)
    durations = found.durations
    assert durations.shortest == pytest.approx(0.3, abs=1e-4)
    assert durations.median == pytest.approx(np.median(expected), abs=1e-4)
    assert durations.p95 == pytest.approx(np.quantile(expected, 0.95), abs=1e-4)
    assert durations.longest == pytest.approx(0.85, abs=1e-4)
    assert sum(count for *_, count in durations.histogram) == 20
    assert (found.rates, found.channels, found.formats) == ({16_000: 20}, {1: 20}, {"WAV": 20})
    assert found.rule == "given by the data: train, validation, test"
    assert (found.target, found.group) == ("label", "speaker_id")
    assert "libsndfile" in found.decoders


@pytest.mark.parametrize("spread", [(1, 1.5, 1.7, 40.0), (0.001, 0.0011), (5.0,), tuple(np.linspace(0.2, 9, 200))])
def test_every_duration_is_in_one_bar(spread, tmp_path):
    for number, seconds in enumerate(spread):
        recording(tmp_path / "in" / f"{number}.wav", float(seconds), rate=8_000, seed=number)
    durations = inspect(Data(str(tmp_path / "in"))).durations
    rounded = [round(seconds * 8_000) / 8_000 for seconds in spread]
    assert sum(count for *_, count in durations.histogram) == len(rounded)
    for low, high, count in durations.histogram[:-1]:
        assert count == sum(low - 1e-9 <= seconds < high - 1e-9 for seconds in rounded)


def test_unreadable_files_are_listed_with_reasons(voices):
    (voices / "train" / "00.wav").write_bytes(b"")
    (voices / "test" / "01.wav").write_text("<!DOCTYPE html><html>404</html>")
    found = inspect(Data(str(voices)))
    assert dict(found.unreadable) == {"train/00.wav": "empty file", "test/01.wav": "not audio (HTML or XML page)"}
    assert (found.splits["train"].clips, found.splits["train"].readable) == (12, 11)
    assert found.findings[0].sentence == "2 of 20 recordings cannot be read (10.0%)"
    assert set(found.findings[0].keys) == {"train/00.wav", "test/01.wav"}


def test_only_decoding_finds_what_headers_hide(voices):
    import soundfile

    soundfile.write(voices / "train" / "00.wav", np.full(8_000, np.nan, np.float32), 16_000, subtype="FLOAT")
    recording(voices / "train" / "01.wav")
    with wave.open(str(voices / "train" / "02.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(32_000))
    headers = inspect(Data(str(voices)), decode=False)
    assert (headers.unreadable, headers.decoded) == ((), False)
    assert all(one.measured is None for one in headers.recordings)
    found = inspect(Data(str(voices)))
    assert found.decoded
    assert found.unreadable == (("train/00.wav", "non-finite samples (NaN or infinity)"),)
    silent = next(finding for finding in found.findings if finding.name == "silent")
    assert silent.keys == ("train/02.wav",)
    one = next(one for one in found.recordings if one.key == "train/02.wav")
    assert one.to_dict()["silent"]
    assert "silent" in one.findings


def test_only_a_little_data_is_examined_without_being_asked(voices, monkeypatch, capsys):
    monkeypatch.setattr("audio_ft.doctor.inspect.QUICK_SECONDS", 5.0)
    assert not inspect(Data(str(voices))).decoded
    assert main(["inspect", str(voices)]) == 0
    assert "only headers were read" in " ".join(capsys.readouterr().out.split())
    assert main(["inspect", str(voices), "--decode"]) == 0
    assert "every sample was read" in " ".join(capsys.readouterr().out.split())
    # What is known is not examined again, so that it takes no time.
    assert inspect(Data(str(voices))).decoded


def test_a_group_in_two_splits_is_a_leak(voices):
    rewrite(voices / "test" / "metadata.csv", "test0", "train0")
    assert "1 speaker_id value in both train and test (train0)" in sentences(inspect(Data(str(voices))))["leak"]


def test_equal_content_is_found_by_its_bytes(voices):
    shutil.copy(voices / "train" / "00.wav", voices / "test" / "00.wav")
    shutil.copy(voices / "train" / "02.wav", voices / "train" / "04.wav")
    shutil.copy(voices / "train" / "06.wav", voices / "train" / "07.wav")
    found = inspect(Data(str(voices)))
    pairs = {("train/00.wav", "test/00.wav"), ("train/02.wav", "train/04.wav"), ("train/06.wav", "train/07.wav")}
    assert set(found.duplicates) == pairs
    said = {finding.name: (finding.severity, finding.sentence) for finding in found.findings}
    assert said["copies in two splits"] == (
        "error",
        "2 recordings are in two splits, with equal content (train/00.wav = test/00.wav)",
    )
    assert said["copies with different targets"] == (
        "error",
        "2 recordings are equal and have different targets (train/06.wav = train/07.wav)",
    )
    assert said["duplicate"][0] == "warning"
    assert {pair for finding in found.findings for pair in finding.together} == pairs


def test_recordings_of_one_size_and_middle_are_not_the_same(tmp_path):
    samples = Clip.noise(2.0).samples.copy()
    write(Clip(samples, 16_000), tmp_path / "a.wav")
    samples[0, 100] = -samples[0, 100]
    write(Clip(samples, 16_000), tmp_path / "b.wav")
    assert inspect(Data(str(tmp_path))).duplicates == ()


def test_stored_recordings_are_compared_too():
    recordings = [Probed("a", 10, content="x"), Probed("b", 10, content="y"), Probed("c", 10, content="x")]
    assert duplicates(recordings) == [("a", "c")]


def test_imbalance_is_warned_of(tmp_path):
    for label, count in (("rare", 2), ("common", 30)):
        for number in range(count):
            recording(tmp_path / "in" / label / f"{label}{number}.wav", 0.11, seed=number)
    data = Data(str(tmp_path / "in"))
    said = sentences(inspect(data))
    assert "unbalanced: rare has 2 clips and common" in said["unbalanced"]
    assert "fewer than 10 clips to learn from: rare" in said["few clips"]
    assert inspect(data).rule.startswith("made here: 80/10/10")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda root: rewrite(root / "test" / "metadata.csv", "00.wav,yes", "00.wav,maybe"), "'maybe' are in test"),
        (lambda root: rewrite(root / "train" / "metadata.csv", "no", "yes"), "expected at least two different targets"),
        (
            lambda root: rewrite(root / "train" / "metadata.csv", ",label,", ",word,"),
            "12 rows have no target",
        ),
        (lambda root: [path.unlink() for path in root.glob("*/metadata.csv")], "splits or labels"),
    ],
)
def test_what_training_would_refuse_is_shown_and_refused(voices, change, words, capsys):
    change(voices)
    found = inspect(Data(str(voices)))
    assert words in found.problem
    assert sum(facts.clips for facts in found.splits.values()) == 20
    assert found.rates == {16_000: 20}
    assert main(["inspect", str(voices)]) == 2
    printed = capsys.readouterr()
    assert "20 recordings" in printed.out
    assert words in printed.err


def test_recordings_without_labels_are_inspected(tmp_path):
    recording(tmp_path / "in" / "a.wav", channels=2, rate=44_100)
    found = inspect(Data(str(tmp_path / "in")))
    assert "no label" in found.problem or "without labels" in found.problem
    assert (found.rates, found.channels) == ({44_100: 1}, {2: 1})


def test_nothing_to_look_at_is_an_error(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        inspect(Data(str(tmp_path / "nowhere")))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no recordings"):
        inspect(Data(str(tmp_path / "empty")))


def test_transcripts_are_counted_in_words(voices):
    for split in ("train", "validation", "test"):
        rewrite(voices / split / "metadata.csv", "label", "text")
    rewrite(voices / "train" / "metadata.csv", "00.wav,yes", "00.wav,yes it is")
    rewrite(voices / "train" / "metadata.csv", "01.wav,no", "01.wav,")
    found = inspect(Data(str(voices)), targets=(Transcript,))
    assert found.kind == "transcript"
    assert found.splits["train"].words == {"all": 13, "longest": 3, "empty": 1}
    empty = next(finding for finding in found.findings if finding.name == "empty transcript")
    assert (empty.sentence, empty.keys) == ("1 transcript is empty", ("train/01.wav",))


def test_numbers_are_summed_up(voices):
    for split in ("train", "validation", "test"):
        rewrite(voices / split / "metadata.csv", "yes", "1.5")
        rewrite(voices / split / "metadata.csv", "no", "-0.5")
    found = inspect(Data(str(voices)))
    assert found.splits["train"].values == {"lowest": -0.5, "median": 0.5, "highest": 1.5}


def test_the_screen_is_eighty_wide_and_says_how_it_looked(voices, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["inspect", str(voices), "--no-decode"]) == 0
    out = capsys.readouterr().out
    assert "20 recordings" in out
    assert "only headers" in out
    assert "█" in out
    # A path has no place to break.
    assert all(len(line) <= 80 for line in out.splitlines() if str(voices) not in line)
    assert main(["inspect", str(voices)]) == 0
    assert "every sample was read" in " ".join(capsys.readouterr().out.split())


def test_json_holds_everything(voices, capsys):
    assert main(["inspect", str(voices), "--json", "--where", "label=yes", "--where", "speaker_id!=x"]) == 2
    printed = json.loads(capsys.readouterr().out)
    assert printed["splits"]["train"]["clips"] == 6
    assert main(["inspect", str(voices), "--json", "--group", ""]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(inspect(Data(str(voices), group="")).to_dict()))


@pytest.mark.real
def test_real_digits(shared):
    found = inspect(Data(str(shared / "data" / "digits"), limit=40))
    assert (found.problem, found.unreadable, found.rates) == (None, (), {8_000: 120})
    assert len(found.splits["train"].classes) == 10


def test_the_most_severe_come_first_and_only_five_are_named(voices, capsys):
    for number in range(7):
        (voices / "train" / f"{number:02d}.wav").write_bytes(b"")
    assert main(["inspect", str(voices)]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "error 1. 7 of 20 recordings cannot be read (35.0%) train/00.wav" in out
    assert "train/04.wav and 2 more; --json lists all" in out
