"""Compare an exported model with the one it comes from: size, latency, memory and score, on the same recordings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.errors import AudioFTError
from audio_ft.evaluation.compare_runs import Matched
from audio_ft.evaluation.evaluate import evaluate
from audio_ft.evaluation.scoring import clean_rows, load_split
from audio_ft.hub.load import load
from audio_ft.inference.batching import windows_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from audio_ft.data import Data
    from audio_ft.evaluation.evaluate import Evaluation
    from audio_ft.exporting.export import Exported
    from audio_ft.inference.predictor import Model
    from audio_ft.metrics import Score
    from audio_ft.metrics.comparison import Comparison

# Recordings that are timed, alone, after so many for warming up.
TIMED, WARM_UP = 20, 2


@dataclass(frozen=True)
class Row:
    """Hold what one form of a model costs and scores.

    Attributes:
        name: "run", which is the network in torch, or the kind of the exported file.
        size: of its weights, or of the file of the network, in bytes.
        median: seconds for a clip alone, median, without decoding and cleaning.
        memory: peak resident memory in bytes of a process that only loads and computes it; None where it is unknown.
        score: the target's main score.
        compared: the comparison with the run, paired by clip; None for the run itself.
    """

    name: str
    size: int
    median: float
    memory: int | None
    score: Score
    compared: Comparison | None

    def to_dict(self) -> dict[str, Any]:
        """Return the row as plain JSON values."""
        return {**vars(self), "score": asdict(self.score), "compared": self.compared and self.compared.to_dict()}


@dataclass(frozen=True)
class Checked:
    """Hold the rows of a model and its exported forms.

    Attributes:
        metric: the name of the score.
        split: the split that was scored.
        n: its clips.
        seconds: mean duration of the timed clips.
        threads: threads that all of them computed with.
        rows: the run first.
    """

    metric: str
    split: str
    n: int
    seconds: float
    threads: int
    rows: tuple[Row, ...]


def check(
    model: Model,
    place: str,
    exported: Exported,
    data: Data,
    split: str,
    need: Sequence[str],
    log: Callable[[str], None],
) -> Checked:
    """Score and time a model, loaded from `place`, and each file that it was exported to.

    Raises:
        InputError: the data cannot be read or does not fit the model.
        AudioFTError: a process that measures fails.
    """
    import torch

    waves = clean_waves(model, data, split, need, TIMED)
    threads = torch.get_num_threads()
    log("checking    the run")
    first = evaluate(model, data, split, need=need)
    metric = first.predictions.target.headline
    weights = sum(
        file.stat().st_size for file in model.folder.iterdir() if file.suffix in (".safetensors", ".bin", ".skops")
    )
    rows = [_row("run", weights, cost(WITH_TORCH, place, waves, threads), first, None)]
    for kind, file in exported.files.items():
        log(f"checking    {kind}")
        if exported.format in ALONE:
            form, program, source = (
                load(exported.folder, backend=f"{exported.format}:{kind}"),
                ALONE[exported.format],
                str(file),
            )
        else:
            form, program, source = _converted(place, kind), WITH_TORCH, f"{place}\nctranslate2:{kind}"
        second = evaluate(form, data, split, need=need)
        spent = cost(program, source, waves, threads)
        compared = Matched(split, first.predictions, second.predictions, (), (), ()).compared().headline
        rows.append(_row(kind, size_of(file), spent, second, compared))
    seconds = float(np.mean([len(wave) for wave in waves])) / model.adapter.sample_rate
    return Checked(metric, split, first.n, seconds, threads, tuple(rows))


def _converted(place: str, kind: str) -> Model:
    """Return the model as CTranslate2 computes it, in a form that can be scored."""
    from audio_ft.exporting.ctranslate2 import ConvertedNetwork

    model = load(place, device="cpu", backend=f"ctranslate2:{kind}")
    return replace(model, network=ConvertedNetwork(model.network, str(model.folder)))


def size_of(file: Path) -> int:
    """Return the bytes of a file of a network, with the weights beside it, or of all files of a folder."""
    files = file.rglob("*") if file.is_dir() else file.parent.glob(f"{file.name}*")
    return sum(each.stat().st_size for each in files if each.is_file())


def clean_waves(model: Model, data: Data, split: str, need: Sequence[str], count: int) -> list[NDArray[np.float32]]:
    """Return an even sample of a split's windows (time,), cleaned as the network gets them.

    Raises:
        InputError: the data cannot be read, or none of its recordings can.
    """
    loaded, chain = load_split(model, data, split, need)
    cleaned = clean_rows(loaded.splits[split], chain, model.adapter.sample_rate, split)
    windows = windows_of(cleaned, None, model.task, model.adapter)
    return [windows.wave(int(at)) for at in np.unique(np.linspace(0, len(windows) - 1, count).astype(int))]


def cost(program: str, place: str, waves: Sequence[NDArray[np.float32]], threads: int) -> dict[str, Any]:
    """Return median seconds a clip and peak memory of a process of its own, in which a program computes `waves`.

    Raises:
        AudioFTError: the process fails.
    """
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "waves.npz"
        np.savez(file, *waves)
        limits = {"OMP_NUM_THREADS": str(threads), "CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1"}
        command = [sys.executable, "-c", program + MEASURE, str(place), str(file), str(threads), str(WARM_UP)]
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ | limits, check=False)
    if done.returncode:
        raise AudioFTError(f"{place} fails in a process of its own: {done.stderr.strip()[-600:]}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def _row(name: str, size: int, spent: Mapping[str, Any], evaluation: Evaluation, compared: Comparison | None) -> Row:
    score = evaluation.scores[evaluation.predictions.target.headline]
    return Row(name, size, spent["median"], spent["memory"], score, compared)


# Programs that make `compute`, which takes the samples (time,) of one clip, of argv: place, waves, threads.
WITH_TORCH = """
import sys
import torch
from audio_ft.hub.load import load
from audio_ft.tasks.base import forward
torch.set_num_threads(int(sys.argv[3]))
place, _, backend = sys.argv[1].partition("\\n")
model = load(place, device="cpu", backend=backend or "transformers")
adapter = model.adapter
def compute(wave):
    inputs = adapter.collate([adapter.extract(wave)])
    if backend:
        return model.task.predict_step(model.network, adapter, inputs)
    return forward(model.network, model.task, adapter, inputs)
"""
# Nothing of audio_ft or torch: what a device needs.
WITH_ONNXRUNTIME = """
import sys
import onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = int(sys.argv[3])
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
def compute(wave):
    return session.run(None, {"samples": wave[None]})
"""
WITH_EXECUTORCH = """
import sys
import torch
from executorch.runtime import Runtime
program = Runtime.get().load_program(sys.argv[1])
method = program.load_method("forward")
def compute(wave):
    return method.execute([torch.from_numpy(wave)[None]])
"""
ALONE = {"onnx": WITH_ONNXRUNTIME, "executorch": WITH_EXECUTORCH}
MEASURE = """
import json, pathlib, time
import numpy
with numpy.load(sys.argv[2]) as stored:
    waves = [stored[name] for name in stored.files]
for wave in waves[:int(sys.argv[4])]:
    compute(wave)
spent = []
for wave in waves:
    started = time.perf_counter()
    compute(wave)
    spent.append(time.perf_counter() - started)
status = pathlib.Path("/proc/self/status")
peak = None
if status.is_file():
    peak = next((int(line.split()[1]) * 1024 for line in status.read_text().splitlines() if line[:6] == "VmHWM:"), None)
print(json.dumps({"median": float(numpy.median(spent)), "memory": peak}))
"""
