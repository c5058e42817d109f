"""Archives, WebDataset shards, saved arrays, Excel files and addresses on the network."""

import functools
import http.server
import io
import json
import sys
import tarfile
import threading
import zipfile
from pathlib import Path

import fsspec
import pytest
from datasets import Dataset
from test_lists import labels, notes, pairs, recordings, written

from audio_ft.audio.clip import read
from audio_ft.data import Data, load
from audio_ft.doctor.inspect import inspect
from audio_ft.errors import InputError


def zip_of(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def tar_of(path, members):
    with tarfile.open(path, "w:gz" if path.name.endswith("gz") else "w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def class_folders(top=""):
    return {
        f"{top}{label}/{number}.wav": f"{label}{number}".encode() for label in ("no", "yes") for number in range(10)
    }


@pytest.mark.parametrize(("pack", "name"), [(zip_of, "data.zip"), (tar_of, "data.tar"), (tar_of, "data.tar.gz")])
def test_an_archive_is_read_like_the_folder_in_it(tmp_path, pack, name):
    path = pack(tmp_path / name, class_folders("set/") | {"__MACOSX/set/no/._0.wav": b"x", "set/.DS_Store": b"x"})
    first, second = labels(path), labels(tmp_path)
    assert first.target.names == second.target.names == ("no", "yes")
    assert first.fingerprint == second.fingerprint == labels(path).fingerprint
    assert f"{name} unpacked in" in notes(first)


def test_one_archive_a_split(tmp_path):
    for split in ("train", "validation", "test"):
        zip_of(tmp_path / f"{split}.zip", class_folders())
    loaded = labels(tmp_path)
    assert {name: len(split) for name, split in loaded.splits.items()} == {"train": 20, "validation": 20, "test": 20}


@pytest.mark.parametrize("name", ["../../evil.wav", "/evil.wav", "C:/evil.wav", "a/../../evil.wav"])
@pytest.mark.parametrize(("pack", "file"), [(zip_of, "data.zip"), (tar_of, "data.tar")])
def test_a_member_that_leads_out_of_the_archive_is_refused(tmp_path, pack, file, name):
    path = pack(tmp_path / file, class_folders() | {name: b"x"})
    with pytest.raises(InputError, match="leads out of the archive, so it is not unpacked"):
        labels(path)
    assert not list(tmp_path.parent.glob("**/evil.wav"))


def test_bombs_and_damaged_archives_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("audio_ft.data.readers.archives._HARMLESS", 1_000_000)
    bomb = zip_of(tmp_path / "bomb.zip", {"no/a.wav": bytes(3_000_000)})
    with pytest.raises(InputError, match="more than recordings can be"):
        labels(bomb)
    damaged = tmp_path / "damaged.zip"
    damaged.write_bytes(b"PK\3\4" + bytes(100))
    with pytest.raises(InputError, match="cannot be unpacked"):
        labels(damaged)
    cut = tmp_path / "cut.tar"
    cut.write_bytes(b"no archive at all" * 100)
    with pytest.raises(InputError, match="cannot be unpacked"):
        labels(cut)


@pytest.mark.parametrize("fields", [True, False])
def test_webdataset_shards(tmp_path, fields):
    for shard in range(2):
        members = {}
        for number in range(10):
            label = ("no", "yes")[number % 2]
            members[f"{number:05d}.wav"] = f"{shard} {number}".encode()
            if fields:
                members[f"{number:05d}.json"] = json.dumps({"label": label, "speaker": f"s{number % 5}"}).encode()
            else:
                members[f"{number:05d}.cls"] = label.encode()
        tar_of(tmp_path / f"train-{shard:06d}.tar", members)
    loaded = labels(tmp_path)
    assert (loaded.target.names, sum(map(len, loaded.splits.values()))) == (("no", "yes"), 20)
    assert loaded.group == ("speaker" if fields else None)


@pytest.mark.parametrize("flat", [True, False])
def test_saved_arrays_become_recordings(tmp_path, flat):
    waves = [[0.25, -0.5, 0.125 * (number % 3)] * 100 for number in range(20)]
    rows = [{"speech": wave, "sampling_rate": 8000} if flat else
            {"audio": {"array": wave, "path": None, "sampling_rate": 8000}} for wave in waves]  # fmt: skip
    table = Dataset.from_list([row | {"label": ("no", "yes")[number % 2]} for number, row in enumerate(rows)])
    table.save_to_disk(str(tmp_path / "saved"))
    loaded = labels(tmp_path / "saved")
    assert loaded.target.names == ("no", "yes")
    clip = read(loaded.splits["train"][0]["audio"]["bytes"])
    assert (clip.rate, clip.samples[0, :2].tolist()) == (8000, [0.25, -0.5])
    assert not list((tmp_path / "saved").glob("cache*"))
    table.remove_columns(["sampling_rate"] if flat else []).save_to_disk(str(tmp_path / "rateless"))
    if flat:
        with pytest.raises(InputError, match="has samples without their rate; add a column sampling_rate"):
            labels(tmp_path / "rateless")


def test_rows_without_samples_are_empty_recordings(tmp_path):
    saved = Dataset.from_list([{"audio": None if row == 3 else {"array": [0.25] * 100, "sampling_rate": 8000},
                                "label": ("no", "yes")[row % 2]} for row in range(20)])  # fmt: skip
    saved.save_to_disk(str(tmp_path / "saved"))
    assert inspect(tmp_path / "saved").unreadable == (("saved/3", "no such file"),)


@pytest.mark.parametrize(
    ("samples", "rate"), [([0.25], None), ([0.25], 0), ([0.25], "8 kHz"), ([[0.1, 0.2], [0.1]], 8000)]
)
def test_what_is_not_samples_at_a_rate_names_its_row(tmp_path, samples, rate):
    sound = {"array": samples, "sampling_rate": rate}
    Dataset.from_list([{"audio": sound, "label": "yes"}]).save_to_disk(str(tmp_path / "saved"))
    with pytest.raises(
        InputError, match=rf"row 0: column 'audio' is not samples at a rate of {rate!r} Hz \(.*correct or"
    ):
        labels(tmp_path / "saved")


def test_two_columns_of_samples_are_chosen_among(tmp_path):
    sound = {"audio": {"array": [0.25], "sampling_rate": 8000}, "speech": [0.5], "sr": 4000}
    Dataset.from_list([sound | {"label": ("no", "yes")[row % 2]} for row in range(20)]).save_to_disk(str(tmp_path))
    with pytest.raises(InputError, match=r"columns audio, speech could each be the recording; choose one with"):
        labels(tmp_path)
    for column, rate in (("audio", 8000), ("speech", 4000)):
        chosen = load(Data(str(tmp_path), audio=column)).splits["train"]
        assert read(chosen[0]["audio"]["bytes"]).rate == rate


def test_excel_files(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.append(["file", "label", "age"])
    for number in range(20):
        book.active.append([f"w/{number}.wav", ("no", "yes")[number % 2], number])
    book.save(tmp_path / "list.xlsx")
    recordings(tmp_path / "w", [f"{number}.wav" for number in range(20)])
    for path in (tmp_path, tmp_path / "list.xlsx"):
        loaded = labels(path)
        assert pairs(loaded)["7.wav"] == "yes"
        assert json.loads(loaded.splits["train"][0]["meta"])["age"] in range(20)
    (tmp_path / "list.xlsx").write_bytes(b"no zip")
    with pytest.raises(InputError, match="not readable as Excel"):
        labels(tmp_path / "list.xlsx")


def test_excels_unicode_text_is_utf16(tmp_path):
    recordings(tmp_path, [f"{number}.wav" for number in range(20)])
    lines = ["file\tlabel", *(f"{number}.wav\t{('no', 'yes')[number % 2]}" for number in range(20))]
    (tmp_path / "list.txt").write_bytes("\r\n".join(lines).encode("utf-16"))
    assert labels(tmp_path / "list.txt").target.names == ("no", "yes")


def test_addresses_are_downloaded_once(tmp_path):
    recordings(tmp_path / "web", [f"{number}.wav" for number in range(20)])
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path / "web"))
    handler.log_message = lambda *_: None
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    at = f"http://127.0.0.1:{server.server_address[1]}"
    lines = [f"{at}/{number}.wav,{('no', 'yes')[number % 2]}" for number in range(21)]
    path = written(tmp_path, ["audio,label", *lines])
    try:
        loaded = labels(path)
    finally:
        server.shutdown()
        server.server_close()
    assert "1 addresses cannot be downloaded (first: " in notes(loaded)
    row = next(row for split in loaded.splits.values() for row in split if row["key"].endswith("/7.wav"))
    assert (row["key"], row["target"]) == (f"{at}/7.wav", "yes")
    assert Path(row["audio"]["path"]).read_bytes() == b"7.wav"
    # The network is gone, and the recordings are there.
    assert labels(written(tmp_path, ["audio,label", *lines[:20]], "again.csv")).target.names == ("no", "yes")
    with pytest.raises(InputError, match="none of 1 addresses can be downloaded"):
        labels(written(tmp_path, ["audio,label", f"{at}/x.wav,no"], "gone.csv"))


def test_a_folder_at_an_address_is_copied_once(tmp_path, monkeypatch):
    bucket = fsspec.filesystem("memory")
    for label in ("no", "yes"):
        recordings(tmp_path / label, [f"{label}{number}.wav" for number in range(12)])
    bucket.put(str(tmp_path), "/bucket/calls", recursive=True)
    loaded = labels("memory://bucket/calls/")
    assert loaded.target.names == ("no", "yes")
    assert "24 files of memory://bucket/calls/ are in" in notes(loaded)
    assert "24 downloaded now" in notes(loaded)
    bucket.rm("/bucket/calls/no/no1.wav")
    bucket.pipe("/bucket/calls/yes/yes3.wav", b"longer than before")
    again = labels("memory://bucket/calls")
    assert "23 files of" in notes(again)
    assert " 1 downloaded now" in notes(again)
    row = next(row for split in again.splits.values() for row in split if row["key"].endswith("yes3.wav"))
    assert Path(row["audio"]["path"]).read_bytes() == b"longer than before"
    with pytest.raises(InputError, match=r"no/such: there are no files|cannot be listed"):
        labels("memory://bucket/no/such")
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(InputError, match="s3:// addresses need s3fs"):
        labels("s3://bucket/calls")


def test_an_address_without_its_package_names_it(tmp_path):
    path = written(tmp_path, ["audio,label", "s3://bucket/0.wav,no", "s3://bucket/1.wav,yes"])
    with pytest.raises(InputError, match=r"s3:// addresses need s3fs: pip install s3fs|can be downloaded"):
        labels(path)
