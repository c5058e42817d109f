"""Check that a clean process loads the saved model without audio_ft and computes the same outputs."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.errors import AudioFTError
from audio_ft.tasks.base import Places, forward

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from audio_ft.models.base import Adapter
    from audio_ft.tasks.base import Task
    from audio_ft.training.setup import Prepared

logger = logging.getLogger(__name__)

# Two float32 computations of one clip's logits, batched and padded differently.
TOLERANCE = 1e-3
# No downloads and no CUDA in the clean process; the program runs on the CPU on other accelerators too.
CLEAN_ENVIRONMENT = {"HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": "", "TOKENIZERS_PARALLELISM": "false"}


class CleanProcess:
    """Run PROGRAM in a process without audio_ft, network and GPU, which can be started before it is asked.

    Importing torch and transformers takes seconds, which then pass beside the training. `scratch` is a folder for the
    wave that it is asked about.
    """

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> subprocess.Popen[str]:
        """Start the process unless it runs already, and return it; it waits for `ask`, or for the end of this one."""
        if self._process is None:
            pipe, environment = subprocess.PIPE, os.environ | CLEAN_ENVIRONMENT
            command = [sys.executable, "-c", WAIT + PROGRAM]
            self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environment)
        return self._process

    def ask(self, folder: Path, wave: NDArray[np.float32], prompt: str) -> None:
        """Ask for the outputs of the model in a folder for a wave (time,)."""
        process = self.start()
        with suppress(BrokenPipeError):  # what ended it is in `answer`
            process.stdin.write(json.dumps(self.arguments(folder, wave, prompt)) + "\n")  # type: ignore[union-attr]
            process.stdin.flush()  # type: ignore[union-attr]

    def arguments(self, folder: Path, wave: NDArray[np.float32], prompt: str) -> list[str]:
        """Write the wave to a file and return the arguments of PROGRAM."""
        file = self.scratch / "wave.npy"
        np.save(file, wave)
        return [str(folder.resolve()), str(file), prompt]

    def answer(self) -> subprocess.CompletedProcess[str]:
        """Wait for the process that was asked, and return what it wrote."""
        process = self.start()
        out, err = process.communicate()
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def stop(self) -> None:
        """End the process if it runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


@contextmanager
def clean_process() -> Iterator[CleanProcess]:
    """Offer a clean process within the context."""
    with tempfile.TemporaryDirectory() as scratch:
        process = CleanProcess(Path(scratch))
        try:
            yield process
        finally:
            process.stop()


def ask_clean_process(prepared: Prepared, folder: Path, process: CleanProcess) -> NDArray[np.float32]:
    """Ask for the outputs of the saved model for one validation clip, and return that as the network receives it."""
    windows = prepared.windows("validation")
    wave = windows.wave(int(np.argsort(windows.lengths)[len(windows) // 2]))  # of median length
    wave = np.pad(wave, (0, max(0, prepared.adapter.shortest - len(wave))))
    process.ask(folder, wave, prepared.recipe.text.prompt)
    return wave


def check_parity(
    prepared: Prepared, model: Any, wave: NDArray[np.float32], folder: Path, process: CleanProcess
) -> None:
    """Compare what the clean process computes for a clip with what the saved model, loaded here, does.

    Raises:
        AudioFTError: the model does not load there, or its outputs differ.
    """
    logger.debug("checking in a new process that the saved model gives the same")
    ours = _outputs_here(prepared.task, model, prepared.adapter, wave)
    outcome = process.answer()
    if outcome.returncode:
        raise AudioFTError(f"The saved model in {folder} fails in a clean process: {outcome.stderr.strip()[-800:]}")
    theirs = json.loads(outcome.stdout.strip().splitlines()[-1])
    if not _agree(ours, theirs):
        raise AudioFTError(
            f"The saved model in {folder} computes {_short(theirs)} in a clean process and {_short(ours)} here. "
            "Do not use it; please report this with the recipe."
        )


def _outputs_here(task: Task, model: Any, adapter: Adapter, wave: NDArray[np.float32]) -> dict[str, Any]:
    """Return what PROGRAM has to print for this model: logits, or generated text with the settings behind it."""
    import torch

    adapter = task.inference_adapter(adapter)
    inputs = adapter.collate([adapter.extract(wave)])
    place = Places(np.zeros(1, np.int64), np.zeros(1), np.full(1, len(wave) / adapter.sample_rate))
    found = task.target.as_dict(task.predictions(forward(model, task, adapter, inputs), place, 1)[0])
    text = {"text": found["text"]} if "text" in found else {}
    if model.can_generate():
        settings = model.generation_config
        return {**text, "language": settings.language, "task": settings.task}
    with torch.inference_mode():
        logits = model(**{name: value.to(model.device) for name, value in inputs.items()}).logits[0]
    return {**text, "logits": logits.float().cpu().tolist()}


# Imports what PROGRAM needs, as `rare_collections` does, and waits for its arguments; without any, the process that
# started it has ended.
WAIT = """
import atexit, gc, json, sys
gc.set_threshold(10_000, 10, 10)
atexit.register(gc.freeze)
import numpy, torch
from transformers import AutoConfig, AutoFeatureExtractor, PreTrainedModel
asked = sys.stdin.readline()
if not asked:
    sys.exit()
sys.argv[1:] = json.loads(asked)
"""
# Loads the folder argv[1] with transformers alone, as other people will, and prints its outputs for the wave argv[2];
# argv[3] is a prompt for models that generate. Where the layers above the encoder are meant for each frame, and
# transformers has no class for that, they are applied to each. A pooling or a network that transformers lacks needs
# audio_ft.
PROGRAM = """
import json, sys
from pathlib import Path
import numpy, torch, transformers
folder, wave, prompt = sys.argv[1], numpy.load(sys.argv[2]), sys.argv[3]
if json.loads((Path(folder) / "config.json").read_text())["model_type"].startswith("audio_ft"):
    from audio_ft.models.load import adapters
    adapters()
config = transformers.AutoConfig.from_pretrained(folder, trust_remote_code=False)
spells = (Path(folder) / "tokenizer_config.json").is_file()
reader = transformers.AutoProcessor if spells else transformers.AutoFeatureExtractor
processor = reader.from_pretrained(folder, trust_remote_code=False)
rate = (processor.feature_extractor if spells else processor).sampling_rate
kept = []
if hasattr(config, "audio_ft_pooling") or config.model_type.startswith("audio_ft"):
    from audio_ft import load
    saved = load(folder, device="cpu")
    model, inputs = saved.network, saved.adapter.collate([saved.adapter.extract(wave)])
else:
    model = getattr(transformers, config.architectures[0]).from_pretrained(folder, trust_remote_code=False).eval()
    inputs = processor(wave, sampling_rate=rate, return_tensors="pt")
    if getattr(config, "audio_ft_frames", False):
        model.projector.register_forward_hook(lambda *call: kept.append(call[-1]))
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
        if kept:
            logits = model.classifier(kept[0])
    text = {"text": processor.batch_decode(logits.argmax(-1))[0].strip()} if spells else {}
    print(json.dumps({**text, "logits": logits[0].tolist()}))
"""


def _agree(ours: dict[str, Any], theirs: dict[str, Any]) -> bool:
    """Return whether two outputs agree: texts exactly, logits within TOLERANCE relative to the largest."""
    one, two = (np.asarray(outputs.get("logits", ()), np.float64) for outputs in (ours, theirs))
    largest = max(1.0, float(np.abs(one).max(initial=0.0)))
    close = one.shape == two.shape and np.allclose(one, two, rtol=0, atol=TOLERANCE * largest)
    return close and {**ours, "logits": None} == {**theirs, "logits": None}


def _short(outputs: Any) -> str:
    text = json.dumps(outputs, ensure_ascii=False)
    return text if len(text) <= 300 else f"{text[:300]}…"
