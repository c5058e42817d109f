"""Tables, archives and folders as people have them, read without a setting or refused with the way out."""

import importlib.util

import pytest
from layouts import LAYOUTS

from audio_ft.data import Data, load
from audio_ft.errors import InputError
from audio_ft.targets import Transcript

CLIPS, CLASSES = 12, ("no", "up", "yes")
TRANSCRIBED = {"sidecar_wds_txt": 12, "cv_without_mp3": 12, "coqui_two": 10, "ljs_empty_middle": 10,
               "piper_blank_lines": 10, "piper_case": 12}  # fmt: skip
# Clips and classes of those that differ.
OTHERS = {
    "excel_cp1252": None,
    "manifests_in_subfolder": (18, CLASSES), "jsonl_per_split": (15, CLASSES), "hf7529_custom_split": (15, CLASSES),
    "nested_classes": (15, ("animal", "vehicle")), "dotfiles": (12, ("no", "yes")), "zip_mac": (12, ("no", "yes")),
    "wds_splits": (15, ("0", "1", "2")), "wds_split_folders": (15, ("0", "1", "2")),
    "no_header_numbers": (12, ("0", "1")),
}  # fmt: skip
REFUSED = {
    "excel_cp1252": "line 2: expected UTF-8 text.*as Windows-1252 the line reads 'w/t0.wav;größe'; save the file",
    "hf7880_splits_without_classes": "folders test, train contain recordings but no class folders and no metadata.csv",
    "ods": "this kind of sheet is not read; save it as xlsx or csv",
    "pickle": "pickles are not read, because they may run code; save the table as parquet or csv",
    "s3": "s3:// addresses need s3fs: pip install s3fs",
    "s3_path": "s3:// addresses need s3fs: pip install s3fs",
    "gs": "gs:// addresses need gcsfs: pip install gcsfs",
    "azure": "abfs:// addresses need adlfs: pip install adlfs",
    "https_csv": "none of 1 addresses can be downloaded",
}
NEEDS = {"s3": "s3fs", "s3_path": "s3fs", "gs": "gcsfs", "azure": "adlfs"}


def settings_of(name, tmp_path):
    found = LAYOUTS[name](tmp_path) or {}
    return {"path": str(found.get("path", tmp_path))}


@pytest.mark.parametrize("name", LAYOUTS.keys() - REFUSED.keys() - TRANSCRIBED.keys())
def test_a_layout_is_read_without_a_setting(name, tmp_path):
    loaded = load(Data(**settings_of(name, tmp_path)))
    clips, classes = OTHERS.get(name, (CLIPS, CLASSES))
    assert sum(map(len, loaded.splits.values())) == clips
    assert loaded.target.names == classes
    missing = [note for note in loaded.warnings if "missing" in note]
    assert missing == []


@pytest.mark.parametrize("name", TRANSCRIBED)
def test_a_layout_of_transcripts_is_read_without_a_setting(name, tmp_path):
    loaded = load(Data(**settings_of(name, tmp_path)), targets=(Transcript,))
    assert sum(map(len, loaded.splits.values())) == TRANSCRIBED[name]
    assert all(text for split in loaded.splits.values() for text in split["target"])


@pytest.mark.parametrize("name", REFUSED)
def test_a_layout_is_refused_with_the_way_out(name, tmp_path):
    if name in NEEDS and importlib.util.find_spec(NEEDS[name]):
        pytest.skip(f"{NEEDS[name]} is installed")
    with pytest.raises(InputError, match=REFUSED[name]):
        load(Data(**settings_of(name, tmp_path)))


def test_a_pattern_of_shards_with_a_missing_one_is_refused(tmp_path):
    LAYOUTS["wds_braces"](tmp_path)
    (tmp_path / "shard-002.tar").unlink()
    with pytest.raises(InputError, match=r"1 archive of 4 missing \(first: .*shard-002\.tar"):
        load(Data(path=f"{tmp_path}/shard-{{000..003}}.tar"))


@pytest.mark.parametrize(("name", "note"), [
    ("case_differs", "4 recordings found by the name in another spelling (first: 'W/t0.wav' is w/t0.wav)"),
    ("hf7529_custom_split", "splits 'custom' (3 rows) left out"),
    ("text_list_beside_a_broken_sheet", "list.xlsx not used"),
    ("nested_classes", "folders inside class folders are not labels"),
])  # fmt: skip
def test_what_was_recognized_is_said(name, note, tmp_path):
    assert any(note in warning for warning in load(Data(**settings_of(name, tmp_path))).warnings)
