from . import plots
from .audio import features
from .audio.clip import Clip, read
from .cleaning.chain import DEFAULT_CHAIN, Chain
from .cli.recipe_script import main
from .data import Data
from .data.transcripts import Text
from .errors import AudioError, AudioFTError, InputError
from .evaluation.evaluate import Evaluation, evaluate
from .hub.load import load
from .hub.push import push
from .inference.predictor import Model
from .recipe import Recipe
from .reporting.html import write_report
from .run import Run
from .tasks.ctc_beam import Beam
from .training.train import train

__version__: str

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
    "features",
    "load",
    "main",
    "plots",
    "push",
    "read",
    "train",
    "write_report",
]
