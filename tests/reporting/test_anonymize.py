"""Nothing that was planted in paths, names, speakers, transcripts, columns or tags is in what leaves the machine."""

from __future__ import annotations

import base64
import csv
import dataclasses
import io
import json
import re
from pathlib import Path

import numpy as np
import pandas
import pyarrow.parquet
import pytest
import soundfile
from checkpoints import RATE, speech, tiny_checkpoint

import audio_ft as aft
from audio_ft.audio.clip import read
from audio_ft.cli import main as cli
from audio_ft.hub.bundle import repository_files
from audio_ft.reporting.anonymize import anonymized
from audio_ft.reporting.card import override_card_fields
from audio_ft.reporting.html.recordings import player
from audio_ft.run import Run

# One secret for each place where it is planted.
SECRETS = ("zuleikahome", "qwobertdata", "vroniclip", "xanthippe", "mumpitzword", "brzeczyc", "tagartist", "rundirname")
SECRETS += ("modeldirname", "consentname")
TEXTS = {"intended_use": "Tests.", "limits": "Few clips.", "consent": "All speakers agreed."}
TAGS = {".wav": "WAV", ".ogg": "OGG", ".mp3": "MP3", ".flac": "FLAC"}


def tagged(file: Path, seed: int) -> None:
    """Write a recording with the artist in its own kind of tags: INFO chunks, Vorbis comments or ID3."""
    with soundfile.SoundFile(file, "w", RATE, 1, format=TAGS[file.suffix]) as sound:
        sound.artist = "Tagartist"
        sound.title = "Song of Tagartist"
        sound.write(speech(6_400, seed))


@pytest.fixture(scope="module", params=["classification", "ctc"])
def run(request, tmp_path_factory) -> Run:
    """Return a finished run of a tiny network on recordings with secrets."""
    home = tmp_path_factory.mktemp("zuleikahome") / "qwobertdata"
    home.mkdir()
    rows = []
    for number in range(24):
        name = f"vroniclip_{number}{list(TAGS)[number % 4]}"
        tagged(home / name, number)
        split = ("train", "validation", "test")[number % 12 // 4]
        target = {"label": "ab"[number % 2]} if request.param == "classification" else {"text": "ab mumpitzword"}
        rows.append({"file_name": name, **target, "split": split, "speaker": f"Xanthippe {split} {number % 2}",
                     "village": f"Brzeczyc {number % 2}", "license": "CC BY 4.0",
                     "consent": "yes" if number else "said consentname"})  # fmt: skip
    (home / "vroniclip_broken.wav").write_bytes(b"RIFF")
    rows.append({**rows[-1], "file_name": "vroniclip_broken.wav", "split": "train"})
    with (home / "metadata.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    recipe = aft.Recipe(
        model=tiny_checkpoint("wav2vec2-group", home.parent / "modeldirname"),
        data=aft.Data(path=str(home), where=("village!=Nowhere in brzeczyc",)),
        task=request.param,
        max_corrupt=0.5,
        training={"max_steps": 1, "per_device_train_batch_size": 4, "run_name": "xanthippe-run"},
    )
    return aft.train(recipe, home.parent / "rundirname")


def readable(path: str, content: bytes) -> bytes:
    """Return a file with all that is packed in it: base64, and the cells and metadata of Parquet."""
    parts = [content, *(base64.b64decode(found) for found in re.findall(rb"base64,([A-Za-z0-9+/=]+)", content))]
    if path.endswith(".parquet"):
        parts += [pandas.read_parquet(io.BytesIO(content)).to_json().encode()]
        parts += [str(pyarrow.parquet.read_schema(io.BytesIO(content)).metadata).encode()]
    return b"\n".join(parts)


def found_in(path: str, content: bytes) -> list[str]:
    plain = readable(path, content).lower()
    return [secret for secret in SECRETS if secret.encode() in plain or base64.b64encode(secret.encode()) in plain]


def pushed(run: Run) -> dict[str, bytes]:
    files = repository_files(run, "me/model", predictions=True)
    return {file.path_in_repo: file.path_or_fileobj if isinstance(file.path_or_fileobj, bytes)
            else Path(file.path_or_fileobj).read_bytes() for file in files}  # fmt: skip


def test_nothing_planted_is_pushed_or_shown(run, tmp_path, capsys):
    before = {file.name: file.stat().st_mtime_ns for file in run.folder.iterdir()}
    texts = [f"{name}={text}" for name, text in TEXTS.items()]
    (tmp_path / "copy").mkdir()
    copy = anonymized(override_card_fields(run, texts), tmp_path / "copy")
    for path, content in pushed(copy).items():
        assert not found_in(path, content), path
    page, card = tmp_path / "page.html", tmp_path / "card.md"
    assert cli.main(["report", str(run.folder), "--anonymize", "--output", str(page)]) == 0
    options = [word for text in texts for word in ("--set", text)]
    assert cli.main(["card", str(run.folder), "--anonymize", "--output", str(card), *options]) == 0
    capsys.readouterr()
    for file in (page, card):
        assert not found_in(file.name, file.read_bytes()), file.name
    html = page.read_text("utf-8")
    assert "recording 1" in html
    assert re.search(r"group \d", html)
    assert "<audio" not in html
    said = card.read_text("utf-8")
    assert "in its column `license`: CC BY 4.0 (25 recordings)." in said
    assert "other (1" in said  # the cell with a name
    assert "yes (24" in said
    assert {file.name: file.stat().st_mtime_ns for file in run.folder.iterdir()} == before


def test_without_it_the_planted_names_are_there(run, tmp_path):
    page = tmp_path / "page.html"
    assert cli.main(["report", str(run.folder), "--output", str(page), "--no-audio"]) == 0
    shown = found_in("page.html", page.read_bytes())
    assert {"vroniclip", "xanthippe"} <= set(shown)  # so the test above would find them


def test_leaks_are_counted_and_not_named(run, tmp_path):
    pair = {"split": "test", "key": "vroniclip_1.wav", "other_split": "train", "other_key": "vroniclip_2.wav"}
    groups = {"split": "test", "name": "Xanthippe", "other_split": "train", "other_name": "xanthippe"}
    leaks = {**run.leaks, "pairs": [pair, {**pair, "key": "vroniclip_3.wav"}], "alike": [groups]}
    found = anonymized(dataclasses.replace(run, leaks=leaks), tmp_path).leaks
    assert not found_in("leaks", json.dumps(found).encode())
    assert len({one["key"] for one in found["pairs"]}) == 2
    assert len({one["other_key"] for one in found["pairs"]}) == 1
    assert found["clips"] == run.leaks["clips"]


def test_groups_are_numbered_and_counts_of_words_stay(run, tmp_path):
    copy = anonymized(run, tmp_path)
    before, after = (pandas.read_parquet(one.folder / "predictions.parquet") for one in (run, copy))
    assert (after["group"].nunique(), len(after)) == (before["group"].nunique(), len(before))
    assert set(after["group"]) == {f"group {number}" for number in range(1, before["group"].nunique() + 1)}
    one = {name: set(rows["group"]) for name, rows in after.groupby(before["group"])}
    assert all(len(own) == 1 for own in one.values())
    for column in after.columns.intersection(["words", "substitutions", "deletions", "insertions", "confidence"]):
        assert np.array_equal(before[column], after[column])


@pytest.mark.parametrize("suffix", TAGS)
def test_tags_of_recordings_are_in_no_player_and_no_cleaned_file(suffix, tmp_path, capsys):
    source = tmp_path / "source"
    source.mkdir()
    tagged(source / f"one{suffix}", 0)
    assert b"tagartist" in (source / f"one{suffix}").read_bytes().lower()
    found = player(read(source / f"one{suffix}"))
    assert b"tagartist" not in base64.b64decode(found.uri.partition(",")[2]).lower()
    assert cli.main(["clean", str(source), str(tmp_path / "cleaned")]) == 0
    capsys.readouterr()
    written = [file for file in (tmp_path / "cleaned").rglob("*") if file.is_file()]
    assert written
    assert all(b"tagartist" not in file.read_bytes().lower() for file in written)
