"""Transcripts in data: every bad one is reported with count and file, none ends the load, none is silently changed."""

import json
import random
from datetime import datetime

import numpy as np
import pandas as pd
import pytest
from tables import write_rows

from audio_ft.audio.clip import Clip, write
from audio_ft.data import Data, load
from audio_ft.errors import InputError
from audio_ft.file_io import write_table
from audio_ft.targets import Transcript

KINDS = ("csv", "tsv", "jsonl", "json", "parquet")
GAPS = (None, float("nan"), "", "  \t")
FILLER = "the quick brown fox"
# Real text that a guess would take for a number, a gap or a structure; it must come out as it went in.
VERBATIM = [
    "03", "1.0", "1e5", "nan", "NaN", "null", "NA", "None", "true", "#N/A", "2024-01-31", "[1, 2]", '{"a": 1}',
    "يا عالم", "שלום, עולם", "l'eau — 5\u00a0€", 'he said "no", then left', "a; b | c", "日本語",
    "x" * 2000, "mot " * 500 + "fin",
    "tab\there", "zero\x00byte",
]  # fmt: skip


@pytest.fixture
def tone():
    """Return a tiny real clip."""
    return Clip(np.sin(np.arange(800, dtype=np.float32) / 5)[None] / 2, 16_000)


def save(path, rows):
    """Write rows (dicts) as the manifest that the suffix says, as pandas or the csv module write it."""
    kind = path.suffix[1:]
    if kind in ("csv", "tsv"):
        write_rows(path, rows, "\t" if kind == "tsv" else ",")
    elif kind == "parquet":
        pd.DataFrame(rows).to_parquet(path)
    else:
        path.write_text("\n".join(map(json.dumps, rows)) if kind == "jsonl" else json.dumps(rows), encoding="utf-8")
    return path


def written(folder, texts, tone, kind="csv", name="manifest", **columns):
    """Write recordings and a manifest that says `texts` of them; return its path."""
    rows = [{"file_name": f"{index:03d}.wav", "text": text} for index, text in enumerate(texts)]
    for index, row in enumerate(rows):
        row.update({name: cells[index] for name, cells in columns.items()})
        write(tone, folder / row["file_name"])
    return save(folder / f"{name}.{kind}", rows)


def transcripts_of(path, **settings):
    """Return {file: target} of all splits, and the warnings."""
    loaded = load(Data(str(path), **settings), targets=(Transcript,))
    assert loaded.target.kind == "transcript"
    rows = [row for split in loaded.splits.values() for row in split]
    return {row["key"]: row["target"] for row in rows}, loaded.warnings


def filled(texts, count=20):
    """Return texts with different harmless sentences after them."""
    return [*texts, *(f"{FILLER} {number}" for number in range(count - len(texts)))]


# What comes out


@pytest.mark.parametrize("kind", KINDS)
def test_text_stays_text(tmp_path, tone, kind):
    texts = filled(VERBATIM, 40)
    found, warnings = transcripts_of(written(tmp_path, texts, tone, kind))
    assert found == {f"{index:03d}.wav": text for index, text in enumerate(texts)}
    assert warnings == ()


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("folder", [True, False])
def test_metadata_with_any_line_ends_and_a_mark(tmp_path, tone, ending, folder):
    path = written(tmp_path, filled(["été"]), tone, name="metadata")
    text = path.read_text(encoding="utf-8").replace("\r\n", ending)
    path.write_bytes(text.encode("utf-8-sig"))
    found, warnings = transcripts_of(tmp_path if folder else path)
    assert found["000.wav"] == "été"
    assert found["019.wav"] == f"{FILLER} 18"
    assert warnings == ()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "json"])
def test_a_file_that_says_its_encoding_is_read_in_it(tmp_path, tone, kind, encoding):
    texts = filled(["été", "привет", "日本"])
    path = written(tmp_path, texts, tone, kind)
    path.write_bytes(path.read_text(encoding="utf-8").encode(encoding))
    assert list(transcripts_of(path)[0].values()) != []
    assert transcripts_of(path)[0] == {f"{index:03d}.wav": text for index, text in enumerate(texts)}


# Empty and worse


@pytest.mark.parametrize(
    ("kind", "gap"),
    # Python's csv writes not-a-number as the text "nan", which is another test.
    [(kind, gap) for kind in KINDS for gap in GAPS if gap == gap or kind not in ("csv", "tsv")],
)
def test_an_empty_transcript_is_kept_and_warned_of(tmp_path, tone, kind, gap):
    texts = filled(["hello there"])
    texts[7] = texts[12] = gap
    found, warnings = transcripts_of(written(tmp_path, texts, tone, kind))
    assert len(found) == 20
    assert found["007.wav"] in ("", gap)
    assert found["007.wav"].strip() == ""
    (warning,) = warnings
    assert "2 of 20 transcripts are empty (first: 0" in warning
    assert "007.wav" in warning or "012.wav" in warning


def test_pandas_writes_its_gaps_and_they_are_gaps(tmp_path, tone):
    texts = filled(["hello", None, float("nan")])
    path = written(tmp_path, texts, tone)
    frame = pd.DataFrame({"file_name": [f"{index:03d}.wav" for index in range(20)], "text": texts})
    for file, store in ((path, frame.to_csv), (tmp_path / "b.parquet", frame.to_parquet)):
        store(file, **({"index": False} if file.suffix == ".csv" else {}))
        found, warnings = transcripts_of(file)
        assert [found["001.wav"], found["002.wav"]] == ["", ""]
        assert warnings[0].startswith("2 of 20 transcripts are empty")


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_set_without_a_single_transcript_loads(tmp_path, tone, kind):
    found, warnings = transcripts_of(written(tmp_path, [None] * 20, tone, kind))
    assert set(found.values()) == {""}
    assert warnings[0].startswith("20 of 20 transcripts are empty")


def test_gaps_written_as_text_are_warned_of_and_stay(tmp_path, tone):
    found, warnings = transcripts_of(written(tmp_path, filled(["nan", "None", "nan", "I said none"]), tone))
    assert found["000.wav"] == "nan"
    assert "2 of 20 transcripts read 'nan' (first: 00" in warnings[0]


def test_only_punctuation_is_warned_of(tmp_path, tone):
    found, warnings = transcripts_of(written(tmp_path, filled(["...", "—", "♪"]), tone))
    assert found["000.wav"] == "..."
    assert [note.partition(" (")[0] for note in warnings] == ["3 of 20 transcripts are nothing but punctuation"]


def test_mojibake_is_warned_of_with_an_example(tmp_path, tone):
    texts = filled(["garçon".encode().decode("cp1252"), "naïve", "IRMÃ", "caf\ufffd"])
    _, warnings = transcripts_of(written(tmp_path, texts, tone))
    (warning,) = warnings
    assert "2 of 20 transcripts are wrongly decoded (first: 00" in warning
    assert "'Ã§'" in warning or "'\ufffd'" in warning


def test_line_breaks_are_warned_of(tmp_path, tone):
    found, warnings = transcripts_of(written(tmp_path, filled(["one\ntwo", "three\r\nfour"]), tone))
    assert found["000.wav"] == "one\ntwo"
    assert "2 of 20 transcripts contain a line break (first: 00" in warnings[0]


def test_a_quotation_mark_without_partner_joins_no_rows_of_a_tsv(tmp_path, tone):
    texts = filled(['"oh', "well", 'no"', "yes"])
    path = written(tmp_path, texts, tone, "tsv")
    lines = ["file_name\ttext", *(f"{index:03d}.wav\t{text}" for index, text in enumerate(texts))]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert transcripts_of(path)[0] == {f"{index:03d}.wav": text for index, text in enumerate(texts)}


def test_a_line_break_in_a_quoted_cell_of_a_tsv_stays(tmp_path, tone):
    texts = filled(["one\ntwo"])
    assert transcripts_of(written(tmp_path, texts, tone, "tsv"))[0]["000.wav"] == "one\ntwo"


@pytest.mark.parametrize("cell", [["a", "b"], {"en": "a"}])
@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_a_transcript_that_is_not_text_is_refused(tmp_path, tone, kind, cell):
    path = written(tmp_path, [cell] * 20, tone, kind)
    with pytest.raises(InputError, match=r"column 'text': expected a transcript as text, got (list|dict) for 000.wav"):
        transcripts_of(path)


def test_numbers_in_json_are_read_as_they_are_written(tmp_path, tone):
    found, _ = transcripts_of(
        written(tmp_path, filled([7, 7.0, 2.5, True, datetime(2024, 1, 31).isoformat()]), tone, "jsonl")
    )
    assert [found[f"{index:03d}.wav"] for index in range(4)] == ["7", "7", "2.5", "True"]


def test_a_table_that_we_write_reads_back_as_it_was(tmp_path, tone):
    texts = filled([*VERBATIM, "a\rb", "a\r\nb", "a\nb", " space ", "", "\ufeffmark", "one\u2028two"], 40)
    rows = [{"file_name": f"{index:03d}.wav", "text": text} for index, text in enumerate(texts)]
    for row in rows:
        write(tone, tmp_path / row["file_name"])
    write_table(tmp_path / "list.csv", rows)
    assert transcripts_of(tmp_path / "list.csv")[0] == {row["file_name"]: row["text"] for row in rows}


# Files that cannot be read


@pytest.mark.parametrize("folder", [True, False])
@pytest.mark.parametrize("name", ["metadata", "train", "prompts"])
def test_another_encoding_is_refused_with_line_and_byte(tmp_path, tone, name, folder):
    path = written(tmp_path, filled(["one", "two", "garçon"]), tone, name=name)
    path.write_bytes(path.read_text(encoding="utf-8").encode("latin-1"))
    words = rf"{name}.csv, line 4: expected UTF-8 text, but byte \d+ \(0xE7\) is not; .*garçon"
    with pytest.raises(InputError, match=words) as caught:
        transcripts_of(tmp_path if folder else path)
    assert "save the file as UTF-8" in str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_read(tmp_path, tone, encoding):
    sentences = ["один", "δύο", "三 三三", "four"]
    path = written(tmp_path, filled(sentences), tone)
    path.write_bytes(path.read_text(encoding="utf-8").encode(encoding))
    assert set(sentences) <= set(transcripts_of(path)[0].values())


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_manifests_end_in_a_sentence(tmp_path, tone, kind):
    path = written(tmp_path, filled(["été", 'say "so"', "a\nb", ""]), tone, kind)
    whole = path.read_bytes()
    dice = random.Random(0)
    refusals = []
    for _ in range(30):
        content = bytearray(whole)
        for _ in range(dice.randint(1, 4)):
            index = dice.randrange(len(content))
            content[index : index + dice.randint(0, 3)] = dice.randbytes(dice.randint(0, 3))
        path.write_bytes(content[: dice.randint(1, len(content))] if dice.random() < 0.2 else content)
        try:
            found, _ = transcripts_of(path)
        except InputError as error:
            refusals.append(str(error))
        else:
            assert all(isinstance(text, str) for text in found.values())
    assert refusals
    assert [sentence for sentence in refusals if "\n" in sentence or "manifest" not in sentence] == []


# Two sides


def test_one_sentence_in_two_splits_is_warned_of(tmp_path, tone):
    texts = ["Call forward on busy.", "two", "three", "call-forward ON busy", "four", "two", ""]
    split = ["train", "train", "train", "test", "test", "validation", "test"]
    _, warnings = transcripts_of(written(tmp_path, texts, tone, split=split))
    shared = [note for note in warnings if "are in train too" in note]
    assert shared == [
        "1 of 1 transcripts of validation are in train too (first: 'two'): scores there flatter the model",
        "1 of 3 transcripts of test are in train too (first: 'call-forward ON busy'): scores there flatter the model",
    ]


def test_one_speaker_in_two_given_splits_is_warned_of_and_kept(tmp_path, tone):
    split = ["train"] * 12 + ["validation"] * 4 + ["test"] * 4
    path = written(tmp_path, filled([]), tone, split=split, speaker_id=["ann"] * 20)
    loaded = load(Data(str(path)), targets=(Transcript,))
    assert {name: len(table) for name, table in loaded.splits.items()} == {"train": 12, "validation": 4, "test": 4}
    assert any("in both train and test (ann): scores there flatter the model" in note for note in loaded.warnings)


@pytest.mark.real
@pytest.mark.parametrize(("where", "sizes"), [(("language=en",), (241, 34, 35)), ((), (1212, 166, 172))])
def test_real_prompts(shared, where, sizes):
    loaded = load(Data(str(shared / "data" / "prompts_asr"), where=where), targets=(Transcript,))
    assert tuple(len(loaded.splits[name]) for name in ("train", "validation", "test")) == sizes
    assert (loaded.column, loaded.group) == ("transcription", "speaker_id")
    assert all("flatter the model" in note for note in loaded.warnings)
    assert len(loaded.warnings) == 3
