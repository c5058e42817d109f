"""Recipe: all that decides the weights, as data that checks itself before anything is downloaded."""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import importlib.util
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from audio_ft.augmentation import Noise, Speed
from audio_ft.augmentation.base import Augment
from audio_ft.cleaning.chain import DEFAULT_CHAIN, Chain
from audio_ft.cleaning.step import Step
from audio_ft.data import Data
from audio_ft.data.transcripts import Text
from audio_ft.errors import InputError
from audio_ft.file_io import read_json, write_json
from audio_ft.settings import (
    check_managed,
    check_plain,
    check_settings,
    check_trackers,
    check_training_value,
    strategies,
)
from audio_ft.system import pick_device
from audio_ft.tasks import check_task
from audio_ft.tasks.base import POOLINGS, HeadSettings

if TYPE_CHECKING:
    pass

SAMPLINGS = ("none", "over", "under")
PEFTS = ("lora", "adapter")
PRECISIONS = ("auto", "float32", "bf16", "fp16")
# Ten hours, in seconds: below it, training clips are changed unless the recipe says otherwise.
LITTLE_AUDIO = 36_000.0
LITTLE_AUDIO_AUGMENT = (Speed(probability=1.0), Noise(snr=(10.0, 30.0)))
# What readers of the model card need to know and only the maker of the model knows.
REQUIRED_CARD_FIELDS = ("intended_use", "limits", "consent")
FREEZES = ("none", "feature_encoder", "layers:N", "encoder", "gradual")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Collect everything that decides the weights; two equal recipes on equal data give equal models.

    `training` is handed to transformers' TrainingArguments untouched, above our automatic settings (batch size, epochs
    enough to learn, precision, evaluation, best checkpoint). The other fields, in the order in which they act:

    - `model`, `revision`: a checkpoint folder or Hub id; `data`: where recordings and targets are; `task`:
      classification, or transcription (ctc, seq2seq); `text`: how transcripts are spelled, and in which language.
    - `chain`: cleaning steps; `augment`: changes to training clips only (None: speed and noise below ten hours);
      `window`: the longest piece heard at once, in seconds (None: whole seconds that cover the training clips, at most
      30; where Whisper writes, those that cover each batch).
    - `pooling` (mean, max, attention, statistics), `weighted_layers`, `dropout` (None: the checkpoint's own).
    - `loss` (cross_entropy, focal), `focal_gamma`, `class_weights` ("balanced" or a weight for each label), `sampling`
      (natural, over, under).
    - `freeze` (nothing, feature_encoder, layers:N for all below layer N, encoder for all but the head, gradual),
      `head_learning_rate` (None: ten times the rest), `layer_decay` (each layer's learning rate as a share of the one
      above it), `average_weights` (keep the running average of the weights instead of single steps).
    - `peft` (lora: low-rank matrices of `lora_rank` beside attention's queries and values, merged into the saved
      weights, and with `keep_adapter` also kept apart; adapter: the small layers by which MMS learns a language);
      `load_in_8bit` (with lora: the weights that stand still are held in 8 bits while the network learns).
    - `wise_ft_alpha`: where between checkpoint (0) and fine-tuned weights (1) the saved weights lie; `extra_eval`: a
      second data set on which the network is scored before and after training, to show what it forgot.
    - `metric` that chooses the best checkpoint, `patience` in evaluations without improvement, `precision`, `seed`.
    - `max_corrupt`: the share of unreadable recordings above which training stops.
    - `intended_use`, `limits`, `consent`: sentences for the model card, and the `license` of the model (as the Hub
      writes it: apache-2.0, cc-by-4.0 …); `push_to_hub`: a repository id.

    Raises:
        InputError: a setting that is not one of those offered.
    """

    model: str
    data: Data
    name: str = ""
    task: str = "classification"
    text: Text = field(default_factory=Text)
    revision: str | None = None
    chain: Chain | Sequence[Step] = DEFAULT_CHAIN
    augment: Sequence[Augment] | None = None
    window: float | None = None
    pooling: str = "mean"
    weighted_layers: bool = False
    dropout: float | None = None
    loss: str = "cross_entropy"
    focal_gamma: float = 2.0
    class_weights: str | Mapping[str, float] | None = None
    sampling: str = "none"
    freeze: str = "feature_encoder"
    head_learning_rate: float | None = None
    layer_decay: float = 1.0
    average_weights: bool = True
    peft: str | None = None
    lora_rank: int = 32
    keep_adapter: bool = False
    load_in_8bit: bool = False
    wise_ft_alpha: float | None = None
    extra_eval: Data | None = None
    metric: str | None = None
    patience: int = 10
    precision: str = "auto"
    seed: int = 0
    max_corrupt: float = 0.05
    training: Mapping[str, Any] = field(default_factory=dict)
    intended_use: str = ""
    limits: str = ""
    consent: str = ""
    license: str = ""
    push_to_hub: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "model", str(self.model))
        check_settings(self)
        data = Data(path=self.data) if isinstance(self.data, str) else self.data
        object.__setattr__(self, "data", data)
        object.__setattr__(self, "chain", self.chain if isinstance(self.chain, Chain) else Chain(tuple(self.chain)))
        object.__setattr__(self, "augment", None if self.augment is None else tuple(self.augment))
        object.__setattr__(self, "training", MappingProxyType(dict(self.training)))
        if self.peft is not None:
            _one_of("peft", self.peft, PEFTS)
        if self.load_in_8bit and self.peft != "lora":
            raise InputError("load_in_8bit holds weights that stand still beside low-rank ones; add peft=lora.")
        if isinstance(self.extra_eval, str):
            object.__setattr__(self, "extra_eval", Data(path=self.extra_eval))
        _one_of("sampling", self.sampling, SAMPLINGS)
        _one_of("precision", self.precision, PRECISIONS)
        _one_of("loss", self.loss, ("cross_entropy", "focal"))
        _one_of("pooling", self.pooling, POOLINGS)
        check_task(self.task)
        if self.freeze not in FREEZES and not re.fullmatch(r"layers:\d+", self.freeze):
            hint = _hint(self.freeze, FREEZES)
            raise InputError(f"freeze is one of {', '.join(FREEZES)}, not {self.freeze!r}.{hint}")

    @property
    def steps(self) -> Chain:
        """Return the cleaning chain."""
        return self.chain if isinstance(self.chain, Chain) else Chain(tuple(self.chain))

    @property
    def augments(self) -> tuple[Augment, ...]:
        """Return the changes to training clips, once it is resolved which."""
        return tuple(self.augment or ())

    def resolved(self, *, task: str, text: Text, training_seconds: float, window: float | None) -> Recipe:
        """Return the recipe with what it left open decided: task, spelling, window, and augmentation by how much audio.

        Little audio means few voices; other speeds (which move pitch and formants as another speaker would) and some
        noise stand in for the missing ones. Large sets have them, and keep their features in the cache.
        """
        little = training_seconds < LITTLE_AUDIO
        chosen = self.augments if self.augment is not None else LITTLE_AUDIO_AUGMENT if little else ()
        return dataclasses.replace(self, task=task, text=text, augment=chosen, window=window)

    @property
    def head(self) -> HeadSettings:
        """Return what the task builds its head and loss from."""
        return HeadSettings(
            pooling=self.pooling,
            weighted_layers=self.weighted_layers,
            dropout=self.dropout,
            loss=self.loss,
            focal_gamma=self.focal_gamma,
            class_weights=self.class_weights,
            language_adapter=self.peft == "adapter",
        )

    @property
    def digest(self) -> str:
        """Return a digest of everything that decides the weights; texts for the card and the push do not."""
        known = self.to_dict()
        for name in ("name", "extra_eval", "intended_use", "limits", "consent", "license", "push_to_hub"):
            known.pop(name)
        for name in ("license", "source", "language"):
            known["data"].pop(name)
        return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as JSON-serialisable data."""
        plain = {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}
        weights = self.class_weights
        return plain | {
            "data": self.data.to_dict(),
            "extra_eval": None if self.extra_eval is None else self.extra_eval.to_dict(),
            "text": self.text.to_dict(),
            "chain": self.steps.to_list(),
            "augment": None if self.augment is None else [augment.to_dict() for augment in self.augment],
            "training": dict(self.training),
            "class_weights": dict(weights) if isinstance(weights, Mapping) else weights,
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Recipe:
        """Return the recipe that `to_dict` wrote.

        Raises:
            InputError: an unknown setting, or one that is missing or of another kind.
        """
        known = {item.name for item in dataclasses.fields(cls)}
        for name in plain:
            if name not in known:
                raise InputError(f"A recipe has no setting {name!r}.{_hint(name, known)}")
        for name in ("model", "data"):
            if name not in plain:
                raise InputError(f"A recipe needs {name!r}, and this one has none.")
        check_plain(plain)
        values = dict(plain)
        values["data"] = Data.from_dict(values["data"]) if isinstance(values["data"], Mapping) else values["data"]
        if isinstance(values.get("extra_eval"), Mapping):
            values["extra_eval"] = Data.from_dict(values["extra_eval"])
        if isinstance(values.get("text"), Mapping):
            values["text"] = Text.from_dict(values["text"])
        if "chain" in values:
            values["chain"] = Chain.from_list(values["chain"])
        if values.get("augment") is not None:
            values["augment"] = tuple(Augment.from_dict(item) for item in values["augment"])
        return cls(**values)

    def override(self, assignments: Sequence[str]) -> Recipe:
        """Return the recipe with `key=value` settings applied: recipe, `data.…`, or TrainingArguments fields.

        Values are JSON where they parse as JSON, text otherwise. `chain` and `augment` also take names separated by
        commas, each with its defaults.

        Raises:
            InputError: an assignment without "=", or a name that neither the recipe nor TrainingArguments has.
        """
        recipe = self
        for assignment in assignments:
            name, equals, text = assignment.partition("=")
            if not equals:
                raise InputError(f"--set takes key=value, and {assignment!r} has no '='.")
            recipe = recipe._with(name.strip(), _parse(text))
        return recipe

    def _with(self, name: str, value: Any) -> Recipe:
        fields = {item.name for item in dataclasses.fields(self)}
        part, _, inner = name.partition(".")
        if inner and part in ("data", "text", "extra_eval"):
            whole: Any = getattr(self, part) or self.data
            if inner not in (known := {item.name for item in dataclasses.fields(whole)}):
                raise InputError(f"{part} has no setting {inner!r}.{_hint(inner, known)}")
            changed: Any = {part: type(whole).from_dict(whole.to_dict() | {inner: value})}
            return dataclasses.replace(self, **changed)
        if name in ("chain", "augment") and isinstance(value, str):
            key = "step" if name == "chain" else "augment"
            value = [{key: item.strip()} for item in value.split(",") if item.strip()]
        if name in ("chain", "augment", "data", "text", "training") and value is not None:
            return Recipe.from_dict(self.to_dict() | {name: value})
        if name in fields:
            return dataclasses.replace(self, **{name: value})
        return dataclasses.replace(self, training={**self.training, name: value})

    def check(self) -> None:
        """Build the TrainingArguments, so that a typo in `training` stops before anything is downloaded.

        Raises:
            InputError: TrainingArguments refuses a setting; its own words are passed on. Or a package is missing.
        """
        from audio_ft.metrics import direction

        check_managed(self.training)
        # As in training itself: without an accelerator bf16 is refused unless the processor is named, and settings of
        # the best checkpoint unless something is evaluated and saved.
        usual = {"use_cpu": pick_device() == "cpu", **strategies(self.training)}
        arguments = build_arguments({**usual, **self.training}, Path("unused"))
        check_trackers(arguments.report_to)
        metric = self.training.get("metric_for_best_model", self.metric)
        if metric is not None:
            direction(str(metric).removeprefix("eval_"))
        if self.keep_adapter and self.peft != "lora":
            raise InputError("keep_adapter keeps low-rank matrices apart, and there are none; add peft=lora.")
        if self.peft == "lora" and not self.lora_rank:
            raise InputError("lora_rank: expected a whole number of 1 or more, got 0")
        if self.load_in_8bit and importlib.util.find_spec("bitsandbytes") is None:
            raise InputError("load_in_8bit needs bitsandbytes: pip install 'audio-ft[8bit]', or leave it out.")

    def save(self, path: str | Path) -> None:
        """Write the recipe as JSON."""
        write_json(Path(path), self.to_dict())

    @classmethod
    def load(cls, path: str | Path) -> Recipe:
        """Read a recipe.json."""
        return cls.from_dict(read_json(Path(path)))


def build_arguments(training: Mapping[str, Any], output_dir: Path) -> Any:
    """Return transformers.TrainingArguments with the given settings.

    Raises:
        InputError: an unknown setting, with the nearest known name, or a value that TrainingArguments refuses.
    """
    from transformers import TrainingArguments

    known = {item.name: item for item in dataclasses.fields(TrainingArguments) if item.init}
    recipe_fields = {item.name for item in dataclasses.fields(Recipe)}
    for name in training:
        if name not in known:
            hint = _hint(name, known.keys() | recipe_fields)
            raise InputError(f"Neither Recipe nor transformers.TrainingArguments has a setting {name!r}.{hint}")
        check_training_value(name, training[name], known[name].default, known[name].type)
    try:
        return TrainingArguments(**{"output_dir": str(output_dir), **training})
    except (TypeError, ValueError, ImportError) as error:
        raise InputError(f"transformers.TrainingArguments refuses the training settings: {error}") from error


def _one_of(name: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise InputError(f"{name} is one of {', '.join(known)}, not {value!r}.{_hint(str(value), known)}")


def _hint(name: str, known: Any) -> str:
    near = difflib.get_close_matches(name, list(known), 1)
    return f" Did you mean {near[0]!r}?" if near else ""


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return {"True": True, "False": False, "None": None}.get(text, text)
