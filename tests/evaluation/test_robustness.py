"""Robustness: the same clips at every level, honest differences, and no level measured twice."""

from __future__ import annotations

import csv
import dataclasses
import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

import audio_ft as aft
from audio_ft.audio.clip import Clip, read, write
from audio_ft.cli import main as cli
from audio_ft.errors import AudioError
from audio_ft.evaluation.evaluate import evaluate
from audio_ft.evaluation.perturbations import PERTURBATIONS, Perturbation
from audio_ft.evaluation.robustness import ROBUSTNESS_FILE, robustness
from audio_ft.inference.predictor import Model
from audio_ft.targets import Transcript

EVERY = 12
ASSETS = Path(aft.__file__).parent / "assets"


def levels(found: dict[str, Any]) -> dict[tuple[str, float], dict[str, Any]]:
    return {(one["name"], level["level"]): level for one in found["perturbations"] for level in one["levels"]}


ATTEMPTS = Model.attempts


class Counting:
    """Stand in for a model, counting the batches it is asked about; stop like Ctrl-C after some."""

    asked: ClassVar[int] = 0
    stop_after: ClassVar[int | None] = None

    @classmethod
    def watch(cls, monkeypatch: pytest.MonkeyPatch, stop_after: int | None = None) -> type[Counting]:
        cls.asked, cls.stop_after = 0, stop_after

        def counted(self: Model, sources: Any, *rest: Any, **settings: Any) -> Any:
            if cls.asked == cls.stop_after:
                raise KeyboardInterrupt
            cls.asked += 1
            return ATTEMPTS(self, sources, *rest, **settings)

        monkeypatch.setattr(Model, "attempts", counted)
        return cls


def test_scores_are_those_of_clips_changed_before_the_models_own_cleaning(model, few):
    data = aft.Data(path=str(few))
    found = robustness(model, data, only=["white_noise", "clipping"])
    clean = evaluate(model, data).scores["accuracy"]
    assert found["clean"]["value"] == pytest.approx(clean.value)
    assert found["n"] == clean.n == 8
    assert (found["metric"], found["greater_is_better"], found["complete"]) == ("accuracy", True, True)
    assert levels(found).keys() == {
        (name, level) for name in ("white_noise", "clipping") for level in PERTURBATIONS[name].levels
    }
    rows = list(csv.DictReader((few / "metadata.csv").open()))
    changed = [PERTURBATIONS["clipping"](read(few / row["file_name"]), 18.0, seed=0, index=0) for row in rows]
    right = [next(iter(answer)) == row["label"] for answer, row in zip(model(changed), rows, strict=True)]
    at = levels(found)["clipping", 18.0]
    assert at["score"]["value"] == pytest.approx(np.mean(right))
    assert at["difference"]["value"] == pytest.approx(np.mean(right) - clean.value)
    assert at["verdict"] in ("better", "worse", "not distinguishable")
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_a_stopped_run_goes_on_where_it_was(model, few, tmp_path, monkeypatch):
    data, file, only = aft.Data(path=str(few)), tmp_path / "robustness.json", ["gain"]
    Counting.watch(monkeypatch, stop_after=3)
    with pytest.raises(KeyboardInterrupt):
        robustness(model, data, only=only, file=file)
    kept = json.loads(file.read_text())
    assert not kept["complete"]
    assert len(levels(kept)) == 2
    counting = Counting.watch(monkeypatch)
    found = robustness(model, data, only=only, file=file)
    assert counting.asked == 1 + 3  # the clean clips, and the levels that were missing
    assert levels(kept).items() <= levels(found).items()
    assert found == robustness(model, data, only=only)
    counting = Counting.watch(monkeypatch)
    assert robustness(model, data, only=only, file=file) == found
    assert counting.asked == 0
    assert json.loads(file.read_text()) == found


def test_other_data_another_seed_or_a_newer_stress_is_measured_anew(model, few, tmp_path, monkeypatch):
    data, file = aft.Data(path=str(few)), tmp_path / "robustness.json"
    robustness(model, data, only=["telephone", "mu_law"], file=file)
    counting = Counting.watch(monkeypatch)
    robustness(model, data, only=["telephone", "mu_law"], file=file, seed=1, overwrite=True)
    assert counting.asked == 3
    robustness(model, dataclasses.replace(data, limit=4), only=["telephone", "mu_law"], file=file, overwrite=True)
    assert counting.asked == 6
    monkeypatch.setitem(PERTURBATIONS, "mu_law", dataclasses.replace(PERTURBATIONS["mu_law"], version=2))
    found = robustness(model, dataclasses.replace(data, limit=4), only=["telephone", "mu_law"], file=file)
    assert counting.asked == 8
    assert found["complete"]
    assert {one["name"]: one["version"] for one in found["perturbations"]} == {"telephone": 1, "mu_law": 2}


def test_a_finished_result_of_something_else_is_not_replaced_unasked_and_an_unfinished_one_is(
    model, few, tmp_path, monkeypatch
):
    data, file = aft.Data(path=str(few)), tmp_path / "robustness.json"
    finished = robustness(model, data, only=["mu_law"], file=file)
    counting = Counting.watch(monkeypatch)
    with pytest.raises(aft.InputError, match=r"of 8 clips of the test split of \S+/few, and this is another seed"):
        robustness(model, data, only=["mu_law"], file=file, seed=1)
    with pytest.raises(aft.InputError, match="and this is another split and other clips"):
        robustness(model, dataclasses.replace(data, limit=4), "train", only=["mu_law"], file=file)
    assert counting.asked == 0
    assert json.loads(file.read_text()) == finished
    Counting.watch(monkeypatch, stop_after=3)
    with pytest.raises(KeyboardInterrupt):
        robustness(model, data, only=["gain"], file=file)
    monkeypatch.setattr(Model, "attempts", ATTEMPTS)
    assert robustness(model, dataclasses.replace(data, limit=4), only=["mu_law"], file=file)["n"] == 4


def test_clips_that_cannot_be_read_are_left_out_and_counted(model, few, monkeypatch):
    next(few.glob("*.ogg")).write_bytes(b"no audio")

    def failing(clip: Clip, level: float, rng: np.random.Generator) -> Clip:
        if rng.random() < level:
            raise AudioError("clip", "nothing left")
        return clip

    monkeypatch.setitem(
        PERTURBATIONS, "failing", Perturbation("failing", "failing", "", (0.5, 1.0), "failing at {}", failing)
    )
    found = robustness(model, aft.Data(path=str(few)), only=["failing"])
    assert found["n"] == 7
    some, none = levels(found)["failing", 0.5], levels(found)["failing", 1.0]
    assert 0 < some["failed"] < 7
    assert some["score"]["n"] == some["difference"]["n"] == 7 - some["failed"]
    assert some["difference"]["value"] == 0
    assert (none["failed"], none["score"], none["verdict"]) == (7, None, "nothing can be read")
    assert found["worst"] is None


def test_unreadable_data_and_unknown_perturbations_are_errors(model, few):
    with pytest.raises(aft.InputError, match=r"no perturbation is called 'rain'; choose from white_noise, babble"):
        robustness(model, aft.Data(path=str(few)), only=["rain"])
    for file in few.glob("*.ogg"):
        file.write_bytes(b"no audio")
    with pytest.raises(aft.InputError, match="None of the recordings of the test split"):
        robustness(model, aft.Data(path=str(few)), only=["gain"])


@dataclasses.dataclass(frozen=True)
class Dictation:
    """Replace a model that transcribes: it recognizes words by their length, and noise confuses it."""

    folder: Path
    chain: aft.Chain
    adapter: Any
    task: Any

    def attempts(self, sources: list[Clip]) -> list[dict[str, Any]]:
        return [
            {"text": ("word " * round(clip.seconds) + "noise " * bool(clip.samples[0, 0])).strip()} for clip in sources
        ]


def test_transcripts_are_judged_by_word_errors_and_the_worst_is_named(tmp_path):
    from audio_ft.models import load_adapter

    rows = ["file_name,text"]
    for seconds in (1, 2, 3, 1, 2, 3, 1, 2, 3, 4, 4, 4):
        samples = Clip.tone(440, seconds).samples.copy()
        samples[0, 0] = 0
        write(Clip(samples, 16_000), tmp_path / f"{len(rows)}.wav")
        rows.append(f"{len(rows)}.wav,{('word ' * seconds).strip()}")
    (tmp_path / "metadata.csv").write_text("\n".join(rows))
    adapter = load_adapter(str(ASSETS / "wav2vec2-mini"))
    model: Any = Dictation(tmp_path, aft.DEFAULT_CHAIN, adapter, SimpleNamespace(target=Transcript()))
    found = robustness(model, aft.Data(path=str(tmp_path)), only=["white_noise", "gain"])
    assert (found["metric"], found["greater_is_better"], found["clean"]["value"]) == ("wer", False, 0.0)
    at = levels(found)
    assert at["white_noise", 0.0]["score"]["value"] == pytest.approx(12 / 30)  # one word more for each clip
    assert at["white_noise", 0.0]["verdict"] == "worse"
    assert at["gain", -30.0]["verdict"] == "not distinguishable"
    assert found["worst"]["name"] == "white_noise"
    assert found["sentence"].startswith("worst is white noise at an SNR of ")
    assert "wer 0.400 against 0.000 clean, +0.400 [+0." in found["sentence"]
    assert "no level of gain is" in found["sentence"]


def test_the_command_shows_a_line_for_each_perturbation_and_saves_robustness_json_in_the_run(
    small_run, few, tmp_path, capsys
):
    folder = tmp_path / "run"
    shutil.copytree(small_run, folder)
    words = ["robustness", str(folder), str(few), "--only", "telephone", "--only", "opus", "--limit", "4"]
    assert cli.main(words) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("clean ")
    assert "(accuracy, 4 clips of test)" in out[0]
    assert out[1].startswith("telephone band ")
    assert out[2].startswith("Opus, kbit/s ")
    assert all(f"{level:g}: " in out[2] for level in PERTURBATIONS["opus"].levels)
    assert out[-1].endswith(".")
    kept = json.loads((folder / ROBUSTNESS_FILE).read_text())
    assert cli.main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == kept
    capsys.readouterr()
    assert cli.main([*words[:-1], "5"]) == 2
    message = capsys.readouterr().err
    assert "robustness.json contains a finished result of 4 clips of the test split of" in message
    assert "and this is other clips. Keep both with --output FILE, or replace the old one with --overwrite." in message
    assert json.loads((folder / ROBUSTNESS_FILE).read_text()) == kept
    assert cli.main([*words[:-1], "5", "--output", str(tmp_path / "five.json")]) == 0
    assert json.loads((folder / ROBUSTNESS_FILE).read_text()) == kept
    assert cli.main([*words[:-1], "5", "--overwrite"]) == 0
    kept = json.loads((folder / ROBUSTNESS_FILE).read_text())
    assert kept == json.loads((tmp_path / "five.json").read_text())
    assert kept["n"] == 5
    assert cli.main([*words[:3], "--only", "hail"]) == 2
    assert "no perturbation is called 'hail'" in capsys.readouterr().err
    assert cli.main([*words[:3], "--output", str(tmp_path / "nowhere" / "robustness.json")]) == 2
    assert "nowhere is not a folder that can be written to; give another file with --output" in capsys.readouterr().err
