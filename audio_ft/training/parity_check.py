"""Before a run is called done: a clean process loads what was saved, without audio_ft, and answers the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.audio.clip import read
from audio_ft.audio.pcm16 import dequantize, quantize
from audio_ft.errors import AudioFTError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from audio_ft.training.setup import Prepared

# Two float32 computations of one clip's logits, batched and padded differently.
TOLERANCE = 1e-3
# The very folder is asked, never the network. The programs themselves keep to the processor on other accelerators.
APART = {"HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": "", "TOKENIZERS_PARALLELISM": "false"}
# Characters of an answer in a message.
SHOWN = 300


def prove(prepared: Prepared, model: Any, folder: Path) -> None:
    """Check that a clean process answers one stored validation clip as this one does.

    Raises:
        AudioFTError: it does not load, or its logits differ.
    """
    wave = stored_wave(prepared)
    ours = prepared.task.proved(model, prepared.adapter, wave)
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "wave.npy"
        np.save(file, wave)
        outcome = in_clean_process(prepared.task.proof(prepared.head), str(folder.resolve()), str(file))
    if outcome.returncode:
        raise AudioFTError(f"The saved model in {folder} fails in a clean process: {outcome.stderr.strip()[-800:]}")
    theirs = json.loads(outcome.stdout.strip().splitlines()[-1])
    if not agree(ours, theirs):
        raise AudioFTError(
            f"The saved model in {folder} answers {_short(theirs)} in a clean process and {_short(ours)} here, so it "
            "must not be used."
        )


def in_clean_process(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a Python program where no state of this process is seen, no network and no GPU."""
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | APART, check=False)


def agree(ours: Any, theirs: Any) -> bool:
    """Return whether two answers are the same: texts exactly, numbers within the tolerance of their largest."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(agree(ours[name], theirs[name]) for name in ours)
    if ours is None or isinstance(ours, str):
        return bool(ours == theirs)
    one, two = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    return one.shape == two.shape and bool(np.abs(one - two).max() <= TOLERANCE * max(1.0, float(np.abs(one).max())))


def _short(answer: Any) -> str:
    shown = json.dumps(answer, ensure_ascii=False)
    return shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}…"


def stored_wave(prepared: Prepared) -> NDArray[np.float32]:
    """Return the validation clip of median length, cleaned, as the network hears it (time,)."""
    rows = prepared.cleaned["validation"].rows.select_columns(["clip", "length"]).to_pandas().sort_values("length")
    clip = int(rows["clip"].iloc[len(rows) // 2])
    audio = prepared.loaded.splits["validation"][clip]["audio"]
    source = audio["bytes"] if audio.get("bytes") is not None else audio["path"]
    cleaned = prepared.recipe.steps.remaining(prepared.loaded.chain)(read(source))
    wave = cleaned.samples[0][: round(prepared.adapter.window * cleaned.rate)]
    return dequantize(*quantize(np.pad(wave, (0, max(0, prepared.adapter.shortest - len(wave))))))
