"""Two processes train one network together, whatever is frozen, skipped or left out of the sum."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from checkpoints import ASSETS, WORDS, tiny_checkpoint, tiny_transcriber
from forked import Running, request
from waiting import HUNG

import audio_ft as aft
from audio_ft import Data, InputError, Recipe, Run, Text
from audio_ft.augmentation import SpecAugment
from audio_ft.training.loop import fit
from audio_ft.training.setup import prepare

PROGRAM = """
import json, sys
from pathlib import Path
import torch
import audio_ft as aft
from audio_ft.training.loop import fit
from audio_ft.training.setup import prepare
from audio_ft.recipe import Recipe
recipes, out = sys.argv[1], Path(sys.argv[2])
for index, plain in enumerate(json.loads(Path(recipes).read_text())):
    prepared = prepare(Recipe.from_dict(plain), lambda line: None)
    (out / str(index)).mkdir(exist_ok=True)
    fitted = fit(prepared, out / str(index), lambda line: None, lambda: None, lambda: None)
    rank = torch.distributed.get_rank()
    total = sum(parameter.double().abs().sum().item() for parameter in fitted.model.parameters())
    (out / f"{index}-{rank}.json").write_text(json.dumps({"total": total, "history": fitted.history}))
    torch.save(fitted.model.state_dict(), out / f"{index}-{rank}.pt")
if (out / "whole.json").is_file():
    aft.train(aft.Recipe.load(out / "whole.json"), out / "run")
    assert torch.distributed.get_world_size() == 2
"""

SENTENCES = str(ASSETS / "sentences")
PLAIN = Text(language="en", case="lower", punctuation="remove")
# Dropout draws other random numbers for a clip in another batch.
STILL = {f"{name}_dropout": 0.0 for name in ("hidden", "attention", "activation", "feat_proj", "final")}
STILL |= {"layerdrop": 0.0, "mask_time_prob": 0.0}

WAITING = """
import sys, time
import torch
from datetime import timedelta
from audio_ft.errors import AudioFTError
from audio_ft.training.processes import first_goes_first
torch.distributed.init_process_group("gloo", timeout=timedelta(seconds=20))
first = torch.distributed.get_rank() == 0
with first_goes_first():
    time.sleep(30 if first else 0)
if first:
    sys.exit(0)
try:
    with first_goes_first():
        sys.exit(7)
except AudioFTError as error:
    sys.exit(0 if "Another process of this training has ended" in str(error) else 8)
"""

KILLED = """
import os, sys
import audio_ft as aft
from audio_ft.training.steps.callbacks import NearEnd
def on_step_end(self, args, state, control, **kwargs):
    if state.global_step == 4:
        os._exit(9)
NearEnd.on_step_end = on_step_end
aft.train(aft.Recipe.load(sys.argv[1]), sys.argv[2])
"""

# Accelerate takes FSDP for GPUs alone; here it takes two processes on a processor for them.
AS_GPUS = """
from accelerate import DistributedType, PartialState
begin = PartialState.__init__
def __init__(self, *arguments, **settings):
    begin(self, *arguments, **settings)
    if self.distributed_type == DistributedType.MULTI_CPU:
        self.distributed_type = DistributedType.MULTI_GPU
PartialState.__init__ = __init__
"""

WHOLE = """
import sys
import audio_ft as aft
aft.train(aft.Recipe.load(sys.argv[1]), sys.argv[2])
"""

FOLDS = """
import os, sys
import torch
import audio_ft as aft
from audio_ft.training.repeated import folds
if os.environ["RANK"] != "0":
    folds.pooled = folds.write_json = lambda *arguments: sys.exit("written by the second process")
run = aft.cross_validate(aft.Recipe.load(sys.argv[1]), sys.argv[2])
sys.exit(0 if list(run.folds) == ["1", "2"] and torch.distributed.get_world_size() == 2 else 7)
"""


def together_in_forks(program: str, *arguments: Path) -> None:
    """Run a program in two processes with the environment that torchrun gives them, and check that both end well."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        group = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1]), "WORLD_SIZE": "2"}
    ranks = [
        {"RANK": rank, "LOCAL_RANK": rank, "LOCAL_WORLD_SIZE": "2", "TORCHELASTIC_RUN_ID": "none"} for rank in "01"
    ]
    asked = [request(program, *map(str, arguments), environment=group | rank, trains=True) for rank in ranks]
    for outcome in Running(*asked).outcomes():
        assert outcome.returncode == 0, outcome.stderr[-3000:]


TORCHRUN = ("torch.distributed.run", "--standalone", "--nproc-per-node", "2")


def launch(program: Path, *arguments: Path, ends: bool = True, by: Sequence[str] = TORCHRUN) -> str:
    """Run a program in processes that share a training, check whether it comes to its end, and return its errors."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-m", *by, str(program), *map(str, arguments)]
    outcome = subprocess.run(command, capture_output=True, text=True, check=False, timeout=HUNG, env=environment)
    assert (outcome.returncode == 0) is ends, outcome.stderr[-3000:]
    return outcome.stderr


def by_fsdp(folder: Path, processes: int) -> Sequence[str]:
    """Return how Accelerate starts so many processes with the shipped configuration, on a processor."""
    shipped = Path(__file__).parents[2] / "recipes" / "accelerate" / "fsdp2.yaml"
    (folder / "fsdp2.yaml").write_text(f"{shipped.read_text()}\nuse_cpu: true\n")
    settings = ("--config_file", str(folder / "fsdp2.yaml"), "--num_processes", str(processes))
    return ("accelerate.commands.launch", *settings)


# 18 clips are two steps of 8 and one of 2, of which the second process has none.
FEW = {"num_train_epochs": 2, "optim": "sgd", "learning_rate": 0.1, "logging_steps": 1, "eval_strategy": "no"}


def of_eight(batch: int, accumulation: int, folder: Path) -> list[Recipe]:
    """Return a recipe of clips of two classes and one of transcripts, which have many lengths, without dropout."""
    pieces = {"per_device_train_batch_size": batch, "gradient_accumulation_steps": accumulation}
    fixed: dict[str, Any] = {"precision": "float32", "augment": (), "probe": False, "training": FEW | pieces}
    words, sentences = (Data(path=path, limit=18) for path in (WORDS, SENTENCES))
    return [
        Recipe(model=str(folder / "waves"), data=words, class_weights="balanced", **fixed),
        Recipe(model=str(folder / "whisper"), data=sentences, task="transcription", text=PLAIN, **fixed),
    ]


def still_transcriber(folder: Path) -> None:
    """Write a Whisper without dropout."""
    tiny_transcriber(folder)
    config = folder / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"dropout": 0.0}))


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of what two processes trained: `of_eight` in halves and in quarters, and a whole run."""
    folder = tmp_path_factory.mktemp("together")
    tiny_checkpoint("wav2vec2-layer", folder / "waves", **STILL)
    still_transcriber(folder / "whisper")
    shared = [*of_eight(4, 1, folder), *of_eight(2, 2, folder)]
    (folder / "recipes.json").write_text(json.dumps([recipe.to_dict() for recipe in shared]))
    training = {"num_train_epochs": 2, "per_device_train_batch_size": 4, "per_device_eval_batch_size": 4}
    model = tiny_checkpoint("wav2vec2-group", folder / "model")
    fixed: dict[str, Any] = {"precision": "float32", "augment": (), "probe": False}
    whole = Recipe(model=model, data=Data(path=WORDS, limit=18), training=training, **fixed)
    whole.save(folder / "whole.json")
    together_in_forks(PROGRAM, folder / "recipes.json", folder)
    return folder


def test_one_run_comes_out_of_two_processes(together: Path) -> None:
    run = Run.load(together / "run")
    assert run.scores["test"]["accuracy"].n == run.scores["validation"]["accuracy"].n == 18
    assert max(entry["step"] for entry in run.history) == 2 * 3
    validated = run.scores["validation"][run.best["metric"]].value
    assert run.best["value"] == pytest.approx(validated, rel=1e-9), "both processes' clips are counted once"
    files = {"model", "run.json", "predictions.parquet", "baselines.parquet", "metrics.jsonl", "fingerprints.npz"}
    assert {path.name for path in run.folder.iterdir()} == files
    lines = (run.folder / "metrics.jsonl").read_text().splitlines()
    assert len(lines) == len(run.history), "the second process writes none"


@pytest.mark.parametrize("place", [0, 1], ids=["classification", "transcription"])
def test_two_processes_take_the_steps_of_one(together: Path, tmp_path: Path, place: int) -> None:
    alone = fit(prepare(of_eight(8, 1, together)[place], print), tmp_path, print, lambda: None, lambda: None)
    losses, norms = (curve(alone.history, name) for name in ("loss", "grad_norm"))
    assert len(losses) == 2 * 3
    for other in (place, place + 2):
        history = json.loads((together / f"{other}-0.json").read_text())["history"]
        assert curve(history, "loss") == pytest.approx(losses, rel=1e-4)
        assert curve(history, "grad_norm") == pytest.approx(norms, rel=1e-3)
        weights = torch.load(together / f"{other}-0.pt")
        for name, weight in alone.model.state_dict().items():
            torch.testing.assert_close(weights[name], weight, rtol=1e-3, atol=1e-4)


def curve(history: Sequence[Mapping[str, Any]], name: str) -> list[float]:
    """Return the values of a training's steps."""
    return [entry[name] for entry in history if name in entry]


@pytest.mark.slow  # it waits half a minute
def test_others_wait_longer_than_a_step_may_take_and_notice_an_end(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(WAITING)
    launch(tmp_path / "program.py")


@pytest.mark.slow
def test_what_two_processes_began_goes_on_in_one_with_the_same_steps(tmp_path: Path) -> None:
    tiny_checkpoint("wav2vec2-layer", tmp_path / "waves", **STILL)
    saving = {"save_strategy": "steps", "save_steps": 2}
    halves, whole = (of_eight(batch, 1, tmp_path)[0] for batch in (4, 8))
    halves, whole = (recipe.replace(training={**recipe.training, **saving}) for recipe in (halves, whole))
    halves.save(tmp_path / "recipe.json")
    (tmp_path / "program.py").write_text(KILLED)
    launch(tmp_path / "program.py", tmp_path / "recipe.json", tmp_path / "run", ends=False)
    said: list[str] = []
    run = aft.train(halves, tmp_path / "run", log=said.append)
    assert "resuming from checkpoint-2" in said
    assert "steps take 8 clips as before: 4 at a time on each device, 2 times" in said
    assert run.training["clips_per_step"]["value"] == 8
    alone = aft.train(whole, tmp_path / "alone")
    assert curve(run.history, "loss") == pytest.approx(curve(alone.history, "loss"), rel=1e-4)
    assert max(entry["step"] for entry in run.history) == max(entry["step"] for entry in alone.history) == 6


@pytest.mark.slow
def test_divided_weights_take_the_steps_of_whole_ones_and_go_on_with_more_processes(tmp_path: Path) -> None:
    tiny_checkpoint("wav2vec2-layer", tmp_path / "waves", **STILL)
    saving = {
        "save_strategy": "steps",
        "save_steps": 2,
        "eval_strategy": "steps",
        "eval_steps": 2,
        "optim": "adamw_torch",
    }
    saving |= {"learning_rate": 1e-3}
    halves, whole = (of_eight(batch, 1, tmp_path)[0].replace(average_weights=False) for batch in (4, 8))
    halves, whole = (recipe.replace(training={**recipe.training, **saving}) for recipe in (halves, whole))
    halves.save(tmp_path / "recipe.json")
    for name, program in {"killed": AS_GPUS + KILLED, "whole": AS_GPUS + WHOLE}.items():
        (tmp_path / f"{name}.py").write_text(program)
    recipe, run = tmp_path / "recipe.json", tmp_path / "run"
    assert "exitcode: 9" in launch(tmp_path / "killed.py", recipe, run, ends=False, by=by_fsdp(tmp_path, 2))
    with pytest.raises(InputError, match="was written with FSDP and cannot go on without it"):
        aft.train(halves, run)
    launch(tmp_path / "whole.py", recipe, run, by=by_fsdp(tmp_path, 4))
    divided, alone = Run.load(run), aft.train(whole, tmp_path / "alone")
    # Adam follows the sign of what is nearly zero, so weights are not compared one by one.
    assert curve(divided.history, "loss") == pytest.approx(curve(alone.history, "loss"), rel=1e-4)
    assert divided.best["step"] == alone.best["step"]
    assert divided.scores["test"]["accuracy"].value == alone.scores["test"]["accuracy"].value


@pytest.mark.slow
def test_a_divided_whisper_takes_the_steps_of_a_whole_one(tmp_path: Path) -> None:
    still_transcriber(tmp_path / "whisper")
    tiny_checkpoint("wav2vec2-layer", tmp_path / "waves")
    decoding = {"eval_strategy": "epoch"}
    halves, whole = (of_eight(batch, 1, tmp_path)[1].replace(average_weights=False) for batch in (4, 8))
    halves, whole = (recipe.replace(training={**recipe.training, **decoding}) for recipe in (halves, whole))
    (tmp_path / "recipes.json").write_text(json.dumps([halves.to_dict()]))
    (tmp_path / "program.py").write_text(AS_GPUS + PROGRAM)
    launch(tmp_path / "program.py", tmp_path / "recipes.json", tmp_path, by=by_fsdp(tmp_path, 2))
    alone = fit(prepare(whole, print), tmp_path, print, lambda: None, lambda: None)
    history = json.loads((tmp_path / "0-1.json").read_text())["history"]
    assert curve(history, "loss") == pytest.approx(curve(alone.history, "loss"), rel=1e-4)


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
