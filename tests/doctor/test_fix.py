"""--fix: what is excluded and why, what the new manifest keeps, and that it can be undone."""

import csv
import json
import re
import shutil

import pytest

from audio_ft.audio.clip import Clip, write
from audio_ft.cli.main import main
from audio_ft.data import Data, load
from audio_ft.data.loader import ANY_CLASSES
from audio_ft.doctor.decisions import Decisions
from audio_ft.doctor.fix import UNDO, fix, undo
from audio_ft.doctor.inspect import inspect
from audio_ft.errors import InputError
from audio_ft.targets import Transcript


def tone(file, number, seconds=0.3):
    """Write a tone, every number another."""
    file.parent.mkdir(parents=True, exist_ok=True)
    write(Clip.tone(200 + 10 * number, seconds), file)


@pytest.fixture
def voices(tmp_path):
    """Return a set with splits, speakers and another column, of 12 + 6 + 6 different recordings."""
    number = 0
    for split, count in (("train", 12), ("validation", 6), ("test", 6)):
        rows = ["file_name,label,speaker_id,room"]
        for row in range(count):
            number += 1
            tone(tmp_path / "in" / split / f"{row:02d}.wav", number)
            rows.append(f'{row:02d}.wav,{("yes", "no")[row % 2]},{split}{row // 2},"a, b"')
        (tmp_path / "in" / split / "metadata.csv").write_text("\n".join(rows) + "\n")
    return tmp_path / "in"


def fixed(path, output, **settings):
    data = Data(str(path), **settings)
    return fix(data, inspect(data, decode=True), output)


def log_of(manifest):
    """Return {key: why} of an undo log."""
    lines = (manifest.parent / f"{manifest.name}{UNDO}").read_text("utf-8").splitlines()
    return {line["key"]: line["why"] for line in map(json.loads, lines)}


def test_what_cannot_be_learned_from_is_excluded_with_its_reason(voices, tmp_path):
    (voices / "train" / "01.wav").write_bytes(b"")
    write(Clip.silence(0.5), voices / "train" / "02.wav")
    shutil.copy(voices / "train" / "03.wav", voices / "train" / "05.wav")  # no, no
    shutil.copy(voices / "train" / "06.wav", voices / "train" / "07.wav")  # yes, no
    shutil.copy(voices / "test" / "00.wav", voices / "train" / "08.wav")  # yes, yes
    before = {path: path.read_bytes() for path in voices.rglob("*.*")}
    manifest = tmp_path / "good.csv"
    found = fixed(voices, manifest)
    assert log_of(manifest) == {
        "train/01.wav": "unreadable",
        "train/02.wav": "silent",
        "train/05.wav": "duplicate",
        "train/06.wav": "copies with different targets",
        "train/07.wav": "copies with different targets",
        "train/08.wav": "copies in two splits",
    }
    assert (found.kept, found.rows, found.settings) == (18, 24, ())
    assert {path: path.read_bytes() for path in voices.rglob("*.*")} == before
    after = inspect(Data(str(manifest)))
    assert {one.name for one in after.findings if one.severity == "error"} == set()
    assert after.duplicates == ()


def test_splits_groups_and_all_columns_are_kept(voices, tmp_path):
    (voices / "train" / "01.wav").write_bytes(b"")
    manifest = tmp_path / "good.csv"
    fixed(voices, manifest)
    old, new = load(Data(str(voices))), load(Data(str(manifest)))
    assert (new.column, new.group, new.rule) == (old.column, old.group, old.rule)
    for split, table in old.splits.items():
        kept = [row for row, key in enumerate(table["key"]) if key != "train/01.wav"]
        for name in ("target", "group"):
            assert list(new.splits[split][name]) == [table[name][row] for row in kept]
    assert all(json.loads(meta)["room"] == "a, b" for meta in new.splits["train"]["meta"])


def test_a_fix_is_undone_to_the_last_character(voices, tmp_path):
    manifest = tmp_path / "good.csv"
    fixed(voices, manifest)
    whole = manifest.read_text()
    assert log_of(manifest) == {}
    undo(manifest)
    manifest.unlink()
    for name in ("01", "04", "11"):
        (voices / "train" / f"{name}.wav").write_bytes(b"")
    fixed(voices, manifest)
    assert manifest.read_text() != whole
    assert undo(manifest) == 3
    assert manifest.read_text() == whole
    with pytest.raises(InputError, match="nothing to undo"):
        undo(manifest)


def test_a_line_removed_from_the_log_stays_excluded(voices, tmp_path):
    for name in ("01", "04", "11"):
        (voices / "train" / f"{name}.wav").write_bytes(b"")
    manifest = tmp_path / "good.csv"
    fixed(voices, manifest)
    log = tmp_path / f"good.csv{UNDO}"
    log.write_text("".join(line for line in log.read_text().splitlines(keepends=True) if "04.wav" not in line))
    assert undo(manifest) == 2
    assert "train/04.wav" not in manifest.read_text()
    assert {"train/01.wav", "train/11.wav"} <= set(re.findall(r"train/\d+\.wav", manifest.read_text()))


def test_folders_of_classes_become_a_manifest_with_the_same_labels(tmp_path):
    for number in range(24):
        tone(tmp_path / "in" / ("low, deep", "high; bright")[number % 2] / f"{number}.wav", number)
    (tmp_path / "in" / "low, deep" / "0.wav").write_bytes(b"")
    found = fixed(tmp_path / "in", tmp_path / "good.csv")
    command = Data(
        str(tmp_path / "good.csv"),
        **{key.removeprefix("data."): value for key, value in (setting.split("=", 1) for setting in found.settings)},
    )
    loaded = load(command)
    assert set(loaded.target.names) == {"low, deep", "high; bright"}
    assert sum(map(len, loaded.splits.values())) == 23
    assert loaded.rule.startswith("made here")


def test_parts_of_recordings_are_kept(tmp_path):
    rows = ["file_name,begin_ms,end_ms,label"]
    for number in range(8):
        (tmp_path / "in").mkdir(exist_ok=True)
        write(Clip.chirp(200 + number, 2000, 2.0), tmp_path / "in" / f"{number}.wav")
        rows += [f"{number}.wav,{start},{start + 700},{('a', 'b')[start > 0]}" for start in (0, 900)]
    (tmp_path / "in" / "labels.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "in" / "3.wav").write_bytes(b"")
    found = fixed(tmp_path / "in", tmp_path / "good.csv")
    assert found.kept == 14
    parts = load(Data(str(tmp_path / "good.csv"))).splits
    times = {pair for part in parts.values() for pair in zip(part["start"], part["end"], strict=True)}
    assert sorted(times) == [pytest.approx((0.0, 0.7)), pytest.approx((0.9, 1.6))]


def doubts(file, *rows, column="label"):
    """Write a table of doubts with rows (file name, target, suggestion, decision)."""
    with file.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["rank", "file_name", "group", column, "suggestion", "decision", "quality"])
        writer.writerows([1, name, "", target, other, decision, 0.1] for name, target, other, decision in rows)
    return file


def test_what_a_person_decided_is_applied_and_undone(voices, tmp_path, capsys):
    shutil.copy(voices / "train" / "03.wav", voices / "train" / "05.wav")  # would be excluded as a copy
    before = {path: path.read_bytes() for path in voices.rglob("*.*")}
    table = doubts(
        tmp_path / "doubts.csv",
        ("train/00.wav", "yes", "no", "accept"),
        ("train/01.wav", "no", "yes", "Exclude"),
        ("train/05.wav", "no", "yes", "keep"),
        ("train/04.wav", "yes", "no", ""),
    )
    manifest = tmp_path / "good.csv"
    assert main(["inspect", str(voices), "--fix", str(manifest), "--doubts", str(table)]) == 0
    assert "23 of 24 rows, 1 with another target" in capsys.readouterr().err
    assert log_of(manifest) == {"train/00.wav": "doubts: accept", "train/01.wav": "doubts: exclude"}
    old, new = load(Data(str(voices))), load(Data(str(manifest)))
    expected = list(old.splits["train"]["target"])
    assert list(new.splits["train"]["target"]) == ["no", *expected[2:]]
    assert list(new.splits["test"]["target"]) == list(old.splits["test"]["target"])
    assert {path: path.read_bytes() for path in voices.rglob("*.*")} == before
    assert undo(manifest) == 2
    assert list(load(Data(str(manifest))).splits["train"]["target"]) == expected


def test_undoing_a_row_that_was_changed_again_is_refused(voices, tmp_path):
    table = doubts(tmp_path / "doubts.csv", ("train/00.wav", "yes", "no", "accept"))
    data, manifest = Data(str(voices)), tmp_path / "good.csv"
    fix(data, inspect(data), manifest, decisions=Decisions.read(table, "label"))
    manifest.write_text(manifest.read_text().replace('"no"', '"maybe"'))
    with pytest.raises(InputError, match="changed again since"):
        undo(manifest)
    assert '"maybe"' in manifest.read_text()


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (("train/00.wav", "yes", "no", "yes please"), "there is no decision 'yes please'"),
        (("train/00.wav", "yes", "no", ""), "nothing is decided"),
        (("train/00.wav", "yes", "", "accept"), "the accepted suggestion is empty"),
        (("train/00.wav", "no", "yes", "accept"), "was 'no' when it was doubted and is 'yes'"),
        (("other.wav", "yes", "no", "exclude"), "not in the data"),
    ],
)
def test_decisions_that_cannot_be_applied_are_refused(voices, tmp_path, capsys, row, sentence):
    table = doubts(tmp_path / "doubts.csv", row)
    assert main(["inspect", str(voices), "--fix", str(tmp_path / "good.csv"), "--doubts", str(table)]) == 2
    assert sentence in capsys.readouterr().err
    assert not list(tmp_path.glob("good*"))


def test_several_labels_numbers_and_transcripts_are_corrected_too(tmp_path):
    cells = {
        "tags": ("labels", "tags", "dog;cat", "cat;bird"),
        "number": ("number", "label", "0.25", "0.75"),
        "text": ("transcript", "text", "one two", "one, two"),
    }
    for name, (kind, column, given, new) in cells.items():
        folder = tmp_path / name
        rows = [f"file_name,speaker,{column}"]
        for number in range(12):
            tone(folder / f"{number:02d}.wav", number)
            rows.append(f'{number:02d}.wav,s{number // 2},"{given if number % 2 else given.replace("o", "u")}"')
        if kind == "number":
            rows = [rows[0], *(f'{row[:-1]}{number}"' for number, row in enumerate(rows[1:]))]
        (folder / "table.csv").write_text("\n".join(rows) + "\n")
        data = Data(str(folder / "table.csv"))
        targets = (Transcript,) if kind == "transcript" else ANY_CLASSES
        given = f"{given}1" if kind == "number" else given
        table = doubts(tmp_path / f"{name}.csv", ("01.wav", given, new, "accept"), column=column)
        manifest = folder / "good.csv"
        fix(data, inspect(data, targets=targets), manifest, targets=targets, decisions=Decisions.read(table, column))
        parts = load(Data(str(manifest)), targets=targets).splits
        read = dict(pair for part in parts.values() for pair in zip(part["key"], part["target"], strict=True))
        assert read["01.wav"] == {"labels": ["bird", "cat"], "number": 0.75}.get(kind, new)


def test_what_a_manifest_cannot_hold_is_refused(voices, tmp_path):
    (tmp_path / "there.csv").write_text("x\n")
    with pytest.raises(InputError, match="exists already"):
        fixed(voices, tmp_path / "there.csv")
    with pytest.raises(InputError, match=r"ends in \.csv"):
        fixed(voices, tmp_path / "good.parquet")
    (voices / "train" / "metadata.csv").unlink()
    (voices / "test" / "metadata.csv").unlink()
    (voices / "validation" / "metadata.csv").unlink()
    with pytest.raises(InputError, match="training can read"):
        fixed(voices, tmp_path / "good.csv")
    assert not list(tmp_path.glob("*good*"))


def test_the_command_says_how_to_use_and_to_undo_it(voices, tmp_path, capsys):
    (voices / "train" / "01.wav").write_bytes(b"")
    manifest = tmp_path / "good.csv"
    assert main(["inspect", str(voices), "--fix", str(manifest)]) == 0
    said = capsys.readouterr().err
    assert "23 of 24 rows" in said
    assert f"audio-ft train --data {manifest}" in said
    assert main(["inspect", str(manifest), "--undo"]) == 0
    assert "1 row restored" in capsys.readouterr().out
    assert len(manifest.read_text().splitlines()) == 25


@pytest.mark.real
@pytest.mark.parametrize(("name", "targets"), [("emotion_de", ANY_CLASSES), ("prompts_asr", (Transcript,))])
def test_real_sets_are_read_alike(shared, tmp_path, name, targets):
    data = Data(str(shared / "data" / name))
    found = inspect(data, targets=targets, decode=False)
    fixed = fix(data, found, tmp_path / "good.csv", targets=targets)
    assert (fixed.kept, fixed.settings) == (fixed.rows, ())
    old, new = load(data, targets=targets), load(Data(str(tmp_path / "good.csv")), targets=targets)
    for split, table in old.splits.items():
        assert sorted(new.splits[split]["target"]) == sorted(table["target"])
