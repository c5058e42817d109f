"""Fine-tune Wav2Vec2, HuBERT and Whisper on your own recordings.

import audio_ft as aft
run = aft.train(aft.Recipe(model="facebook/wav2vec2-base", data="recordings"), "runs/first")
model = aft.load("runs/first")
model("door.wav")
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from audio_ft.beam import Beam
    from audio_ft.chain import DEFAULT_CHAIN, Chain
    from audio_ft.clip import Clip, read
    from audio_ft.data import Data
    from audio_ft.door import main
    from audio_ft.errors import AudioError, AudioFTError, InputError
    from audio_ft.evaluation import Evaluation, evaluate
    from audio_ft.hub import push
    from audio_ft.predict import Model, load
    from audio_ft.recipe import Recipe
    from audio_ft.report import write_report
    from audio_ft.run import Run
    from audio_ft.train import train
    from audio_ft.transcripts import Text

__version__ = "0.1.0"

# Where each public name lives; it is imported when first asked for, so that `import audio_ft` costs nothing.
_HOMES = {
    "AudioError": "errors",
    "AudioFTError": "errors",
    "Beam": "beam",
    "Chain": "chain",
    "Clip": "clip",
    "DEFAULT_CHAIN": "chain",
    "Data": "data",
    "Evaluation": "evaluation",
    "InputError": "errors",
    "Model": "predict",
    "Recipe": "recipe",
    "Run": "run",
    "Text": "transcripts",
    "evaluate": "evaluation",
    "load": "predict",
    "main": "door",
    "push": "hub",
    "read": "clip",
    "train": "train",
    "write_report": "report",
}

__all__ = [
    "DEFAULT_CHAIN",
    "AudioError",
    "AudioFTError",
    "Beam",
    "Chain",
    "Clip",
    "Data",
    "Evaluation",
    "InputError",
    "Model",
    "Recipe",
    "Run",
    "Text",
    "evaluate",
    "load",
    "main",
    "push",
    "read",
    "train",
    "write_report",
]


class _Package(ModuleType):
    """Keep the function `train` where it is when its module of the same name is imported, by whomever and whenever."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


# Rooms that are public whole: `aft.plots.mel(clip)`.
_ROOMS = ("features", "plots")


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return import_module(f"audio_ft.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'audio_ft' has no attribute {name!r}")
    value = getattr(import_module(f"audio_ft.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
