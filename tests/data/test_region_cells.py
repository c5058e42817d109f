"""Cells with the regions of a recording: Label Studio's exports, whatever they call the files."""

import csv
import json

import pytest

from audio_ft.audio.clip import Clip
from audio_ft.data import Data, load
from audio_ft.errors import InputError
from audio_ft.targets import Transcript

RATE = 8_000
FILES = 4
ROWS = ((0.5, 1.0, "yes"), (1.25, 2.0, "no"))
# How exports call the recording a0.wav: uploads get a prefix, which a copy of the recordings has or has not.
NAMES = {
    "upload": ("/data/upload/1/0a1b2c3d-{}", "upload/0a1b2c3d-{}"),
    "original": ("/data/upload/1/0a1b2c3d-{}", "{}"),
    "local": ("/data/local-files/?d=sounds%20new/{}", "sounds new/{}"),
    "bucket": ("s3://bucket/sounds/{}", "mine/{}"),
    "signed": ("https://example.org/sounds/{}?token=1", "{}"),
    "plain": ("{}", "{}"),
}


def recordings(folder, form="{}", seconds=3.0, channels=1):
    for number in range(FILES):
        path = folder / form.format(f"a{number}.wav")
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = Clip.silence(seconds, RATE).samples.repeat(channels, axis=0)
        Clip(samples, RATE).write(path)


def region(start, end, label, **more):
    return {"start": start, "end": end, "channel": 0, "labels": [label], **more}


def items(form="{}", **more):
    regions = [region(*row) for row in ROWS]
    return [{"audio": form.format(f"a{number}.wav"), "id": number, "label": regions, "annotator": 1, **more}
            for number in range(FILES)]  # fmt: skip


def result(start, end, name="label", kind="labels", **value):
    return {"id": f"r{start}", "from_name": name, "to_name": "audio", "type": kind, "original_length": 3.0,
            "value": {"start": start, "end": end, "channel": 0, **value}}  # fmt: skip


def written(folder, content, name="export.json"):
    path = folder / name
    path.write_text(json.dumps(content))
    return Data(str(path))


def rows_of(loaded):
    return sorted(
        (key, row["start"], row["end"], row["target"])
        for split in loaded.splits.values()
        for key, row in zip(split["key"], split, strict=True)
    )


def expected(form="{}"):
    return [(f"{form.format(f'a{number}.wav')}#{start:.3f}-{end:.3f}", start, end, label)
            for number in range(FILES) for start, end, label in ROWS]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_json_min_is_read_whatever_it_calls_the_files(tmp_path, name):
    called, form = NAMES[name]
    recordings(tmp_path, form)
    loaded = load(written(tmp_path, items(called)))
    assert rows_of(loaded) == expected(form)
    assert loaded.reading == (
        "2 classes, one a clip; parts of files: start, end in seconds, from 8 regions in column 'label'"
    )


def test_the_csv_export_holds_regions_as_json(tmp_path):
    recordings(tmp_path)
    with (tmp_path / "export.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["audio", "id", "label", "annotator"])
        writer.writerows([one["audio"], one["id"], json.dumps(one["label"]), 1] for one in items())
    assert rows_of(load(Data(str(tmp_path / "export.csv")))) == expected()


def tasks():
    """Return a full export: regions with labels and texts, a choice for the whole file, a relation, and a cancelled."""
    results = [result(start, end, labels=[label]) for start, end, label in ROWS]
    results += [result(start, end, "said", "textarea", text=[f"I say {label}"]) for start, end, label in ROWS]
    results += [{"from_name": "speaker", "type": "choices", "value": {"choices": ["ann"]}}, {"type": "relation"}]
    cancelled = {"was_cancelled": True, "completed_by": 1, "result": [result(0, 1, labels=["maybe"])]}
    return [
        {"id": number, "data": {"audio": f"a{number}.wav", "place": "in"}, "file_upload": f"0a1b2c3d-a{number}.wav",
         "annotations": [{"completed_by": {"id": 1, "email": "a@b.c"}, "result": results}, cancelled]}
        for number in range(FILES)
    ]  # fmt: skip


def test_the_full_export_has_a_column_for_each_control(tmp_path):
    recordings(tmp_path)
    data = written(tmp_path, tasks()).replace(group="")
    loaded = load(data, need=("train",))
    assert rows_of(loaded) == expected()
    meta = json.loads(loaded.splits["train"]["meta"][0])
    assert (meta["said"], meta["speaker"], meta["place"], meta["annotator"]) == ("I say yes", "ann", "in", "a@b.c")
    spoken = load(data.replace(target="said"), targets=(Transcript,), need=("train",))
    assert spoken.splits["train"]["target"][:2] == ["I say yes", "I say no"]


def test_one_of_several_annotators_is_used_and_a_filter_chooses(tmp_path):
    recordings(tmp_path)
    second = [
        one | {"annotator": 2, "label": [region(0.25, 0.75, "perhaps"), region(0, 1, "surely")]} for one in items()[:2]
    ]
    data = written(tmp_path, [*items(), *second])
    loaded = load(data, need=("train",))
    assert rows_of(loaded) == expected()
    assert any(note.startswith("2 recordings with several annotations (of 1, 2): the") for note in loaded.warnings)
    chosen = load(data.replace(where=("annotator=2",)), need=("train",))
    assert {row[-1] for row in rows_of(chosen)} == {"perhaps", "surely"}
    full = tasks()
    truth = {"completed_by": 2, "ground_truth": True, "result": [result(0, 1, labels=["truth"])]}
    full[0]["annotations"].append(truth)
    assert ("a0.wav#0.000-1.000", 0.0, 1.0, "truth") in rows_of(load(written(tmp_path, full), need=("train",)))


def test_channels_are_read_where_regions_differ_in_them(tmp_path):
    recordings(tmp_path, channels=2)
    both = [region(0.5, 1.0, "yes"), region(0.5, 1.0, "no", channel=1)]
    loaded = load(written(tmp_path, items(label=both)), need=("train",))
    assert sorted(loaded.splits["train"]["key"])[:2] == ["a0.wav#0.500-1.000-ch0", "a0.wav#0.500-1.000-ch1"]


def test_several_labels_of_a_region_are_kept_and_rows_without_any_are_noted(tmp_path):
    recordings(tmp_path)
    content = items(label=[{"start": 0, "end": 1, "labels": ["dog", "cat"]}, {"start": 1, "end": 2, "labels": ["dog"]}])
    content[0]["label"] = []
    loaded = load(written(tmp_path, content), need=("train",))
    assert ["cat", "dog"] in [sorted(row) for row in loaded.splits["train"]["target"]]
    assert "1 row of export.json without a region left out" in loaded.warnings


HOSTILE = {
    "nan": (region(float("nan"), 1, "yes"), "item 1, region 1 of 'label': expected a time of 0 or more, got"),
    "text": (region("soon", 1, "yes"), "item 1, region 1 of 'label': expected a time of 0 or more, got 'soon'"),
    "backwards": (region(2, 1, "yes"), "item 1, region at 2 s: it ends at 1 s, before its start"),
    "beyond": (region(50, 51, "yes"), "item 1, region at 50 s: it starts at 50 s, and a0.wav has 3.00 s"),
    "nothing": (region(1, 1, "yes"), None),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_damaged_regions_are_refused_with_their_item(tmp_path, name):
    recordings(tmp_path)
    bad, words = HOSTILE[name]
    content = items()
    content[0]["label"] = [bad, region(0, 1, "no")]
    data = written(tmp_path, content)
    if words is None:  # a moment is not a part
        loaded = load(data, need=("train",))
        assert len(rows_of(loaded)) == 2 * FILES - 1
        assert "1 region of export.json without a duration left out" in loaded.warnings
        return
    with pytest.raises(InputError) as caught:
        load(data, need=("train",))
    assert words in str(caught.value)
    assert len(str(caught.value)) < 500


def test_the_times_of_words_beside_a_transcript_are_left_alone(tmp_path):
    recordings(tmp_path)
    words = [{"word": "yes", "start": 0.5, "end": 1.0}, {"word": "no", "start": 1.25, "end": 2.0}]
    data = written(tmp_path, [{"audio": f"a{number}.wav", "text": "yes no", "words": words} for number in range(FILES)])
    loaded = load(data, targets=(Transcript,), need=("train",))
    assert loaded.splits["train"]["target"] == ["yes no"] * FILES
    said = "column 'words' has regions of the recordings, not used; data.target=words reads them"
    assert said in loaded.warnings
    assert rows_of(load(data.replace(target="words"), targets=(Transcript,), need=("train",))) == expected()


def test_deep_nesting_is_refused(tmp_path):
    recordings(tmp_path)
    (tmp_path / "export.json").write_text('[{"audio": "a0.wav", "label": ' + "[" * 100_000 + "]" * 100_000 + "}]")
    with pytest.raises(InputError, match="not valid JSON"):
        load(Data(str(tmp_path / "export.json")))
