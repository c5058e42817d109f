"""Two processes train one network together, whatever is frozen, skipped or left out of the sum."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from checkpoints import WORDS, tiny_checkpoint
from waiting import HUNG

from audio_ft import Data, Recipe, Run
from audio_ft.augmentation import SpecAugment

PROGRAM = """
import json, sys
from pathlib import Path
import torch
from audio_ft.training.loop import fit
from audio_ft.training.setup import prepare
from audio_ft.recipe import Recipe
recipes, out = sys.argv[1], Path(sys.argv[2])
for index, plain in enumerate(json.loads(Path(recipes).read_text())):
    prepared = prepare(Recipe.from_dict(plain), lambda line: None)
    fitted = fit(prepared, out / str(index), lambda line: None, lambda: None, lambda: None)
    rank = torch.distributed.get_rank()
    total = sum(parameter.double().abs().sum().item() for parameter in fitted.model.parameters())
    (out / f"{index}-{rank}.json").write_text(json.dumps({"total": total, "history": fitted.history}))
"""

WHOLE = """
import sys
import torch
import audio_ft as aft
run = aft.train(aft.Recipe.load(sys.argv[1]), sys.argv[2])
sys.exit(0 if run.scores["test"]["accuracy"].n == 24 and torch.distributed.get_world_size() == 2 else 7)
"""

FOLDS = """
import os, sys
import torch
import audio_ft as aft
from audio_ft.training import folds
if os.environ["RANK"] != "0":
    folds.pooled = folds.write_json = lambda *arguments: sys.exit("written by the second process")
run = aft.cross_validate(aft.Recipe.load(sys.argv[1]), sys.argv[2])
sys.exit(0 if list(run.folds) == ["1", "2"] and torch.distributed.get_world_size() == 2 else 7)
"""


def launch(program: Path, *arguments: Path) -> None:
    """Run a program in two processes that share a training."""
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone", str(program)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    outcome = subprocess.run(
        [*command, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=HUNG, env=environment
    )
    assert outcome.returncode == 0, outcome.stderr[-3000:]


def test_one_run_comes_out_of_two_processes(tmp_path: Path) -> None:
    training = {"num_train_epochs": 2, "per_device_train_batch_size": 4}
    model = tiny_checkpoint("wav2vec2-group", tmp_path / "model")
    whole = Recipe(model=model, data=Data(path=WORDS, limit=24), precision="float32", augment=(), training=training)
    whole.save(tmp_path / "recipe.json")
    (tmp_path / "program.py").write_text(WHOLE)
    launch(tmp_path / "program.py", tmp_path / "recipe.json", tmp_path / "run")
    run = Run.load(tmp_path / "run")
    assert max(entry["step"] for entry in run.history) == 2 * 24 / (4 * 2)
    files = {"model", "run.json", "predictions.parquet", "baselines.parquet", "metrics.jsonl", "fingerprints.npz"}
    assert {path.name for path in run.folder.iterdir()} == files
    lines = (run.folder / "metrics.jsonl").read_text().splitlines()
    assert len(lines) == len(run.history), "the second process writes none"


@pytest.mark.slow
def test_two_processes_cross_validate_and_one_of_them_writes(tmp_path: Path) -> None:
    model = tiny_checkpoint("wav2vec2-group", tmp_path / "model")
    training = {"max_steps": 1, "per_device_train_batch_size": 4}
    data = Data(path=WORDS, limit=24, folds=2)
    recipe = Recipe(model=model, data=data, precision="float32", augment=(), training=training)
    recipe.save(tmp_path / "recipe.json")
    (tmp_path / "program.py").write_text(FOLDS)
    launch(tmp_path / "program.py", tmp_path / "recipe.json", tmp_path / "run")
    run = Run.load(tmp_path / "run")
    assert run.scores["test"]["accuracy"].n == 48
    files = {"fold-1", "fold-2", "run.json", "predictions.parquet"}
    assert {path.name for path in run.folder.iterdir()} == files


@pytest.mark.slow  # test_one_run_comes_out_of_two_processes is the default one
def test_two_processes_share_a_training(tmp_path: Path) -> None:
    skipping = tiny_checkpoint("wav2vec2-group", tmp_path / "skipping", layerdrop=0.4)
    stable = tiny_checkpoint("hubert-layer", tmp_path / "stable", layerdrop=0.0)
    whisper = tiny_checkpoint("whisper", tmp_path / "whisper")
    variants: list[dict[str, Any]] = [
        {"model": skipping},
        {"model": stable, "weighted_layers": True, "pooling": "attention", "augment": (SpecAugment(time_share=0.0),)},
        {"model": stable, "freeze": "gradual"},
        {"model": whisper, "freeze": "layers:1"},
    ]
    training = {"max_steps": 4, "per_device_train_batch_size": 4, "learning_rate": 1e-3}
    fixed: dict[str, Any] = {"data": Data(path=WORDS, limit=24), "precision": "float32", "augment": ()}
    recipes = [Recipe(training=training, **{**fixed, **variant}) for variant in variants]
    (tmp_path / "recipes.json").write_text(json.dumps([recipe.to_dict() for recipe in recipes]))
    (tmp_path / "program.py").write_text(PROGRAM)
    launch(tmp_path / "program.py", tmp_path / "recipes.json", tmp_path)
    for index in range(len(variants)):
        ours, theirs = (json.loads((tmp_path / f"{index}-{rank}.json").read_text()) for rank in (0, 1))
        assert ours["total"] == pytest.approx(theirs["total"], rel=1e-12), "the two networks stay one"
        assert max(entry["step"] for entry in ours["history"]) == 4
