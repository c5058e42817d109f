"""The places where files of other people come in: each takes any bytes, and only InputError may come out."""

from __future__ import annotations

import atexit
import copy
import dataclasses
import functools
import io
import json
import os
import random
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from audio_ft.audio.clip import Clip, probe, read, write
from audio_ft.cleaning.chain import DEFAULT_CHAIN, Chain
from audio_ft.data import Data, load
from audio_ft.data.readers.kaldi import read_kaldi
from audio_ft.data.readers.manifests import read_manifest
from audio_ft.data.readers.tracks.formats import FORMATS, TRACK_SUFFIXES
from audio_ft.data.readers.tree import scan
from audio_ft.errors import InputError
from audio_ft.recipe import Recipe
from audio_ft.run import Run
from audio_ft.targets import Label, Number, Transcript

CARD = Path(__file__).parents[2] / "model_cards" / "quickstart"
MANIFESTS = (".csv", ".tsv", ".txt", ".jsonl", ".json", ".ndjson", ".parquet", ".xlsx", ".yaml")
KALDI = ("wav.scp", "text", "segments", "utt2spk")
SETTINGS: dict[str, Callable[[Path], Any]] = {
    "recipe.json": Recipe.load,
    "chain.json": Chain.load,
    "run.json": lambda file: Run.load(file.parent),
}


@functools.cache
def place() -> Path:
    """Return a folder for this process; a process that a fuzzer ends does not remove its own."""
    if given := os.environ.get("AUDIO_FT_FUZZ"):
        return Path(given)
    folder = tempfile.TemporaryDirectory(prefix="audio_ft-fuzz-")
    atexit.register(folder.cleanup)
    return Path(folder.name)


def decoder(data: bytes) -> None:
    """Read a recording, and its header alone."""
    for reads in (probe, read):
        with suppress(InputError):
            reads(data)


def manifest(data: bytes) -> None:
    """Read a list of recordings; the first byte chooses its format."""
    number = data[0] % (len(MANIFESTS) + 1) if data else 0
    if number == len(MANIFESTS):
        folder = place() / "kaldi"
        folder.mkdir(exist_ok=True)
        for name, content in zip(KALDI, data[1:].split(b"\0", 3), strict=False):
            (folder / name).write_bytes(content)
        with suppress(InputError):
            read_kaldi(scan(folder), Data(str(folder)))
        return
    file = place() / f"labels{MANIFESTS[number]}"
    file.write_bytes(data[1:])
    with suppress(InputError):
        read_manifest(file)


def settings(data: bytes) -> None:
    """Read a recipe, a chain or a run; the first byte chooses which, and the second whether to change a valid one."""
    name = list(SETTINGS)[data[0] % len(SETTINGS)] if data else "recipe.json"
    content = data[2:]
    if data[1:2] and data[1] % 4:
        content = json.dumps(altered(json.loads(valid(name)), random.Random(content))).encode()
    file = place() / name
    file.write_bytes(content)
    with suppress(InputError):
        SETTINGS[name](file)


def track(data: bytes) -> None:
    """Read a label track; the first byte chooses its format."""
    suffix = list(FORMATS)[data[0] % len(FORMATS)] if data else ".txt"
    file = place() / f"track{suffix}"
    file.write_bytes(data[1:])
    with suppress(InputError):
        FORMATS[suffix].read(file)


@functools.cache
def folder_of_recordings() -> Path:
    """Return a folder with four short recordings."""
    folder = place() / "data"
    folder.mkdir()
    for number, name in enumerate("abcd"):
        write(Clip.tone(300 + 100 * number, 2.0), folder / f"{name}.wav")
    return folder


def data_set(data: bytes) -> None:
    """Load a folder of recordings with one list or track; the first byte chooses its format."""
    folder, suffixes = folder_of_recordings(), (*MANIFESTS, *TRACK_SUFFIXES)
    file = folder / f"a{suffixes[data[0] % len(suffixes)] if data else '.csv'}"
    file.write_bytes(data[1:])
    with suppress(InputError):
        load(Data(str(folder)), targets=(Label, Number, Transcript), need=("train",))
    file.unlink()


DOORS: dict[str, Callable[[bytes], None]] = {
    "data": data_set,
    "decoder": decoder,
    "manifest": manifest,
    "settings": settings,
    "track": track,
}

VALUES = (None, True, -1, 0, 1e308, 10**30, "", "\ud800", "a" * 300, [], [[]], {}, {"": []}, [None], "=1", "\0", "nan")


def altered(value: Any, rng: random.Random) -> Any:
    """Return JSON-like data with one to three values replaced, removed or renamed."""
    for _ in range(rng.randint(1, 3)):
        inner = value
        while isinstance(inner, dict | list) and inner:
            key = rng.choice(list(inner)) if isinstance(inner, dict) else rng.randrange(len(inner))
            if rng.random() < 0.3 or not isinstance(inner[key], dict | list):
                kind = rng.randrange(4)
                if kind == 0:
                    del inner[key]
                elif kind == 1 and isinstance(inner, dict):
                    inner[str(rng.choice(VALUES))] = inner.pop(key)
                else:
                    inner[key] = copy.deepcopy(rng.choice(VALUES))  # else a later change may put it into itself
                break
            inner = inner[key]
    return value


@functools.cache
def valid(name: str) -> bytes:
    """Return a file of settings as audio_ft writes it."""
    if name == "run.json":
        return (CARD / name).read_bytes()
    file = place() / f"valid-{name}"
    (Recipe(model="m", data=Data("d"), chain=DEFAULT_CHAIN.to_list()) if name == "recipe.json" else DEFAULT_CHAIN).save(
        file
    )
    return file.read_bytes()


def seeds(door: str) -> Iterator[bytes]:
    """Yield inputs that a door reads, to begin with."""
    yield from {"data": _data, "decoder": _recordings, "manifest": _manifests, "settings": _settings, "track": _tracks}[
        door
    ]()


def _recordings() -> Iterator[bytes]:
    for suffix in (".wav", ".flac", ".ogg", ".mp3"):
        file = place() / f"seed{suffix}"
        write(Clip.tone(440, 0.1), file)
        yield file.read_bytes()
    import av
    import numpy as np

    for form, codec in (("mp4", "aac"), ("webm", "libopus"), ("matroska", "pcm_s16le")):
        stream = io.BytesIO()
        with av.open(stream, "w", format=form) as container:
            audio = container.add_stream(codec, rate=48_000, layout="mono")
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 960), np.int16), format="s16", layout="mono")
            frame.rate = 48_000
            for packet in (*audio.encode(frame), *audio.encode(None)):
                container.mux(packet)
        yield stream.getvalue()


def _manifests() -> Iterator[bytes]:
    rows = [{"file_name": "a.wav", "label": "yes", "start": 0.5}, {"file_name": "b.wav", "label": "no", "start": 1}]
    lines = "".join(f"{json.dumps(row)}\n" for row in rows)
    csv = 'file_name,label,start\na.wav,yes,0.5\n"b.wav",\'=no,1\n'
    content = {
        ".csv": csv.encode(),
        ".tsv": csv.replace(",", "\t").encode(),
        ".txt": b"# a|b\na.wav yes\nb.wav no\n",
        ".json": json.dumps(rows).encode(),
        ".jsonl": lines.encode(),
        ".yaml": b"- audio: a.wav\n  label: 'yes'\n- audio: b.wav\n  label: &a no\n",
        ".ndjson": lines.encode("utf-16"),
    }
    import pyarrow as pa
    from pyarrow import parquet

    parquet.write_table(pa.Table.from_pylist(rows), place() / "seed.parquet")
    content[".parquet"] = (place() / "seed.parquet").read_bytes()
    with suppress(ImportError):
        import openpyxl

        book, stream = openpyxl.Workbook(), io.BytesIO()
        for row in (list(rows[0]), *(list(row.values()) for row in rows)):
            book.active.append(row)
        book.save(stream)
        content[".xlsx"] = stored(stream.getvalue())
    for number, suffix in enumerate(MANIFESTS):
        if suffix in content:
            yield bytes([number]) + content[suffix]
    yield bytes([len(MANIFESTS)]) + b"a a.wav\nb cat b.wav |\n\0u one\n\0u a 0 1\n\0u ann\n"


def _data() -> Iterator[bytes]:
    suffixes = (*MANIFESTS, *TRACK_SUFFIXES)
    for seed in _manifests():
        if seed[0] < len(MANIFESTS):
            yield seed
    for seed in _tracks():
        if (suffix := list(FORMATS)[seed[0]]) in suffixes:
            yield bytes([suffixes.index(suffix)]) + seed[1:]
    region = {"start": 0.5, "end": 1.5, "channel": 0, "labels": ["yes"]}
    result = [{"type": "labels", "from_name": "label", "to_name": "audio", "value": region}]
    tasks = [{"id": 1, "data": {"audio": "/data/upload/1/0a1b2c3d-a.wav"}, "annotations": [{"result": result}]}]
    yield bytes([MANIFESTS.index(".json")]) + json.dumps(tasks).encode()
    yield bytes([MANIFESTS.index(".json")]) + json.dumps([{"audio": "a.wav", "label": [region]}]).encode()


def stored(archive: bytes) -> bytes:
    """Return a zip archive without compression, so that what is changed in it is read."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as packed, zipfile.ZipFile(stream, "w") as loose:
        for name in packed.namelist():
            loose.writestr(name, packed.read(name))
    return stream.getvalue()


def _settings() -> Iterator[bytes]:
    for number, name in enumerate(SETTINGS):
        yield bytes([number, 0]) + valid(name)
        yield bytes([number, 1]) + b"abcdefgh"


def _tracks() -> Iterator[bytes]:
    praat = (
        'File type = "ooTextFile"\nObject class = "TextGrid"\n\nxmin = 0\nxmax = 2\ntiers? <exists>\nsize = 1\n'
        "item []:\n"
        '    item [1]:\n        class = "IntervalTier"\n        name = "words"\n        xmin = 0\n        xmax = 2\n'
        "        intervals: size = 1\n        intervals [1]:\n            xmin = 0\n            xmax = 2\n"
        '            text = "yes"\n'
    )
    elan = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<ANNOTATION_DOCUMENT><HEADER TIME_UNITS="milliseconds"/><TIME_ORDER>'
        '<TIME_SLOT TIME_SLOT_ID="a" TIME_VALUE="0"/><TIME_SLOT TIME_SLOT_ID="b" TIME_VALUE="900"/></TIME_ORDER>'
        '<TIER TIER_ID="t" LINGUISTIC_TYPE_REF="x"><ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="c" '
        'TIME_SLOT_REF1="a" TIME_SLOT_REF2="b"><ANNOTATION_VALUE>yes</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION>'
        "</ANNOTATION></TIER></ANNOTATION_DOCUMENT>\n"
    )
    content = {
        ".txt": "0.0\t1.0\tyes\n\\\t100\t200\n",
        ".textgrid": praat,
        ".eaf": elan,
        ".rttm": "SPEAKER a 1 0.5 1.0 <NA> <NA> ann <NA> <NA>\n",
        ".ctm": "a 1 0.5 0.3 yes 0.9\n;; x\n",
        ".stm": "a 1 ann 0.5 1.5 <o,f0> yes no\n",
        ".srt": "1\n00:00:00,500 --> 00:00:01,500\nyes <i>no</i>\n\n",
        ".vtt": "WEBVTT\n\nNOTE x\n\n00:00.500 --> 00:01.500 align:start\nyes\n",
    }
    for number, suffix in enumerate(FORMATS):
        yield bytes([number]) + content[suffix].encode()


def words() -> set[str]:
    """Return names that a fuzzer does not find by chance."""
    names = {field.name for kind in (Data, Recipe, Run) for field in dataclasses.fields(kind)}
    names |= {"annotations", "result", "value", "labels", "regions", "transcript", "duration_ms", "speaker", "path"}
    return names | {"RIFF", "WAVEfmt ", "fLaC", "OggS", "ftyp", "ID3", "data", "format", "steps", "\\xff\\xfe", "-->"}
