"""Before a run is finished: a clean process loads what was saved, without audio_ft, and computes the same."""

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
from audio_ft.tasks.base import forward

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from audio_ft.models.base import Adapter
    from audio_ft.tasks.base import Task
    from audio_ft.training.setup import Prepared

# Two float32 computations of one clip's logits, batched and padded differently.
TOLERANCE = 1e-3
# The very folder is asked, never the network. The programs themselves keep to the processor on other accelerators.
APART = {"HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": "", "TOKENIZERS_PARALLELISM": "false"}
# Characters of an answer in a message.
SHOWN = 300


def check_parity(prepared: Prepared, model: Any, folder: Path) -> None:
    """Check that a clean process computes the same from the saved model for one validation clip as this one does.

    Raises:
        AudioFTError: the model does not load, or its outputs differ.
    """
    wave = stored_wave(prepared)
    ours = outputs_here(prepared.task, model, prepared.adapter, wave)
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "wave.npy"
        np.save(file, wave)
        prompt = prepared.recipe.text.prompt
        outcome = in_clean_process(PROGRAM, str(folder.resolve()), str(file), prompt)
    if outcome.returncode:
        raise AudioFTError(f"The saved model in {folder} fails in a clean process: {outcome.stderr.strip()[-800:]}")
    theirs = json.loads(outcome.stdout.strip().splitlines()[-1])
    if not agree(ours, theirs):
        raise AudioFTError(
            f"The saved model in {folder} computes {_short(theirs)} in a clean process and {_short(ours)} here, so it "
            "must not be used."
        )


def outputs_here(task: Task, model: Any, adapter: Adapter, wave: NDArray[np.float32]) -> dict[str, Any]:
    """Return what PROGRAM has to print for this model: logits, or generated text with the settings behind it."""
    import torch

    adapter = task.inference_adapter(adapter)
    inputs = adapter.collate([adapter.extract(wave)])
    found = task.target.as_dict(task.predictions(forward(model, task, adapter, inputs), np.zeros(1, np.int64), 1)[0])
    text = {"text": found["text"]} if "text" in found else {}
    if model.can_generate():
        settings = model.generation_config
        return {**text, "language": settings.language, "task": settings.task}
    with torch.inference_mode():
        logits = model(**{name: value.to(model.device) for name, value in inputs.items()}).logits[0]
    return {**text, "logits": logits.float().cpu().tolist()}


# Loads the folder argv[1] with transformers alone, as strangers do, and prints what it computes for the wave argv[2];
# argv[3] is a prompt for models that generate. A pooling that transformers lacks needs audio_ft.
PROGRAM = """
import json, sys
from pathlib import Path
import numpy, torch, transformers
folder, wave, prompt = sys.argv[1], numpy.load(sys.argv[2]), sys.argv[3]
config = transformers.AutoConfig.from_pretrained(folder)
spells = (Path(folder) / "tokenizer_config.json").is_file()
processor = (transformers.AutoProcessor if spells else transformers.AutoFeatureExtractor).from_pretrained(folder)
rate = (processor.feature_extractor if spells else processor).sampling_rate
if hasattr(config, "audio_ft_pooling"):
    from audio_ft import load
    saved = load(folder, device="cpu")
    model, inputs = saved.network, saved.adapter.collate([saved.adapter.extract(wave)])
else:
    model = getattr(transformers, config.architectures[0]).from_pretrained(folder).eval()
    inputs = processor(wave, sampling_rate=rate, return_tensors="pt")
if model.can_generate():
    transcribe = transformers.pipeline(
        "automatic-speech-recognition",
        model=model,
        tokenizer=processor.tokenizer,
        feature_extractor=processor.feature_extractor,
    )
    prompted = {"prompt_ids": processor.get_prompt_ids(prompt, return_tensors="pt")} if prompt else {}
    text = transcribe({"raw": wave, "sampling_rate": rate}, generate_kwargs=prompted)["text"].strip()
    settings = model.generation_config
    print(json.dumps({"text": text, "language": settings.language, "task": settings.task}))
else:
    with torch.inference_mode():
        logits = model(**inputs).logits
    text = {"text": processor.batch_decode(logits.argmax(-1))[0].strip()} if spells else {}
    print(json.dumps({**text, "logits": logits[0].tolist()}))
"""


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
