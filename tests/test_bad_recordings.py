"""One recording that cannot be read is set aside, counted and named by every command, and the rest goes on."""

from __future__ import annotations

import csv
import json
import os
import struct
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from checkpoints import kept_checkpoint

from audio_ft.audio.clip import Clip, probe, read, write
from audio_ft.cli.main import main
from audio_ft.errors import AudioError

LONG = f"{'n' * 300}.wav"


def riff(rate: int = 16_000, channels: int = 1, bits: int = 16, claimed: int | None = None) -> bytes:
    """Return a WAV file of half a second of silence whose header says something else."""
    data = bytes(16_000)
    block = min(65_535, channels * bits // 8)
    form = struct.pack("<HHIIHH", 1, channels, rate, min(2**32 - 1, rate * block), block, bits)
    length = len(data) if claimed is None else claimed
    body = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", length) + data
    return b"RIFF" + struct.pack("<I", min(2**32 - 1, 36 + length)) + body


HEADERS = {
    "rate-zero.wav": riff(rate=0),
    "rate-huge.wav": riff(rate=2**31),
    "no-channel.wav": riff(channels=0),
    "channels.wav": riff(channels=65_535),
    "no-bits.wav": riff(bits=0),
    "aiff.aiff": b"FORM\xff\xff\xff\xffAIFFCOMM\x00\x00\x00\x12\xff\xff\xff\xff\xff\xff\xff\xff",
    "flac.flac": b"fLaC\x80\x00\x00\x22" + b"\xff" * 34,
    "au.au": b".snd" + b"\xff" * 60,
    "ogg.ogg": b"OggS" + b"\x00" * 200,
    "text.wav": b"label,file\n",
    "head.wav": b"RIFF",
}
# Read as far as they go, with a note.
SHORT = {"claimed.wav": riff(claimed=2**32 - 40), "claimed-some.wav": riff(claimed=2**31)}
OTHERS = {"folder.wav": "is a folder", "loop.wav": "symbolic links form a loop", "pipe.wav": "named pipe",
          "zero.wav": "not a regular file", "gone.wav": "link target missing", LONG: "file name too long"}  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a manifest of good recordings and of all that can go wrong with one."""
    folder = tmp_path_factory.mktemp("raw")
    rows = []
    for split, speakers in (("train", "abcd"), ("validation", "e"), ("test", "f")):
        for speaker in speakers:
            for number in range(6):
                name = f"{speaker}{number}.wav"
                write(Clip.tone(200 + 300 * (number % 2) + number, 0.4), folder / name)
                rows.append({"file_name": name, "label": ["no", "yes"][number % 2], "speaker": speaker, "split": split})
    for name, content in {**HEADERS, **SHORT}.items():
        (folder / name).write_bytes(content)
    (folder / "folder.wav").mkdir()
    (folder / "loop.wav").symlink_to("loop.wav")
    (folder / "zero.wav").symlink_to("/dev/zero")
    (folder / "gone.wav").symlink_to("nowhere.wav")
    os.mkfifo(folder / "pipe.wav")
    for number, name in enumerate((*HEADERS, *SHORT, *OTHERS)):
        split = ("train", "test")[number % 2]
        rows.append({"file_name": name, "label": "yes", "speaker": {"train": "a", "test": "f"}[split], "split": split})
    with (folder / "labels.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder / "labels.csv"


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    words = ["train", "--model", kept_checkpoint("wav2vec2-group"), "--data", str(data), "--output-dir", str(folder)]
    assert main([*words, "--set", "max_steps=1", "--set", "max_corrupt=0.6", "--allow-leaks"]) == 0
    return folder


def test_training_and_evaluation_name_each(data: Path, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    splits = json.loads((run / "run.json").read_text())["splits"]
    reasons = {Path(key).name: why for split in splits.values() for key, why in split["unreadable"]}
    assert reasons.keys() == {*HEADERS, *OTHERS}
    assert all(OTHERS[name] in reasons[name] for name in OTHERS)
    assert main(["evaluate", str(run), str(data), "--split", "test", "--json"]) == 0
    said = capsys.readouterr().err
    ours = [name for number, name in enumerate((*HEADERS, *SHORT, *OTHERS)) if number % 2 and name not in SHORT]
    assert all(f"excluded: {name}: {reasons[name]}" in said for name in ours)
    assert main(["robustness", str(run), str(data), "--only", "gain", "--limit", "8"]) == 0


def test_inspect_clean_and_prepare_name_each(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in ([], ["--decode"]):
        assert main(["inspect", str(data), *words, "--json"]) == 0
        found = json.loads(capsys.readouterr().out.splitlines()[0])
        assert {key for key, _ in found["unreadable"]} == {*HEADERS, *OTHERS}
    assert main(["clean", str(data.parent), str(tmp_path / "clean")]) == 0
    listed = {*HEADERS, *OTHERS} - {LONG, "folder.wav"}
    written = {path.stem for path in (tmp_path / "clean").glob("*.wav")}
    assert written == {path.stem for path in data.parent.iterdir() if path.suffix == ".wav"} - {
        Path(name).stem for name in (*listed, "folder.wav")
    }
    assert main(["prepare", str(data), str(tmp_path / "ready"), "--set", "max_corrupt=0.6"]) == 0
    with (tmp_path / "ready" / "unreadable.csv").open(newline="") as stream:
        assert {row["raw_file"] for row in csv.DictReader(stream)} == {*HEADERS, *OTHERS}


def test_predictions_go_on(data: Path, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [*HEADERS, *SHORT, *OTHERS]
    assert (
        main(["predict", str(run), *(str(data.parent / name) for name in names if name != "folder.wav"), "--json"]) == 0
    )
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    failed = {Path(line["file"]).name for line in lines if "error" in line}
    assert failed == {*HEADERS, *OTHERS} - {"folder.wav"}


@pytest.mark.parametrize("size", [0, 10, 5_000])
def test_a_file_that_shrinks_while_it_is_read_is_short_or_refused(tmp_path: Path, monkeypatch, size: int) -> None:
    import audio_ft.audio.clip as module

    file = tmp_path / "a.wav"
    write(Clip.tone(440, 1.0), file)
    opened = module.open_source

    def shrinking(source):
        os.truncate(file, size)
        return opened(source)

    monkeypatch.setattr(module, "open_source", shrinking)
    with suppress(AudioError):
        assert read(file).seconds < 0.5


@pytest.mark.parametrize("kind", ["wav", "flac", "ogg"])
def test_a_file_that_grows_while_it_is_read_gives_what_its_header_says(tmp_path: Path, monkeypatch, kind: str) -> None:
    import audio_ft.audio.clip as module

    file = tmp_path / f"a.{kind}"
    write(Clip.tone(440, 1.0), file)
    whole, opened = read(file), module.open_source

    def growing(source):
        with file.open("ab") as stream:
            stream.write(bytes(20_000))
        return opened(source)

    monkeypatch.setattr(module, "open_source", growing)
    with suppress(AudioError):
        assert read(file).seconds == whole.seconds


def test_a_file_without_permission_is_set_aside_and_named() -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        folder.chmod(0o755)
        for number in range(3):
            write(Clip.tone(200 + number, 0.4), folder / f"{number}.wav")
            (folder / f"{number}.wav").chmod(0o000 if number == 1 else 0o644)
        found = as_nobody(lambda: [_reason(folder / f"{number}.wav") for number in range(3)])
        (folder / "1.wav").chmod(0o644)
    assert found == ["", "permission denied", ""]


def _reason(file: Path) -> str:
    """Return why neither a header nor samples can be read, "" if they can."""
    try:
        return "" if probe(str(file)).seconds == read(file).seconds else "differs"
    except AudioError as error:
        return error.reason


def as_nobody(work: Callable[[], Any]) -> Any:
    """Return what a function returns in a process that may not read all files, as root may."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.seteuid(65_534)
            os.write(writer, json.dumps(work()).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as stream:
        said = stream.read()
    os.waitpid(child, 0)
    return json.loads(said)
