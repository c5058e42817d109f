"""A package outside audio_ft adds a step, an augmentation, a metric and a command, each in one file, by entry points.

The package is written here and never imported by the tests: each command runs in a process of its own, as it would
after `pip install`.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from forked import Outcome, command

ASSETS = Path(__file__).parents[1] / "audio_ft" / "assets"
WORDS, MINI = str(ASSETS / "words"), str(ASSETS / "wav2vec2-mini")

NOTCH = '''
"""Take out the hum of the mains."""

from dataclasses import dataclass

from audio_ft.cleaning.step import Step


@dataclass(frozen=True)
class Notch(Step):
    """Take out a narrow band around `hertz`."""

    hertz: float = 50.0

    def __call__(self, clip):
        from scipy.signal import filtfilt, iirnotch

        if clip.length < 100:
            return clip
        b, a = iirnotch(self.hertz, 30, clip.rate)
        return clip.with_samples(filtfilt(b, a, clip.samples, axis=1))
'''
INVERT = '''
"""Turn the wave upside down."""

from dataclasses import dataclass

from audio_ft.augmentation.base import WaveAugment


@dataclass(frozen=True)
class Invert(WaveAugment):
    """Change the sign of the samples."""

    @property
    def effect(self):
        return "inverted polarity"

    def change(self, samples, rate, rng):
        return -samples
'''
WORST_RECALL = '''
"""The recall of the class that is recognized least."""

import numpy as np

from audio_ft.metrics.base import AudioMetric, Measured
from audio_ft.metrics.classification import UnweightedAverageRecall


class WorstRecall(AudioMetric):
    """Return the lowest recall among the classes."""

    kinds = UnweightedAverageRecall.kinds
    names = ("worst_recall",)

    @classmethod
    def measure(cls, view):
        counts = view.counts
        recalls = counts.right / np.maximum(counts.support, 1)
        return {"worst_recall": Measured(np.where(counts.support > 0, recalls, 1.0).min(axis=1))}
'''
TALLY = '''
"""Count the recordings of a folder."""

from pathlib import Path

from audio_ft.cli.console import DONE, show


def add_arguments(parser):
    parser.add_argument("folder", metavar="FOLDER", help="where to count")


def run(arguments):
    show(f"{sum(1 for _ in Path(arguments.folder).rglob('*.ogg'))} recordings")
    return DONE
'''
ENTRY_POINTS = """
[audio_ft.steps]
Notch = soundlab.notch:Notch

[audio_ft.augmentations]
Invert = soundlab.invert:Invert

[audio_ft.metrics]
worst_recall = soundlab.worst_recall:WorstRecall

[audio_ft.commands]
tally = soundlab.tally
"""


def installed(site: Path, entry_points: str, **modules: str) -> Path:
    """Install the package `soundlab` with these modules into a folder, as pip leaves one, and return the folder."""
    package, metadata = site / "soundlab", site / "soundlab-1.0.dist-info"
    package.mkdir()
    metadata.mkdir()
    for name, text in modules.items():
        (package / f"{name}.py").write_text(text.lstrip())
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: soundlab\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(entry_points.lstrip())
    return site


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    modules = {"notch": NOTCH, "invert": INVERT, "worst_recall": WORST_RECALL, "tally": TALLY}
    return installed(tmp_path_factory.mktemp("site"), ENTRY_POINTS, **modules)


def audio_ft(site: Path | None, *words: str, code: int = 0) -> Outcome:
    """Run the command line in a new process, with the package installed or without."""
    result = command(*words, path=[str(site)] if site else [])
    assert result.returncode == code, result.stderr
    return result


def trained(site: Path, folder: Path, data: str, **settings: str) -> Path:
    """Train for two steps with a package installed, and return the folder of the run."""
    settings |= {"max_steps": "2", "per_device_train_batch_size": "4"}
    words = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    audio_ft(site, "train", "--model", MINI, "--data", data, "--output-dir", str(folder), *words)
    return folder


@pytest.fixture(scope="module")
def run(site, tmp_path_factory) -> Path:
    """Return a finished run whose recipe uses all that the package adds, by name."""
    settings = {
        "chain": '[{"step": "Resample"}, {"step": "Mono"}, {"step": "Notch", "hertz": 60}]',
        "augment": '[{"augment": "Invert", "probability": 1.0}]',
        "metric": "worst_recall",
        "eval_steps": "1",
        "data.limit": "24",
    }
    return trained(site, tmp_path_factory.mktemp("extended") / "run", WORDS, **settings)


def test_a_training_uses_the_step_the_augmentation_and_the_metric(run):
    record = json.loads((run / "run.json").read_text())
    assert [step["step"] for step in json.loads((run / "model" / "chain.json").read_text())["steps"]][-1] == "Notch"
    assert [augment["augment"] for augment in record["recipe"]["augment"]] == ["Invert"]
    assert record["best"]["metric"] == "worst_recall"
    assert record["scores"]["test"]["worst_recall"].keys() == {"value", "low", "high", "n"}


def test_the_saved_model_finds_its_step_again(site, run):
    clip = next((ASSETS / "words" / "test").glob("*.ogg"))
    line = audio_ft(site, "predict", str(run), str(clip), "--json").stdout
    assert sum(json.loads(line)["labels"].values()) == pytest.approx(1)


def test_without_the_package_one_sentence_says_what_is_missing(run):
    said = audio_ft(None, "predict", str(run), "a.wav", code=2).stderr
    assert len(said.splitlines()) == 1
    assert "'Notch'" in said
    assert "install the package that adds it, or import the file that defines it (--code FILE.py)." in said


def test_a_command_is_run_and_explained(site):
    assert audio_ft(site, "tally", WORDS).stdout == f"{len(list(Path(WORDS).rglob('*.ogg')))} recordings\n"
    shown = audio_ft(site, "tally", "--help").stdout
    assert "Count the recordings of a folder." in shown
    assert "tally" in audio_ft(site, "tall", code=2).stderr
    assert "tally" in audio_ft(site, "completion", "bash").stdout


def test_a_package_that_cannot_be_imported_is_named(tmp_path):
    installed(tmp_path, "[audio_ft.commands]\nbreak = soundlab.missing\n")
    said = audio_ft(tmp_path, "break", code=2).stderr
    assert "'break' of audio_ft.commands cannot be loaded from soundlab.missing" in said
