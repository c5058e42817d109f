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
FEW = (("train", 9), ("validation", 3), ("test", 3))


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


def tones(folder, count=12, name="{}.wav", *how):
    for number in range(count):
        tone(folder / name.format(number), *how)


def label(number):
    return ("yes", "no", "up")[number % 3]


def labels(count=12):
    return [label(number) for number in range(count)]


def labeled(names):
    """Return [name, label] for each name."""
    return [[name, label(number)] for number, name in enumerate(names)]


def listed(root, names, file="list.csv", sep=",", head=("file", "label")):
    """Write a table of names and labels, and return the settings that read it."""
    table(root / file, [list(head), *labeled(names)], sep)
    return {"path": root / file}


def text(root, content, file="list.csv", encoding="utf-8"):
    """Write a file and return the settings that read it."""
    (root / file).write_bytes(content.encode(encoding))
    return {"path": root / file}


def parquet(root, columns, file="data.parquet"):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table(columns), root / file)
    return {"path": root / file}


def structs(root, names):
    return {"audio": [{"bytes": (root / f).read_bytes(), "path": f} for f in names], "label": labels()}


def floats():
    waves = [list(np.sin(np.arange(800) * 0.1 * number)) for number in range(12)]
    return {"audio": waves, "sampling_rate": [8000] * 12, "label": labels()}


@layout
def excel_semicolon_bom(root):
    rows = "".join(f"{f};{label};a, b\r\n" for f, label in labeled(take(root)))
    return text(root, "\ufeffDateiname;Label;Bemerkung\r\n" + rows)


@layout
def excel_sep_line(root):
    return text(root, "sep=;\r\nfile;label\r\n" + "".join(f"{f};{label}\r\n" for f, label in labeled(take(root))))


@layout
def excel_cp1252(root):
    rows = "".join(f"{f};{label.replace('yes', 'größe')}\r\n" for f, label in labeled(take(root)))
    return text(root, "file;label\r\n" + rows, encoding="cp1252")


@layout
def tsv_called_csv(root):
    return listed(root, take(root), sep="\t")


@layout
def csv_called_tsv(root):
    return listed(root, take(root), "list.tsv")


@layout
def parquet_structs(root):
    settings = parquet(root, structs(root, take(root)))
    shutil.rmtree(root / "w")
    return settings


@layout
def parquet_structs_folder(root):
    parquet_structs(root)
    (root / "data").mkdir()
    shutil.move(root / "data.parquet", root / "data/train-00000-of-00001.parquet")


@layout
def parquet_paths(root):
    return parquet(root, {"file": take(root), "label": labels()})


@layout
def parquet_binary(root):
    return parquet(root, {"audio": [(root / f).read_bytes() for f in take(root)], "label": labels()})


@layout
def parquet_floats(root):
    return parquet(root, floats())


@layout
def arrow_floats(root):
    from datasets import Dataset

    Dataset.from_dict(floats()).save_to_disk(root / "saved")
    return {"path": root / "saved"}


@layout
def arrow_file(root):
    import pyarrow as pa

    t = pa.table(structs(root, take(root)))
    with pa.OSFile(str(root / "data.arrow"), "wb") as s, pa.ipc.new_stream(s, t.schema) as w:
        w.write_table(t)
    return {"path": root / "data.arrow"}


@layout
def json_by_file(root):
    return text(root, json.dumps({f: {"label": label} for f, label in labeled(take(root))}, indent=1), "labels.json")


@layout
def json_file_to_label(root):
    return text(root, json.dumps(dict(labeled(take(root)))), "labels.json")


@layout
def json_data_list(root):
    rows = [{"wav": f, "labels": label} for f, label in labeled(take(root))]
    return text(root, json.dumps({"version": 1, "data": rows}), "set.json")


@layout
def json_coco(root):
    content = {
        "info": {},
        "audios": [{"id": number, "file_name": f} for number, f in enumerate(take(root))],
        "categories": [{"id": i, "name": c} for i, c in enumerate(("yes", "no", "up"))],
        "annotations": [{"id": number, "audio_id": number, "category_id": number % 3} for number in range(12)],
    }
    return text(root, json.dumps(content), "coco.json")


@layout
def json_columns(root):
    columns = {"file": take(root), "label": labels()}
    by_row = {name: {str(number): cell for number, cell in enumerate(cells)} for name, cells in columns.items()}
    return text(root, json.dumps(by_row), "set.json")


@layout
def json_folder(root):
    json_by_file(root)


@layout
def yaml_list(root):
    rows = "".join(f"- file: {f}\n  label: {label}\n" for f, label in labeled(take(root)))
    return text(root, rows, "list.yaml")


def without_folder(names):
    return [f.split("/")[-1] for f in names]


@layout
def csv_elsewhere(root):
    return listed(root, without_folder(take(root, where="audio/deep")), "meta/list.csv")


@layout
def csv_sibling(root):
    return listed(root, without_folder(take(root, where="recs")), "csvs/list.csv")


@layout
def csv_sibling_any(root):
    return listed(root, without_folder(take(root, where="recs")), "tables/list.csv")


@layout
def no_suffix(root):
    return listed(root, [f[:-4] for f in without_folder(take(root))])


@layout
def upper_suffix(root):
    return listed(root, take(root, suffix=".WAV"))


@layout
def upper_suffix_listed_lower(root):
    return listed(root, [f[:-4] + ".wav" for f in take(root, suffix=".WAV")])


@layout
def case_differs(root):
    return listed(root, [f.replace("w/", "W/") if n % 3 == 0 else f for n, f in enumerate(take(root))])


@layout
def absolute(root):
    return listed(root, [root / f for f in take(root)])


@layout
def file_uri(root):
    return listed(root, [(root / f).as_uri() for f in take(root)])


@layout
def percent_names(root):
    tones(root / "w", 12, "my take {}.wav")
    return listed(root, [f"w/my%20take%20{number}.wav" for number in range(12)])


@layout
def manifests_in_subfolder(root):
    names = take(root, 18, "recordings")
    for name, part in (("train", names[:12]), ("dev", names[12:15]), ("test", names[15:])):
        listed(root, part, f"manifests/v1/{name}.csv")


@layout
def jsonl_per_split(root):
    for split, count in FEW:
        tones(root / split, count, split + "{}.wav")
        rows = [{"file_name": f"{split}{number}.wav", "label": label(number)} for number in range(count)]
        text(root, "\n".join(map(json.dumps, rows)), f"{split}/metadata.jsonl")


def quoted(root, cells):
    """Write a table of cells with commas and quotes, as Python's csv does."""
    with open(root / "list.csv", "w") as file:
        csv.writer(file).writerows([["audio", "label"], *labeled(cells)])
    return {"path": root / "list.csv"}


@layout
def dict_strings(root):
    return quoted(root, [str({"path": f, "array": None, "sampling_rate": 8000}) for f in take(root)])


@layout
def dict_json_strings(root):
    return quoted(root, [json.dumps({"path": f, "bytes": None}) for f in take(root)])


@layout
def nested_classes(root):
    for c in ("animal/dog", "animal/cat", "vehicle/car"):
        tones(root / c, 5)


@layout
def dotfiles(root):
    for c in ("yes", "no"):
        tones(root / c, 6)
        for number in range(6):
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


def samples(path, root, count, name, others, audio=".wav", first=0):
    """Write a shard of samples, each a tone and what `others` returns for its number: {suffix: text}."""
    items = []
    for number in range(count):
        stem = name.format(number)
        items.append((stem + audio, wav(first + number, root)))
        items += [(stem + suffix, content.encode()) for suffix, content in others(number).items()]
    shard(path, items)


def cls(number):
    return {".cls": label(number)}


def class_number(number):
    return {".cls": str(number % 3)}


@layout
def wds_braces(root):
    """See webdataset/webdataset#11."""
    for s in range(4):
        samples(root / f"shard-{s:03d}.tar", root, 3, f"{s}{{}}", cls, first=s * 3)
    return {"path": str(root / "shard-{000..003}.tar")}


@layout
def wds_glob(root):
    wds_braces(root)
    return {"path": str(root / "shard-*.tar")}


@layout
def wds_targz_json(root):
    def sheet(number):
        return {".json": json.dumps({"label": label(number), "speaker": f"s{s}{number // 2}"})}

    for s in range(2):
        samples(root / f"train-{s:06d}.tar.gz", root, 6, f"{s}{{}}", sheet, ".flac", s * 6)


@layout
def wds_splits(root):
    for split, count in (("train", 9), ("val", 3), ("test", 3)):
        samples(root / f"{split}-000000.tar", root, count, split + "{}", class_number)


@layout
def wds_split_folders(root):
    for split, count in (("train", 9), ("val", 3), ("test", 3)):
        samples(root / f"{split}/000000.tar", root, count, "{:04d}", class_number)


@layout
def sidecar_wds_txt(root):
    samples(root / "a.tar", root, 12, "{}", lambda number: {".txt": f"hello {number}"})


@layout
def wds_dots(root):
    """See webdataset/webdataset#237, huggingface/datasets#7150."""
    samples(root / "a.tar", root, 12, "track 2.{} (Clean Version)", cls)


@layout
def wds_wav_label(root):
    """See webdataset/webdataset#288."""
    samples(root / "a.tar", root, 12, "s/{}.wav", lambda number: {".label": label(number)}, ".data")


@layout
def wds_out_of_order(root):
    """See webdataset/webdataset#258."""
    sheets = [(f"{number}.json", json.dumps({"label": label(number)}).encode()) for number in reversed(range(12))]
    shard(root / "a.tar", [(f"{number}.wav", wav(number, root)) for number in range(12)] + sheets)


@layout
def wds_repeated_names(root):
    """See webdataset/webdataset#327."""
    for s in range(4):
        samples(root / f"shard-{s:03d}.tar", root, 3, "{}", cls, first=s * 3)


@layout
def wds_speech_wav(root):
    """See webdataset/webdataset#407."""
    more = {".transcript.txt": "hi"}
    samples(root / "a.tar", root, 12, "{:06d}", lambda number: cls(number) | more, ".speech.wav")


@layout
def hf7880_splits_without_classes(root):
    """See huggingface/datasets#7880."""
    for split in ("train", "test"):
        tones(root / split, 6)


@layout
def hf7529_custom_split(root):
    """See huggingface/datasets#7529."""
    for split, count in (*FEW, ("custom", 3)):
        tones(root / split, count, split + "{}.wav")
        names = [f"{split}{number}.wav" for number in range(count)]
        listed(root, names, f"{split}/metadata.csv", head=("file_name", "label"))


@layout
def hf5046_beside(root):
    """See huggingface/datasets#5046."""
    take(root, 12, ".")
    rows = [[f"./t{number}.wav", 1.5, label(number)] for number in range(12)]
    table(root / "metadata.csv", [["file_name", "duration", "label"], *rows])


@layout
def cv_without_mp3(root):
    """See mozilla/DeepSpeech#1928, pytorch/audio#1126."""
    tones(root / "clips", 12, "{:x}abc.mp3", 0.2, 16000)
    rows = [[f"c{number // 2}", f"{number:x}abc", f"Sentence {number}"] for number in range(12)]
    table(root / "validated.tsv", [["client_id", "path", "sentence"], *rows], "\t")
    return {"path": root / "validated.tsv"}


@layout
def coqui_two(root):
    """See coqui-ai/TTS#3050."""
    tones(root / "wavs", 10, "audio{}.wav")
    table(root / "metadata.txt", [[f"audio{number}", f"This is my sentence {number}."] for number in range(10)], "|")


@layout
def ljs_empty_middle(root):
    """See coqui-ai/TTS#1203."""
    tones(root / "wavs", 10, "audio{}.wav")
    rows = [[f"audio{number}", "", f"This is my sentence {number}."] for number in range(10)]
    table(root / "metadata.csv", rows, "|")


@layout
def piper_blank_lines(root):
    """See rhasspy/piper#246."""
    tones(root / "wav", 10)
    rows = [f"{number}|male{number % 3}|This is sentence {number}, yes.\n" for number in range(10)]
    text(root, "\n".join(rows) + "\n\n", "metadata.csv")


@layout
def piper_case(root):
    """See rhasspy/piper#368."""
    tones(root / "wav")
    rows = [[f"wav/{number}.wav", f"male{number % 4}", f"This is sentence {number}."] for number in range(12)]
    rows[5][0] = "Wav/5.wav"
    table(root / "metadata.csv", rows, "|")


@layout
def no_header_numbers(root):
    table(root / "list.csv", [[f, number % 2] for number, f in enumerate(take(root))])
    return {"path": root / "list.csv"}


@layout
def index_column(root):
    rows = [[number, *row] for number, row in enumerate(labeled(take(root)))]
    table(root / "list.csv", [["", "path", "label"], *rows])
    return {"path": root / "list.csv"}


@layout
def xlsx_two_sheets(root):
    import openpyxl

    b = openpyxl.Workbook()
    b.active.title = "notes"
    b.active.append(["only a title"])
    s = b.create_sheet("data")
    for row in (["File", "Label"], *labeled(take(root))):
        s.append(row)
    b.save(root / "list.xlsx")
    return {"path": root / "list.xlsx"}


@layout
def ods(root):
    take(root)
    return text(root, "PK", "list.ods")


@layout
def feather(root):
    import pyarrow as pa
    import pyarrow.feather as f

    f.write_feather(pa.table({"file": take(root), "label": labels()}), root / "list.feather")
    return {"path": root / "list.feather"}


@layout
def pickle(root):
    import pandas

    pandas.DataFrame({"file": take(root), "label": labels()}).to_pickle(root / "list.pkl")
    return {"path": root / "list.pkl"}


@layout
def s3(root):
    return listed(root, [f"s3://bucket/{number}.wav" for number in range(12)])


@layout
def gs(root):
    return listed(root, [f"gs://bucket/{number}.wav" for number in range(12)])


@layout
def azure(root):
    return listed(root, [f"abfs://bucket/{number}.wav" for number in range(12)])


@layout
def s3_path(root):
    return {"path": "s3://bucket/data.csv"}


@layout
def https_csv(root):
    return {"path": "https://localhost:1/list.csv"}


@layout
def windows_unc(root):
    return listed(root, ["\\\\server\\share\\" + f.replace("/", "\\") for f in take(root)])


@layout
def text_list_beside_a_broken_sheet(root):
    listed(root, take(root), "list.txt", "\t", ("file_name", "label"))
    text(root, "PK", "list.xlsx")
