"""Whisper in CTranslate2's format, for faster-whisper and other programs that read it."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from audio_ft.errors import InputError
from audio_ft.file_io import write_text
from audio_ft.inference.converted import CHECK_FILE, converted_folder
from audio_ft.tasks.whisper import Seq2Seq
from audio_ft.tasks.whisper_ctranslate2 import compute_type

if TYPE_CHECKING:
    from audio_ft.inference.predictor import Model

_README = """\
# Whisper in CTranslate2, {kind}

```python
from faster_whisper import WhisperModel

segments, _ = WhisperModel(".", compute_type="{kind}").transcribe("recording.wav", language="{language}", beam_size=1)
print(" ".join(segment.text.strip() for segment in segments))
```

The example needs `pip install faster-whisper`. It was trained on recordings that were cleaned: {steps}.
"""


class ConvertedNetwork(torch.nn.Module):
    """Hold CTranslate2's network where one of torch is expected, to be scored by the same code."""

    def __init__(self, inner: Any, name: str) -> None:
        super().__init__()
        self.inner, self.name_or_path, self.device = inner, name, torch.device("cpu")

    def __getattr__(self, name: str) -> Any:
        """Return what CTranslate2's network has."""
        inner = self.__dict__.get("inner")
        return super().__getattr__(name) if inner is None else getattr(inner, name)


def write_ctranslate2(model: Model, folder: Path, kinds: Sequence[str]) -> dict[str, str]:
    """Write a transcriber in each of these types, a folder each, and return their names by kind.

    Raises:
        InputError: the model is not a Whisper that transcribes, or ctranslate2 is missing or lacks the type.
    """
    task = model.task
    if not isinstance(task, Seq2Seq):
        raise InputError(f"CTranslate2 is for Whisper models that transcribe, and this one's task is {task.name}.")
    for kind in kinds:
        compute_type(kind, "cpu")
        source = converted_folder(model, lambda: copy.deepcopy(model.network), kind, "cpu")
        target = folder / kind
        shutil.copytree(source, target, ignore=shutil.ignore_patterns(CHECK_FILE))
        task.tokenizer.save_pretrained(target)
        model.adapter.save_extractor(target)
        steps = ", ".join(type(step).__name__ for step in model.chain.steps)
        write_text(target / "README.md", _README.format(kind=kind, language=task.text.language or "en", steps=steps))
    return {kind: kind for kind in kinds}
