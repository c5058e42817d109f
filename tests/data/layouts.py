"""Tables, archives and folders as people have them: twelve tones of three classes in each, unless said."""

import csv
import io
import json
import shutil
import tarfile
import zipfile

import numpy as np
from corpora import table, tone

LAYOUTS = {}


def layout(build):
    """Register a builder under its name; it returns settings, such as the path."""
    LAYOUTS[build.__name__] = build
    return build


def take(root, count=12, where="w", suffix=".wav"):
    names = []
    for number in range(count):
        tone(root / where / f"t{number}{suffix}", 0.1, 8000, 200 + number)
        names.append(f"{where}/t{number}{suffix}")
    return names


def label(number):
    return ("yes", "no", "up")[number % 3]


@layout
def excel_semicolon_bom(root):
    names = take(root)
    (root / "list.csv").write_bytes(
        (
            "\ufeffDateiname;Label;Bemerkung\r\n"
            + "".join((f"{f};{label(number)};a, b\r\n" for number, f in enumerate(names)))
        ).encode("utf-8")
    )
    return {"path": root / "list.csv"}


@layout
def excel_sep_line(root):
    names = take(root)
    (root / "list.csv").write_bytes(
        ("sep=;\r\nfile;label\r\n" + "".join((f"{f};{label(number)}\r\n" for number, f in enumerate(names)))).encode(
            "utf-8"
        )
    )
    return {"path": root / "list.csv"}


@layout
def excel_cp1252(root):
    names = take(root)
    (root / "list.csv").write_bytes(
        (
            "file;label\r\n"
            + "".join((f"{f};{('größe', 'no', 'up')[number % 3]}\r\n" for number, f in enumerate(names)))
        ).encode("cp1252")
    )
    return {"path": root / "list.csv"}


@layout
def tsv_called_csv(root):
    names = take(root)
    table(root / "list.csv", [["file", "label"], *([f, label(number)] for number, f in enumerate(names))], "\t")
    return {"path": root / "list.csv"}


@layout
def csv_called_tsv(root):
    names = take(root)
    table(root / "list.tsv", [["file", "label"], *([f, label(number)] for number, f in enumerate(names))], ",")
    return {"path": root / "list.tsv"}


@layout
def parquet_structs(root):
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = take(root)
    t = pa.table(
        {
            "audio": [{"bytes": (root / f).read_bytes(), "path": f} for f in names],
            "label": [label(number) for number in range(12)],
        }
    )
    pq.write_table(t, root / "data.parquet")
    shutil.rmtree(root / "w")
    return {"path": root / "data.parquet"}


@layout
def parquet_structs_folder(root):
    parquet_structs(root)
    (root / "data").mkdir()
    shutil.move(root / "data.parquet", root / "data/train-00000-of-00001.parquet")


@layout
def parquet_paths(root):
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = take(root)
    pq.write_table(pa.table({"file": names, "label": [label(number) for number in range(12)]}), root / "data.parquet")
    return {"path": root / "data.parquet"}


@layout
def parquet_binary(root):
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = take(root)
    pq.write_table(
        pa.table({"audio": [(root / f).read_bytes() for f in names], "label": [label(number) for number in range(12)]}),
        root / "data.parquet",
    )
    return {"path": root / "data.parquet"}


@layout
def parquet_floats(root):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(
        pa.table(
            {
                "audio": [list(np.sin(np.arange(800) * 0.1 * number)) for number in range(12)],
                "sampling_rate": [8000] * 12,
                "label": [label(number) for number in range(12)],
            }
        ),
        root / "data.parquet",
    )
    return {"path": root / "data.parquet"}


@layout
def arrow_floats(root):
    from datasets import Dataset

    Dataset.from_dict(
        {
            "audio": [list(np.sin(np.arange(800) * 0.1 * number)) for number in range(12)],
            "sampling_rate": [8000] * 12,
            "label": [label(number) for number in range(12)],
        }
    ).save_to_disk(root / "saved")
    return {"path": root / "saved"}


@layout
def arrow_file(root):
    import pyarrow as pa

    names = take(root)
    t = pa.table(
        {
            "audio": [{"bytes": (root / f).read_bytes(), "path": f} for f in names],
            "label": [label(number) for number in range(12)],
        }
    )
    with pa.OSFile(str(root / "data.arrow"), "wb") as s, pa.ipc.new_stream(s, t.schema) as w:
        w.write_table(t)
    return {"path": root / "data.arrow"}


@layout
def json_by_file(root):
    names = take(root)
    (root / "labels.json").write_text(
        json.dumps({f: {"label": label(number)} for number, f in enumerate(names)}, indent=1)
    )
    return {"path": root / "labels.json"}


@layout
def json_file_to_label(root):
    names = take(root)
    (root / "labels.json").write_text(json.dumps({f: label(number) for number, f in enumerate(names)}))
    return {"path": root / "labels.json"}


@layout
def json_data_list(root):
    names = take(root)
    (root / "set.json").write_text(
        json.dumps({"version": 1, "data": [{"wav": f, "labels": label(number)} for number, f in enumerate(names)]})
    )
    return {"path": root / "set.json"}


@layout
def json_coco(root):
    names = take(root)
    (root / "coco.json").write_text(
        json.dumps(
            {
                "info": {},
                "audios": [{"id": number, "file_name": f} for number, f in enumerate(names)],
                "categories": [{"id": i, "name": c} for i, c in enumerate(("yes", "no", "up"))],
                "annotations": [{"id": number, "audio_id": number, "category_id": number % 3} for number in range(12)],
            }
        )
    )
    return {"path": root / "coco.json"}


@layout
def json_columns(root):
    names = take(root)
    (root / "set.json").write_text(
        json.dumps(
            {
                "file": {str(number): f for number, f in enumerate(names)},
                "label": {str(number): label(number) for number in range(12)},
            }
        )
    )
    return {"path": root / "set.json"}


@layout
def json_folder(root):
    json_by_file(root)


@layout
def yaml_list(root):
    names = take(root)
    (root / "list.yaml").write_text(
        "".join((f"- file: {f}\n  label: {label(number)}\n" for number, f in enumerate(names)))
    )
    return {"path": root / "list.yaml"}


@layout
def csv_elsewhere(root):
    names = take(root, where="audio/deep")
    table(
        root / "meta/list.csv",
        [["file", "label"], *([f.split("/")[-1], label(number)] for number, f in enumerate(names))],
    )
    return {"path": root / "meta/list.csv"}


@layout
def csv_sibling(root):
    names = take(root, where="recs")
    table(
        root / "csvs/list.csv",
        [["file", "label"], *([f.split("/")[-1], label(number)] for number, f in enumerate(names))],
    )
    return {"path": root / "csvs/list.csv"}


@layout
def csv_sibling_any(root):
    names = take(root, where="recs")
    table(
        root / "tables/list.csv",
        [["file", "label"], *([f.split("/")[-1], label(number)] for number, f in enumerate(names))],
    )
    return {"path": root / "tables/list.csv"}


@layout
def no_suffix(root):
    names = take(root)
    table(
        root / "list.csv",
        [["file", "label"], *([f.split("/")[-1][:-4], label(number)] for number, f in enumerate(names))],
    )
    return {"path": root / "list.csv"}


@layout
def upper_suffix(root):
    names = take(root, suffix=".WAV")
    table(root / "list.csv", [["file", "label"], *([f, label(number)] for number, f in enumerate(names))])
    return {"path": root / "list.csv"}


@layout
def upper_suffix_listed_lower(root):
    names = take(root, suffix=".WAV")
    table(root / "list.csv", [["file", "label"], *([f[:-4] + ".wav", label(number)] for number, f in enumerate(names))])
    return {"path": root / "list.csv"}


@layout
def case_differs(root):
    names = take(root)
    table(
        root / "list.csv",
        [
            ["file", "label"],
            *([f.replace("w/", "W/") if number % 3 == 0 else f, label(number)] for number, f in enumerate(names)),
        ],
    )
    return {"path": root / "list.csv"}


@layout
def absolute(root):
    names = take(root)
    table(root / "list.csv", [["file", "label"], *([root / f, label(number)] for number, f in enumerate(names))])
    return {"path": root / "list.csv"}


@layout
def file_uri(root):
    names = take(root)
    table(
        root / "list.csv",
        [["file", "label"], *([(root / f).as_uri(), label(number)] for number, f in enumerate(names))],
    )
    return {"path": root / "list.csv"}


@layout
def percent_names(root):
    for number in range(12):
        tone(root / f"w/my take {number}.wav")
    table(
        root / "list.csv",
        [["file", "label"], *([f"w/my%20take%20{number}.wav", label(number)] for number in range(12))],
    )
    return {"path": root / "list.csv"}


@layout
def manifests_in_subfolder(root):
    names = take(root, 18, "recordings")
    for name, r in (("train", range(12)), ("dev", range(12, 15)), ("test", range(15, 18))):
        table(root / f"manifests/v1/{name}.csv", [["file", "label"], *([names[number], label(number)] for number in r)])


@layout
def jsonl_per_split(root):
    for sp, c in (("train", 9), ("validation", 3), ("test", 3)):
        rows = []
        for number in range(c):
            tone(root / sp / f"{sp}{number}.wav")
            rows.append(json.dumps({"file_name": f"{sp}{number}.wav", "label": label(number)}))
        (root / sp / "metadata.jsonl").write_text("\n".join(rows))


@layout
def dict_strings(root):
    names = take(root)
    with open(root / "list.csv", "w") as h:
        w = csv.writer(h)
        w.writerow(["audio", "label"])
        for number, f in enumerate(names):
            w.writerow([str({"path": f, "array": None, "sampling_rate": 8000}), label(number)])
    return {"path": root / "list.csv"}


@layout
def dict_json_strings(root):
    names = take(root)
    with open(root / "list.csv", "w") as h:
        w = csv.writer(h)
        w.writerow(["audio", "label"])
        for number, f in enumerate(names):
            w.writerow([json.dumps({"path": f, "bytes": None}), label(number)])
    return {"path": root / "list.csv"}


@layout
def nested_classes(root):
    for c in ("animal/dog", "animal/cat", "vehicle/car"):
        for number in range(5):
            tone(root / c / f"{number}.wav")


@layout
def dotfiles(root):
    for c in ("yes", "no"):
        for number in range(6):
            tone(root / c / f"{number}.wav")
            (root / c / f"._{number}.wav").write_bytes(b"\x00\x05\x16\x07")
        (root / c / ".DS_Store").write_bytes(b"x")
        (root / "__MACOSX" / c).mkdir(parents=True, exist_ok=True)
        (root / "__MACOSX" / c / "._0.wav").write_bytes(b"x")
    (root / "Thumbs.db").write_bytes(b"x")
    (root / "desktop.ini").write_text("x")


@layout
def zip_mac(root):
    dotfiles(root / "data")
    with zipfile.ZipFile(root / "data.zip", "w") as z:
        for f in sorted((root / "data").rglob("*")):
            if f.is_file():
                z.write(f, f.relative_to(root))
    shutil.rmtree(root / "data")
    return {"path": root / "data.zip"}


def shard(path, items):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz" if path.name.endswith("gz") else "w") as t:
        for name, content in items:
            i = tarfile.TarInfo(name)
            i.size = len(content)
            t.addfile(i, io.BytesIO(content))


def wav(number, root):
    tone(root / "x.wav", 0.1, 8000, 200 + number)
    b = (root / "x.wav").read_bytes()
    (root / "x.wav").unlink()
    return b


@layout
def wds_braces(root):
    """See webdataset/webdataset#11."""
    for s in range(4):
        shard(
            root / f"shard-{s:03d}.tar",
            [
                x
                for number in range(3)
                for x in ((f"{s}{number}.wav", wav(s * 3 + number, root)), (f"{s}{number}.cls", label(number).encode()))
            ],
        )
    return {"path": str(root / "shard-{000..003}.tar")}


@layout
def wds_glob(root):
    wds_braces(root)
    return {"path": str(root / "shard-*.tar")}


@layout
def wds_targz_json(root):
    for s in range(2):
        shard(
            root / f"train-{s:06d}.tar.gz",
            [
                x
                for number in range(6)
                for x in (
                    (f"{s}{number}.flac", wav(s * 6 + number, root)),
                    (
                        f"{s}{number}.json",
                        json.dumps({"label": label(number), "speaker": f"s{s}{number // 2}"}).encode(),
                    ),
                )
            ],
        )


@layout
def wds_splits(root):
    for sp, c in (("train", 9), ("val", 3), ("test", 3)):
        shard(
            root / f"{sp}-000000.tar",
            [
                x
                for number in range(c)
                for x in ((f"{sp}{number}.wav", wav(number, root)), (f"{sp}{number}.cls", str(number % 3).encode()))
            ],
        )


@layout
def wds_split_folders(root):
    for sp, c in (("train", 9), ("val", 3), ("test", 3)):
        shard(
            root / f"{sp}/{0:06d}.tar",
            [
                x
                for number in range(c)
                for x in ((f"{number:04d}.wav", wav(number, root)), (f"{number:04d}.cls", str(number % 3).encode()))
            ],
        )


@layout
def sidecar_wds_txt(root):
    shard(
        root / "a.tar",
        [
            x
            for number in range(12)
            for x in ((f"{number}.wav", wav(number, root)), (f"{number}.txt", f"hello {number}".encode()))
        ],
    )


@layout
def wds_dots(root):
    """See webdataset/webdataset#237, huggingface/datasets#7150."""
    shard(
        root / "a.tar",
        [
            x
            for number in range(12)
            for x in (
                (f"track 2.{number} (Clean Version).wav", wav(number, root)),
                (f"track 2.{number} (Clean Version).cls", label(number).encode()),
            )
        ],
    )


@layout
def wds_wav_label(root):
    """See webdataset/webdataset#288."""
    shard(
        root / "a.tar",
        [
            x
            for number in range(12)
            for x in ((f"s/{number}.wav.data", wav(number, root)), (f"s/{number}.wav.label", label(number).encode()))
        ],
    )


@layout
def wds_out_of_order(root):
    """See webdataset/webdataset#258."""
    shard(
        root / "a.tar",
        [(f"{number}.wav", wav(number, root)) for number in range(12)]
        + [(f"{number}.json", json.dumps({"label": label(number)}).encode()) for number in reversed(range(12))],
    )


@layout
def wds_repeated_names(root):
    """See webdataset/webdataset#327."""
    for s in range(4):
        shard(
            root / f"shard-{s:03d}.tar",
            [
                x
                for number in range(3)
                for x in ((f"{number}.wav", wav(s * 3 + number, root)), (f"{number}.cls", label(number).encode()))
            ],
        )


@layout
def wds_speech_wav(root):
    """See webdataset/webdataset#407."""
    shard(
        root / "a.tar",
        [
            x
            for number in range(12)
            for x in (
                (f"{number:06d}.speech.wav", wav(number, root)),
                (f"{number:06d}.cls", label(number).encode()),
                (f"{number:06d}.transcript.txt", b"hi"),
            )
        ],
    )


@layout
def hf7880_splits_without_classes(root):
    """See huggingface/datasets#7880."""
    for sp in ("train", "test"):
        for number in range(6):
            tone(root / sp / f"{number}.wav")


@layout
def hf7529_custom_split(root):
    """See huggingface/datasets#7529."""
    for sp, c in (("train", 9), ("validation", 3), ("test", 3), ("custom", 3)):
        rows = [["file_name", "label"]]
        for number in range(c):
            tone(root / sp / f"{sp}{number}.wav")
            rows.append([f"{sp}{number}.wav", label(number)])
        table(root / sp / "metadata.csv", rows)


@layout
def hf5046_beside(root):
    """See huggingface/datasets#5046."""
    take(root, 12, ".")
    table(
        root / "metadata.csv",
        [["file_name", "duration", "label"], *([f"./t{number}.wav", 1.5, label(number)] for number in range(12))],
    )


@layout
def cv_without_mp3(root):
    """See mozilla/DeepSpeech#1928, pytorch/audio#1126."""
    for number in range(12):
        tone(root / f"clips/{number:x}abc.mp3", 0.2, 16000)
    table(
        root / "validated.tsv",
        [
            ["client_id", "path", "sentence"],
            *([f"c{number // 2}", f"{number:x}abc", f"Sentence {number}"] for number in range(12)),
        ],
        "\t",
    )
    return {"path": root / "validated.tsv"}


@layout
def coqui_two(root):
    """See coqui-ai/TTS#3050."""
    for number in range(10):
        tone(root / f"wavs/audio{number}.wav")
    table(root / "metadata.txt", [[f"audio{number}", f"This is my sentence {number}."] for number in range(10)], "|")


@layout
def ljs_empty_middle(root):
    """See coqui-ai/TTS#1203."""
    for number in range(10):
        tone(root / f"wavs/audio{number}.wav")
    table(
        root / "metadata.csv", [[f"audio{number}", "", f"This is my sentence {number}."] for number in range(10)], "|"
    )


@layout
def piper_blank_lines(root):
    """See rhasspy/piper#246."""
    for number in range(10):
        tone(root / f"wav/{number}.wav")
    (root / "metadata.csv").write_text(
        "\n".join(f"{number}|male{number % 3}|This is sentence {number}, yes.\n" for number in range(10)) + "\n\n"
    )


@layout
def piper_case(root):
    """See rhasspy/piper#368."""
    for number in range(12):
        tone(root / f"wav/{number}.wav")
    table(
        root / "metadata.csv",
        [
            [f"{('Wav' if number == 5 else 'wav')}/{number}.wav", f"male{number % 4}", f"This is sentence {number}."]
            for number in range(12)
        ],
        "|",
    )


@layout
def no_header_numbers(root):
    names = take(root)
    table(root / "list.csv", [[f, number % 2] for number, f in enumerate(names)])
    return {"path": root / "list.csv"}


@layout
def index_column(root):
    names = take(root)
    table(root / "list.csv", [["", "path", "label"], *([number, f, label(number)] for number, f in enumerate(names))])
    return {"path": root / "list.csv"}


@layout
def xlsx_two_sheets(root):
    import openpyxl

    names = take(root)
    b = openpyxl.Workbook()
    b.active.title = "notes"
    b.active.append(["only a title"])
    s = b.create_sheet("data")
    s.append(["File", "Label"])
    for number, f in enumerate(names):
        s.append([f, label(number)])
    b.save(root / "list.xlsx")
    return {"path": root / "list.xlsx"}


@layout
def ods(root):
    take(root)
    (root / "list.ods").write_bytes(b"PK")
    return {"path": root / "list.ods"}


@layout
def feather(root):
    import pyarrow as pa
    import pyarrow.feather as f

    names = take(root)
    f.write_feather(pa.table({"file": names, "label": [label(number) for number in range(12)]}), root / "list.feather")
    return {"path": root / "list.feather"}


@layout
def pickle(root):
    import pandas

    names = take(root)
    pandas.DataFrame({"file": names, "label": [label(number) for number in range(12)]}).to_pickle(root / "list.pkl")
    return {"path": root / "list.pkl"}


@layout
def s3(root):
    table(
        root / "list.csv", [["file", "label"], *([f"s3://bucket/{number}.wav", label(number)] for number in range(12))]
    )
    return {"path": root / "list.csv"}


@layout
def gs(root):
    table(
        root / "list.csv", [["file", "label"], *([f"gs://bucket/{number}.wav", label(number)] for number in range(12))]
    )
    return {"path": root / "list.csv"}


@layout
def azure(root):
    table(
        root / "list.csv",
        [["file", "label"], *([f"abfs://bucket/{number}.wav", label(number)] for number in range(12))],
    )
    return {"path": root / "list.csv"}


@layout
def s3_path(root):
    return {"path": "s3://bucket/data.csv"}


@layout
def https_csv(root):
    return {"path": "https://localhost:1/list.csv"}


@layout
def windows_unc(root):
    names = take(root)
    table(
        root / "list.csv",
        [
            ["file", "label"],
            *(["\\\\server\\share\\" + f.replace("/", "\\"), label(number)] for number, f in enumerate(names)),
        ],
    )
    return {"path": root / "list.csv"}


@layout
def text_list_beside_a_broken_sheet(root):
    table(root / "list.txt", [["file_name", "label"], *([path, label(k)] for k, path in enumerate(take(root)))], "\t")
    (root / "list.xlsx").write_bytes(b"PK")
