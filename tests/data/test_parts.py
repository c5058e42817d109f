"""Rows that are parts of recordings: columns of any name, unit and spelling, read by seeking, never split apart."""

import csv
import json

import numpy as np
import pytest
import soundfile

from audio_ft.audio.clip import Clip, read
from audio_ft.cleaning.chain import Chain
from audio_ft.cleaning.dataset import Cleaner, clean
from audio_ft.cleaning.place import source_of
from audio_ft.cleaning.steps import Resample
from audio_ft.data import Data, load
from audio_ft.data.parts.same_recording import united
from audio_ft.data.parts.times import read_times
from audio_ft.data.prepare import prepare
from audio_ft.doctor.inspect import inspect
from audio_ft.errors import InputError
from audio_ft.targets import Transcript

RATE = 8_000
LABELS = ("one", "two")


def level(file, part):
    """Return the amplitude of a part, which identifies it."""
    return (1 + file * 8 + part) / 100


def recordings(folder, files=8, parts=5, seconds=0.5, channels=1):
    """Write recordings whose parts are constant, each with another value, and return (name, start, end, label)."""
    rows = []
    for file in range(files):
        length = int(seconds * RATE)
        values = [np.full(length, level(file, part), np.float32) for part in range(parts)]
        samples = np.concatenate(values)
        soundfile.write(
            folder / f"r{file}.wav", np.stack([samples / (1 + c) for c in range(channels)], 1), RATE, "FLOAT"
        )
        rows += [(f"r{file}.wav", part * seconds, (part + 1) * seconds, LABELS[part % 2]) for part in range(parts)]
    return rows


def listed(folder, header, rows, delimiter=","):
    path = folder / "list.csv"
    with path.open("w", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows([header, *rows])
    return Data(str(path))


def spans(loaded):
    return sorted(
        (key, row["start"], row["end"])
        for split in loaded.splits.values()
        for key, row in zip(split["key"], split, strict=False)
    )


def clock(seconds):
    return f"0 days 00:00:{seconds:09.6f}"


SPELLINGS = {
    ("start", "end"): lambda start, end: (start, end),
    ("start_s", "end_s"): lambda start, end: (start, end),
    ("start_ms", "end_ms"): lambda start, end: (round(start * 1000), round(end * 1000)),
    ("startTime", "endTime"): lambda start, end: (round(start * 1000), round(end * 1000)),
    ("xmin", "xmax"): lambda start, end: (start, end),
    ("Begin Time (s)", "End Time (s)"): lambda start, end: (start, end),
    ("begin_time", "duration"): lambda start, end: (clock(start), end - start),
    ("onset", "offset"): lambda start, end: (start, end),
    ("offset", "duration"): lambda start, end: (start, end - start),
    ("begin", "stop"): lambda start, end: (round(start * RATE), round(end * RATE)),
    ("start_sample", "end_sample"): lambda start, end: (round(start * RATE), round(end * RATE)),
    ("segment_start", "segment_end"): lambda start, end: (
        f"{start:.3f}".replace(".", ","),
        f"{end:.3f}".replace(".", ","),
    ),
    ("from", "to"): lambda start, end: (f"00:00:{start:06.3f}", f"00:00:{end:06.3f}"),
    ("tmin", "tmax"): lambda start, end: (f"0:{start:.1f}", f"0:{end:.1f}"),
    ("start_offset", "end_offset"): lambda start, end: (f"{round(start * 1000)} ms", f"{end}s"),
}


@pytest.mark.parametrize("names", SPELLINGS, ids="-".join)
def test_times_of_any_name_unit_and_spelling_are_parts(tmp_path, names):
    rows = recordings(tmp_path)
    cells = [(file, *SPELLINGS[names](start, end), label) for file, start, end, label in rows]
    loaded = load(listed(tmp_path, ("file", *names, "label"), cells, delimiter=";"))
    expected = sorted((f"{file}#{start:.3f}-{end:.3f}", start, end) for file, start, end, _ in rows)
    assert [key for key, *_ in spans(loaded)] == [key for key, *_ in expected]
    assert np.allclose([one[1:] for one in spans(loaded)], [one[1:] for one in expected])
    assert "; parts of files: start," in loaded.reading
    assert all(repr(name) in loaded.reading for name in names)
    assert not any("parts of files" in note for note in loaded.warnings)


def test_only_the_part_is_cleaned_and_its_recording_stays_in_one_split(tmp_path, monkeypatch):
    monkeypatch.setenv("AUDIO_FT_CACHE", str(tmp_path / "cache"))
    rows = recordings(tmp_path)
    data = listed(tmp_path, ("file", "start", "end", "label"), rows)
    loaded = load(data)
    files = {name: {key.partition("#")[0] for key in split["key"]} for name, split in loaded.splits.items()}
    assert not (files["train"] & files["test"])
    assert not (files["train"] & files["validation"])
    assert loaded.group == "recording"
    assert "disjoint by recording" in loaded.rule
    for name, split in loaded.splits.items():
        cleaned = clean(split, Cleaner(Chain((Resample(RATE),)), RATE), name=name, workers=1)
        assert cleaned.clips == len(split)
        for clip, key in enumerate(split["key"]):
            file, part = int(key[1]), round(float(key.partition("#")[2].partition("-")[0]) / 0.5)
            assert cleaned.rows[clip]["seconds"] == 0.5
            assert np.allclose(cleaned.wave(clip), level(file, part), atol=1e-3)


def test_the_cache_tells_parts_of_one_recording_apart(tmp_path, monkeypatch):
    monkeypatch.setenv("AUDIO_FT_CACHE", str(tmp_path / "cache"))
    rows = recordings(tmp_path)
    cleaner = Cleaner(Chain((Resample(RATE),)), RATE)

    def seconds(shift):
        moved = [(file, start, end - shift, label) for file, start, end, label in rows]
        loaded = load(listed(tmp_path, ("file", "start", "end", "label"), moved))
        return clean(loaded.splits["train"], cleaner, name="train", workers=1).rows["seconds"][0]

    assert seconds(0.0) == 0.5
    assert seconds(0.2) == pytest.approx(0.3)


def test_inspect_and_prepare_see_parts(tmp_path):
    rows = recordings(tmp_path)
    data = listed(tmp_path, ("file", "start", "end", "label"), rows)
    found = inspect(data, decode=True)
    assert (found.durations.shortest, found.durations.longest) == (0.5, 0.5)
    assert found.problem is None
    assert found.duplicates == ()
    prepared = prepare(data, Chain((Resample(RATE),)), tmp_path / "out")
    assert sum(prepared.clips.values()) == len(rows)
    with (tmp_path / "out" / "splits" / "train.csv").open(newline="") as file:
        line = next(csv.DictReader(file))
    clip = read(tmp_path / "out" / line["file_name"])
    part = round(float(line["start"]) / 0.5)
    assert clip.seconds == 0.5
    assert clip.samples.mean() == pytest.approx(level(int(line["raw_file"][1]), part), abs=1e-3)
    again = load(Data(str(tmp_path / "out")))
    assert sum(map(len, again.splits.values())) == len(rows)
    assert "start" not in again.splits["train"].column_names  # they are cut already
    assert again.group == "recording"


def test_gaps_and_minus_one_are_the_ends_of_the_recording(tmp_path):
    recordings(tmp_path, files=4, parts=4)
    rows = [(f"r{file}.wav", start, end, label) for file in range(4) for start, end, label in
            (("", "0.5", "one"), ("0.5", "1", "two"), ("1.5", ("", "NaT", "-1", "nan")[file], "one"))]  # fmt: skip
    loaded = load(listed(tmp_path, ("file", "start", "end", "label"), rows))
    assert spans(loaded)[0] == ("r0.wav#0.000-0.500", 0.0, 0.5)
    assert {(key, end) for key, _, end in spans(loaded) if "end" in key} == {(f"r{file}.wav#1.500-end", None)
                                                                            for file in range(4)}  # fmt: skip
    row = next(row for row in loaded.splits["train"] if row["end"] is None)
    assert read(source_of(row)).seconds == 0.5


def test_settings_name_columns_and_units_or_whole_files(tmp_path):
    rows = [(file, round(start * 100), round(end * 100), label) for file, start, end, label in recordings(tmp_path)]
    data = listed(tmp_path, ("file", "beginning of it", "close", "label"), rows)
    with pytest.raises(InputError, match=r"r0.wav as 'one' \(row 1\), and r0.wav as 'two' \(row 2\)"):
        load(data)  # no column is known, so each row is its whole file
    loaded = load(data.replace(start="beginning of it:ms", end="close:ms"))
    assert spans(loaded)[1] == ("r0.wav#0.050-0.100", 0.05, 0.1)
    with pytest.raises(InputError, match="no column 'begin'"):
        load(data.replace(start="begin", end="close"))
    with pytest.raises(InputError, match=r"'label' \(data.start\) holds no times"):
        load(data.replace(start="label", target="close", end="close"))
    rows = [(f"r{file}.wav", 0.5, 1.0, LABELS[file % 2]) for file in range(8)]
    loaded = load(listed(tmp_path, ("file", "start", "end", "label"), rows).replace(start=""))
    assert "start" not in loaded.splits["train"].column_names
    assert "parts of files" not in loaded.reading


def test_an_ambiguous_unit_is_refused_and_names_the_setting(tmp_path):
    for file in range(8):
        Clip.silence(90.0, RATE).write(tmp_path / f"r{file}.wav")
    rows = [
        (f"r{file}.wav", start, start + 20, LABELS[part]) for file in range(8) for part, start in enumerate((0, 20))
    ]
    data = listed(tmp_path, ("file", "start", "end", "label"), rows)
    with pytest.raises(InputError, match=r"may be in seconds or milliseconds.*start='start:ms'"):
        load(data)
    assert spans(load(data.replace(start="start:s", end="end:s")))[1][1:] == (20.0, 40.0)


def test_places_in_another_recording_are_said_to_be_unused(tmp_path):
    for file in range(12):
        Clip.noise(0.4, RATE, seed=file).write(tmp_path / f"r{file}.wav")
    # As in UrbanSound8K: slices of 0.4 s with their place in the original.
    rows = [(f"r{file}.wav", file / 10, file / 10 + 0.4, LABELS[file % 2]) for file in range(12)]
    loaded = load(listed(tmp_path, ("file", "start", "end", "label"), rows))
    (note,) = [note for note in loaded.warnings if "not used" in note]
    assert "each file is as long as its row, so they are places in another recording" in note
    assert "start" not in loaded.splits["train"].column_names
    # As in AudioSet, in a file that is a bit shorter than the row says.
    rows = [(f"r{file}.wav", 30 * file, 30 * file + 10, LABELS[file % 2]) for file in range(12)]
    loaded = load(listed(tmp_path, ("file", "start_seconds", "end_seconds", "label"), rows))
    (note,) = [note for note in loaded.warnings if "not used" in note]
    assert "do not fit the files (first: 0 to 10 s in a file of 0.40 s)" in note


def test_rows_that_end_after_their_files_are_refused_with_an_example(tmp_path):
    rows = recordings(tmp_path)
    late = [(file, start, end + 5 * (row % 4 == 0), label) for row, (file, start, end, label) in enumerate(rows)]
    data = listed(tmp_path, ("file", "start", "end", "label"), late)
    with pytest.raises(InputError, match=r"25% of the rows do not fit .*0 to 5.5 s in a file of 2.50 s"):
        load(data)
    rows[0] = ("r0.wav", 0.5, 0.2, "one")
    with pytest.raises(InputError, match=r"r0\.wav is listed from 0\.5 to 0\.2 s"):
        load(listed(tmp_path, ("file", "start", "end", "label"), rows))


def test_starts_without_ends_are_refused_where_files_are_listed_repeatedly(tmp_path):
    rows = [(file, start, label) for file, start, _, label in recordings(tmp_path)]
    data = listed(tmp_path, ("file", "start", "label"), rows)
    with pytest.raises(InputError, match="seems to give the start of a row"):
        load(data)
    assert spans(load(data.replace(start="start")))[0] == ("r0.wav#0.000-end", 0.0, None)


def test_channels_are_parts(tmp_path):
    rows = recordings(tmp_path, channels=2)
    both = [(*row, side) for row in rows for side in ("A", "B")]
    loaded = load(listed(tmp_path, ("file", "start", "end", "label", "channel"), both))
    found = {row["key"]: row for split in loaded.splits.values() for row in split}
    for key, channel in (("r1.wav#0.500-1.000-ch0", 0), ("r1.wav#0.500-1.000-ch1", 1)):
        clip = read(source_of(found[key]))
        assert clip.channels == 1
        assert clip.samples.mean() == pytest.approx(level(1, 1) / (1 + channel), rel=1e-3)
    assert "channels of files: from column 'channel'" in loaded.warnings
    numbered = [(*row, 1 + row_number % 2) for row_number, row in enumerate(rows)]
    loaded = load(listed(tmp_path, ("file", "start", "end", "label", "channel"), numbered))
    assert "channels of files: from column 'channel', 1 is the first" in loaded.warnings
    always = listed(tmp_path, ("file", "start", "end", "label", "channel"), [(*row, 1) for row in rows])
    with pytest.raises(InputError, match="is 1 in all rows"):
        load(always)
    loaded = load(always.replace(channel="channel:1"))
    assert all(row["channel"] == 0 for split in loaded.splits.values() for row in split)
    whole = load(always.replace(channel=""))
    assert all(row["channel"] is None for split in whole.splits.values() for row in split)
    counts = listed(tmp_path, ("file", "start", "end", "label", "channel"), [(*row, "headset") for row in rows])
    assert all(row["channel"] is None for split in load(counts).splits.values() for row in split)


def test_parts_of_transcripts(tmp_path):
    rows = [(file, start, end, f"{label} words") for file, start, end, label in recordings(tmp_path)]
    lines = [json.dumps({"audio_filepath": file, "offset": start, "duration": end - start, "text": text})
             for file, start, end, text in rows]  # fmt: skip
    (tmp_path / "list.jsonl").write_text("\n".join(lines))
    loaded = load(Data(str(tmp_path / "list.jsonl")), targets=(Transcript,))
    assert len(spans(loaded)) == len(rows)


def test_speakers_and_recordings_are_kept_together(tmp_path):
    rows = recordings(tmp_path, files=9)
    # Speakers a and b share recording 0, b and c recording 1; the others speak alone.
    speaker = {0: "ab", 1: "bc"}
    named = [(*row, speaker.get(int(row[0][1]), "defghijkl"[int(row[0][1])])[number % 2 if int(row[0][1]) < 2 else 0])
             for number, row in enumerate(rows)]  # fmt: skip
    loaded = load(listed(tmp_path, ("file", "start", "end", "label", "speaker"), named))
    where = {}
    for name, split in loaded.splits.items():
        for key, group in zip(split["key"], split["group"], strict=True):
            where.setdefault(key.partition("#")[0], set()).add(name)
            where.setdefault(group, set()).add(name)
    assert all(len(splits) == 1 for splits in where.values())
    assert "disjoint by speaker and recording" in loaded.rule


def test_groups_are_united_where_they_share_a_recording():
    assert united(["a", "b", "b", "c", "d"], [0, 0, 1, 1, 2]) == ["a", "a", "a", "a", "d"]
    assert united(["a", "a", None, "b"], [0, 1, 2, 3]) == ["a", "a", None, "b"]


def test_contradicting_rows_are_refused_and_equal_ones_stay_together(tmp_path):
    recordings(tmp_path)
    rows = [(f"r{row % 8}.wav", LABELS[row % 2]) for row in range(16)]
    loaded = load(listed(tmp_path, ("file", "label"), rows))
    keys = [{key.partition("#")[0] for key in split["key"]} for split in loaded.splits.values()]
    assert sum(map(len, keys)) == len(set.union(*keys)) == 8
    rows[9] = ("r1.wav", "one")
    words = r"two rows contradict each other: r1.wav as 'two' \(row 2\), and r1.wav as 'one' \(row 10\)"
    with pytest.raises(InputError, match=words):
        load(listed(tmp_path, ("file", "label"), rows))


@pytest.mark.parametrize(
    ("cells", "seconds"),
    [
        (["00:00:01,200", "1:02"], (1.2, 62.0)),
        (["PT1.2S", "PT1M"], (1.2, 60.0)),
        (["1200ms", "1.2 s"], (1.2, 1.2)),
        (["1 days 00:00:01.5", "NaT"], (86_401.5, None)),
    ],
)
def test_texts_with_units_are_seconds(cells, seconds):
    times = read_times(cells)
    assert times.unit == "s"
    assert times.values == pytest.approx(seconds)


@pytest.mark.parametrize("cells", [["2021-03-04 12:00:01"], ["sudden", "1"], ["", None], [True], ["01:02:03:04"]])
def test_other_cells_are_no_times(cells):
    assert read_times(cells) is None
