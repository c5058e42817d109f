from . import augmentation, plots
from .audio import features
from .audio.clip import Clip, read
from .cleaning import steps
from .cleaning.chain import DEFAULT_CHAIN, Chain
from .cli.recipe_script import main
from .data import Data
from .data.prepare import prepare
from .doctor.inspect import inspect
from .errors import AudioError, AudioFTError, InputError
from .evaluation.anomaly import Detector, detect
from .evaluation.clusters import EmbeddingMap, embedding_map
from .evaluation.compare_runs import compare
from .evaluation.doubts import doubts
from .evaluation.evaluate import Evaluation, evaluate
from .evaluation.robustness import robustness
from .evaluation.suggest import suggest
from .explaining.explain import Explanations, explain
from .exporting.export import export
from .hub.bundle import card
from .hub.load import load
from .hub.push import push
from .inference.embedding_table import Embeddings, embed
from .inference.embeddings import Encoder
from .inference.predictor import Model
from .inference.segment import segment
from .metrics import Score
from .recipe import Recipe
from .reporting.html.page import report
from .run import Run
from .targets.transcripts import Text
from .tasks.ctc_beam import Beam
from .training.repeated.folds import cross_validate
from .training.reproduce import reproduce
from .training.resolving.setting_list import list_settings
from .training.small.baselines import baselines
from .training.train import train
from .training.tuning.ablate import Ablation, ablate
from .training.tuning.tune import tune
from .training.unlabeled.detector import load_detector, train_detector
from .training.unlabeled.pretrain import Pretrained, pretrain

__version__: str

__all__ = [
    "DEFAULT_CHAIN",
    "Ablation",
    "AudioError",
    "AudioFTError",
    "Beam",
    "Chain",
    "Clip",
    "Data",
    "Detector",
    "EmbeddingMap",
    "Embeddings",
    "Encoder",
    "Evaluation",
    "Explanations",
    "InputError",
    "Model",
    "Pretrained",
    "Recipe",
    "Run",
    "Score",
    "Text",
    "ablate",
    "augmentation",
    "baselines",
    "card",
    "compare",
    "cross_validate",
    "detect",
    "doubts",
    "embed",
    "embedding_map",
    "evaluate",
    "explain",
    "export",
    "features",
    "inspect",
    "list_settings",
    "load",
    "load_detector",
    "main",
    "plots",
    "prepare",
    "pretrain",
    "push",
    "read",
    "report",
    "reproduce",
    "robustness",
    "segment",
    "steps",
    "suggest",
    "train",
    "train_detector",
    "tune",
]
