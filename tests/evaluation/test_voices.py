"""Voices: groups that are one speaker under two names are named, and others are not."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from checkpoints import MINI

from audio_ft.audio.clip import Clip, read, write
from audio_ft.cli.main import main
from audio_ft.evaluation.voices import EXPECTED, SAME_VOICE, compare_voices

SPEEDS = (0.5625, 0.75, 1.0, 1.3125, 1.75)


def clips(speakers, each, apart, seed=0, width=48):
    """Return simulated vectors (clips, 2 layers, width) of speakers whose means are `apart`, and their names."""
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(width, width))
    means = rng.normal(size=(speakers, width)) * apart
    names = [f"speaker {number}" for number in range(speakers) for _ in range(each)]
    points = np.repeat(means, each, axis=0) + rng.normal(size=(speakers * each, width))
    second = points @ mixing
    return np.stack([rng.normal(size=second.shape), second], 1).astype(np.float32), names


def renamed(names, number):
    """Return the names with every other clip of a speaker under another name."""
    own = [row for row, name in enumerate(names) if name == f"speaker {number}"]
    return [f"other {number}" if row in own[::2] else name for row, name in enumerate(names)]


@pytest.mark.parametrize("number", range(8))
def test_one_speaker_under_two_names_is_found_and_nobody_else(number):
    features, names = clips(8, 40, apart=1.0)
    found = compare_voices(features, renamed(names, number))
    assert [{pair.group, pair.other} for pair in found.pairs] == [{f"speaker {number}", f"other {number}"}]
    (pair,) = found.pairs
    assert pair.expected <= EXPECTED
    assert 0.5 < pair.distance < 1.5 < pair.usual
    assert "compared in layer 1" in found.method


def test_different_speakers_are_seldom_called_one():
    counts = [len(compare_voices(*clips(6, 20, apart=0.6, seed=seed)).pairs) for seed in range(20)]
    assert sum(counts) <= 4 * EXPECTED * len(counts)


def test_two_speakers_under_two_names_are_found_both():
    features, names = clips(10, 40, apart=1.0)
    found = compare_voices(features, renamed(renamed(names, 2), 7))
    assert {pair.group for pair in found.pairs} == {"other 2", "other 7"}


def test_neither_the_order_of_clips_nor_the_scale_of_features_decides():
    features, names = clips(8, 40, apart=1.0)
    names = renamed(names, 3)
    order = np.random.default_rng(1).permutation(len(names))
    moved = compare_voices(features[order] * 100 + 5, [names[row] for row in order])
    assert [pair[:2] for pair in moved.pairs] == [pair[:2] for pair in compare_voices(features, names).pairs]


def test_voices_that_cannot_be_told_apart_are_not_compared():
    features, names = clips(8, 40, apart=0.0)
    found = compare_voices(features, renamed(names, 3))
    assert found.pairs == ()
    assert found.method.startswith("cannot be told apart here")
    few = compare_voices(*clips(3, 40, apart=1.0))
    assert few.method == "cannot be compared: that takes 6 groups of 8 clips, and there are 3"
    assert compare_voices(*clips(9, 7, apart=1.0)).method.endswith("there are 0")


def test_where_many_are_as_near_as_halves_nobody_is_named():
    # Two kinds of voices, each of speakers that nearly sound alike: half of the pairs are near, and the rest far away.
    features, names = clips(8, 20, apart=0.05)
    shift = np.array([int(name[-1]) % 2 for name in names])[:, None, None] * np.linspace(-2, 2, features.shape[2])
    found = compare_voices((features + shift).astype(np.float32), names)
    assert found.pairs == ()
    assert found.method.startswith("cannot be told apart here")


@pytest.fixture(scope="module")
def spoken(tmp_path_factory):
    """Return five voices, each word twice with other noise, and the name that has another one.

    Those of the included words sound alike; each is played at a speed of its own.
    """
    words = Path(MINI).parent / "words" / "train"
    rows = list(csv.DictReader((words / "metadata.csv").open()))
    speakers = sorted({row["speaker_id"] for row in rows})[::7]
    folder = tmp_path_factory.mktemp("voices") / "spoken"
    folder.mkdir()
    made, rng = [("file_name", "label", "speaker")], np.random.default_rng(0)
    for row in (row for row in rows if row["speaker_id"] in speakers):
        speed = SPEEDS[speakers.index(row["speaker_id"])]
        clip = Clip(read(words / row["file_name"]).samples, int(16_000 * speed))
        for take, level in enumerate((0.01, 0.003)):
            name = f"{len(made)}.wav"
            noise = rng.normal(0, level, clip.samples.shape).astype(np.float32)
            write(clip.with_samples(clip.samples + noise), folder / name)
            twice = row["speaker_id"] == speakers[2] and take
            made.append((name, row["label"], "Xaver" if twice else row["speaker_id"]))
    with (folder / "clips.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows(made)
    return folder, speakers[2]


def test_inspect_names_both_with_recordings_of_both(spoken, tmp_path, capsys):
    folder, speaker = spoken
    page = tmp_path / "page.html"
    options = ["--target", "label", "--group", "speaker", "--voices", MINI, "--html", str(page), "--anonymize"]
    assert main(["inspect", str(folder / "clips.csv"), *options, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (finding,) = (one for one in found["findings"] if one["name"] == SAME_VOICE)
    assert finding["severity"] == "warning"
    assert "'Xaver' in" in finding["sentence"]
    assert f"and {speaker!r} in" in finding["sentence"]
    groups = {one["key"]: one["group"] for one in found["recordings"]}
    assert [groups[key] for key in finding["keys"][:2]] == ["Xaver", speaker]
    assert all((SAME_VOICE in one["findings"]) == (one["key"] in finding["keys"]) for one in found["recordings"])
    assert found["voices"].startswith("wav2vec2-mini: 80 clips of 6 groups compared in layer ")
    assert "may be one voice under two names" in page.read_text()
    assert "Xaver" not in page.read_text()
    assert speaker not in page.read_text()


def test_without_groups_it_says_why_nothing_is_compared(spoken, capsys):
    folder, _ = spoken
    rows = list(csv.DictReader((folder / "clips.csv").open()))
    manifest = folder / "nobody.csv"
    manifest.write_text("\n".join(["file_name,label", *(f"{row['file_name']},{row['label']}" for row in rows)]))
    assert main(["inspect", str(manifest), "--voices", MINI]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "voices cannot be compared: that takes 6 groups of 8 clips, and there are 0" in shown
