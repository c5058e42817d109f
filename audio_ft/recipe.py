"""Recipe: all that decides the weights, as data that checks itself before anything is downloaded."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar, cast

from audio_ft.augmentation.base import Augment
from audio_ft.cleaning.chain import DEFAULT_CHAIN, Chain
from audio_ft.cleaning.step import Step
from audio_ft.data import Data
from audio_ft.errors import InputError
from audio_ft.file_io import FORMAT, read_versioned, write_json
from audio_ft.models.scratch import SELECT
from audio_ft.settings import Settings, rules
from audio_ft.settings.names import full_name
from audio_ft.settings.rules import Refused, Rule, shown
from audio_ft.targets.detection import Detection
from audio_ft.targets.transcripts import Text
from audio_ft.tasks import targets_of
from audio_ft.tasks.base import POOLINGS

# Who prepares batches, which changes no weight and may have to change when a training that lacked memory goes on.
LOADING = ("dataloader_num_workers", "dataloader_pin_memory", "dataloader_prefetch_factor")
LATER_DATA: dict[str, Any] = {  # settings that older recipes lack, which count where they are set
    **dict.fromkeys(("root", "name_pattern", "kind", "separator", "gaps", "folds", "test_fold", "tracks", "tier",
    "together", "streaming", "language_column", "sources")), "columns": [], "weight": 1.0, "temperature": 1.0,
}  # fmt: skip
# What a model card needs and cannot be computed.
REQUIRED_CARD_FIELDS = ("intended_use", "limits", "consent")
PARTS = {"data": Data, "text": Text, "events": Detection}
FREEZES = ("none", "feature_encoder", "layers:N", "encoder", "gradual")
LISTED = "names separated by commas, or a list of settings with names"


def _task(value: Any) -> str:
    name: str = rules.text().read(value)
    targets_of(name)  # refuses a name without a task
    return name


def _freeze(value: Any) -> str:
    name: str = rules.text().read(value)
    if name not in FREEZES and not re.fullmatch(r"layers:\d{1,4}", name):
        raise Refused(f"one of {', '.join(FREEZES)}")
    return name


def _chain(value: Any) -> Chain:
    return value if isinstance(value, Chain) else Chain(Step.list_of(value, names=True))


def _class_weights(value: Any) -> str | dict[str, float]:
    if isinstance(value, str) and value == "balanced":
        return "balanced"
    if not isinstance(value, Mapping):
        raise Refused
    return {rules.text().read(label): rules.number(0, above=True).read(weight) for label, weight in value.items()}


@dataclass(frozen=True, kw_only=True)
class Recipe(Settings):
    """Collect everything that decides the weights; two equal recipes on equal data give equal models.

    Attributes:
        model: a checkpoint, as a folder or an id on the Hub; or from scratch: linear, svm, forest, cnn, gru, crnn.
        data: where recordings and targets are.
        name: what the run is called, and its folder in runs/.
        task: classification, transcription (ctc or seq2seq, as the checkpoint has it) or events.
        text: how transcripts are spelled, and in which language.
        events: how events are found and compared.
        revision: branch, tag or commit of the checkpoint on the Hub.
        chain: cleaning steps, in order.
        augment: changes to training clips only; None: speed and noise below ten hours.
        window: the longest piece of audio that the network takes at once, in seconds; None: whole seconds that hold the
            training clips, at most 30; for Whisper's transcription, those that hold each batch.
        method: fine-tune, or probe: only a linear model on the best frozen layer, found in seconds.
        probe: start a new classification head from the linear probe of the last layer, and keep the best probe where
            fine-tuning does not beat it on validation.
        select: features of linear, svm and forest: so many, by mutual information, or pca:NUMBER; None: all.
        pooling: how frames become one vector: mean, max, attention or statistics.
        weighted_layers: learn a weighted mean of all layers, instead of taking the last.
        dropout: of the whole network; None: the checkpoint's own.
        loss: cross_entropy, or focal for classes that are hard.
        focal_gamma: how much the focal loss favors hard clips.
        class_weights: "balanced", or a weight in the loss for each label.
        sampling: none, over or under: whether classes are drawn equally often.
        freeze: none, feature_encoder, layers:N for all below layer N, encoder for all but the head, gradual.
        head_learning_rate: None: that of the rest, ten times as much for a new head that does not start from a probe.
        layer_decay: each layer's learning rate as a share of the one above it.
        average_weights: keep the running average of the weights instead of single steps.
        peft: lora: low-rank matrices added to attention's queries and values, merged into the saved weights; adapter:
            the small layers with which MMS learns a language; None: all weights that are not frozen.
        lora_rank: the rank of these matrices.
        keep_adapter: save the low-rank matrices alone, too.
        load_in_8bit: hold the frozen weights in 8 bits during training, with lora.
        wise_ft_alpha: position of saved weights, checkpoint (0) to fine-tuned (1); None: 1, or 0.75 by validation.
        extra_eval: a second data set on which the network is scored before and after, to show what it forgot.
        metric: the score that chooses the best checkpoint; None: the usual one of the task.
        budget: seconds for everything, or "30s", "10min", "1h": trains what there is time for; None: all it needs.
        patience: epochs without improvement (of eval_steps: evaluations) after which training stops early; 0: never.
        precision: auto, float32, bf16 or fp16.
        seed: of weights, batches and augmentation.
        seeds: train as many networks, with seed, seed + 1 …; on validation the best, or their average, is chosen.
        teacher: a finished run whose probabilities a smaller network learns beside the labels (distillation).
        pretrain: recordings without labels, on which wav2vec2 and hubert checkpoints first go on with their own
            pretraining; train: those of the training split.
        pretrain_epochs: passes over them.
        pretrain_learning_rate: the greatest one of that.
        max_corrupt: the share of unreadable recordings above which training stops.
        allow_leaks: train although recordings are on two sides of the splits, which run, report and card then say.
        training: handed to transformers' TrainingArguments untouched, above our automatic settings.
        intended_use: for the model card: what the model is for.
        limits: for the model card: what it cannot do.
        consent: for the model card: that the speakers agreed, and how.
        license: of the model, as the Hub writes it (apache-2.0, cc-by-4.0 …).
        push_to_hub: a repository id; checkpoints and the finished run go there.

    Raises:
        InputError: a setting of another type or outside its range, or two that do not go together.
    """

    prefix: ClassVar[str] = ""

    model: Annotated[str, rules.path("a checkpoint, as a folder or an id on the Hub")]
    data: Data
    name: str = ""
    task: Annotated[str, Rule("text", _task)] = "classification"
    text: Text = field(default_factory=Text)
    events: Detection = field(default_factory=Detection)
    revision: str | None = None
    chain: Annotated[Chain | Sequence[Step], Rule(LISTED, _chain)] = DEFAULT_CHAIN
    augment: Annotated[Sequence[Augment] | None, Rule(LISTED, partial(Augment.list_of, names=True))] = None
    window: Annotated[float | None, rules.number(0, 3600, above=True)] = None
    method: Annotated[str, rules.choice("fine-tune", "probe")] = "fine-tune"
    probe: bool = True
    select: Annotated[int | str | None, SELECT] = None
    pooling: Annotated[str, rules.choice(*POOLINGS)] = "mean"
    weighted_layers: bool = False
    dropout: Annotated[float | None, rules.number(0, 0.99)] = None
    loss: Annotated[str, rules.choice("cross_entropy", "focal")] = "cross_entropy"
    focal_gamma: Annotated[float, rules.number(0, 100)] = 2.0
    class_weights: Annotated[
        str | Mapping[str, float] | None, Rule('"balanced" or a weight above 0 for each label', _class_weights)
    ] = None
    sampling: Annotated[str, rules.choice("none", "over", "under")] = "none"
    freeze: Annotated[str, Rule("text", _freeze, known=FREEZES)] = "feature_encoder"
    head_learning_rate: Annotated[float | None, rules.number(0, 100, above=True)] = None
    layer_decay: Annotated[float, rules.number(0, 1, above=True)] = 1.0
    average_weights: bool = True
    peft: Annotated[str | None, rules.choice("lora", "adapter")] = None
    lora_rank: Annotated[int, rules.whole(0, 100_000)] = 32
    keep_adapter: bool = False
    load_in_8bit: bool = False
    wise_ft_alpha: Annotated[float | None, rules.number(0, 1)] = None
    extra_eval: Data | None = None
    metric: str | None = None
    budget: Annotated[float | None, rules.duration()] = None
    patience: Annotated[int, rules.whole(0)] = 10
    precision: Annotated[str, rules.choice("auto", "float32", "bf16", "fp16")] = "auto"
    seed: Annotated[int, rules.whole(0, rules.LARGEST_SEED)] = 0
    seeds: Annotated[int, rules.whole(1, 1_000)] = 1
    teacher: Annotated[str | None, rules.path("a run's folder or an id on the Hub")] = None
    pretrain: Annotated[str | None, rules.path("train, or a folder, table or id on the Hub with recordings")] = None
    pretrain_epochs: Annotated[float, rules.number(0, 100_000, above=True)] = 10.0
    pretrain_learning_rate: Annotated[float, rules.number(0, 100, above=True)] = 1e-4
    max_corrupt: Annotated[float, rules.number(0, 1)] = 0.05
    allow_leaks: bool = False
    training: Annotated[Mapping[str, Any], rules.public("settings of TrainingArguments by name")] = field(
        default_factory=dict
    )
    intended_use: str = ""
    limits: str = ""
    consent: str = ""
    license: str = ""
    push_to_hub: str | None = None

    def check(self) -> None:
        """Refuse settings that do not go together."""
        if self.load_in_8bit and self.peft != "lora":
            raise InputError("load_in_8bit is for the frozen weights of peft=lora; add peft=lora.")
        if self.keep_adapter and self.peft != "lora":
            raise InputError("keep_adapter saves low-rank matrices, and there are none; add peft=lora.")
        if self.pretrain is None and (self.pretrain_epochs, self.pretrain_learning_rate) != (10.0, 1e-4):
            raise InputError("pretrain_epochs and pretrain_learning_rate are for pretrain=FOLDER or pretrain=train.")
        if self.peft == "lora" and not self.lora_rank:
            raise InputError("lora_rank: expected a whole number of 1 or more, got 0")
        rules.number(0, 1, below=True).apply("label_smoothing_factor", self.training.get("label_smoothing_factor", 0.0))
        if pushing := self.training.get("push_to_hub"):
            raise InputError('push_to_hub: expected a repository in the recipe itself ("me/name"), none in training, '
                             f"got {shown(pushing)}")  # fmt: skip

    @property
    def steps(self) -> Chain:
        """Return the cleaning chain."""
        return cast("Chain", self.chain)

    @property
    def augments(self) -> tuple[Augment, ...]:
        """Return the changes to training clips, once it is resolved which."""
        return tuple(self.augment or ())

    @property
    def digest(self) -> str:
        """Return a digest of everything that decides the weights; texts for the card and the push do not."""
        texts = ("format", "name", "extra_eval", *REQUIRED_CARD_FIELDS, "license", "push_to_hub", "allow_leaks")
        known = {name: own for name, own in self.to_dict().items() if name not in texts}
        # Settings that older recipes lack count where they are set, so that an older training can be resumed.
        unset = {"events": Detection(), "seeds": 1, "budget": None, "select": None, "teacher": None,
                 "pretrain": None, "pretrain_epochs": 10.0, "pretrain_learning_rate": 1e-4}  # fmt: skip
        known = {name: own for name, own in known.items() if name not in unset or getattr(self, name) != unset[name]}
        known["data"].pop("language")
        for data in (known["data"], *(known["data"]["sources"] or ())):
            for name in ["license", "source", *(name for name, usual in LATER_DATA.items() if data[name] == usual)]:
                data.pop(name)
        known["training"] = {name: value for name, value in known["training"].items() if name not in LOADING}
        return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()

    def _repr_html_(self) -> str:
        """Return the settings that differ from their defaults, for notebooks."""
        from audio_ft.plots.notebook import facts_html

        usual = vars(type(self)(model=self.model, data=self.data))
        shown = {"model": self.model, "data": self.data.path}
        shown |= {name: value for name, value in vars(self).items() if value != usual[name]}
        return facts_html(self.name or "recipe", shown, "All other settings have their defaults.")

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as JSON values, with the format of its file."""
        return {"format": FORMAT, **super().to_dict(), "chain": self.steps.to_list()}

    @classmethod
    def saved(cls, settings: dict[str, Any]) -> dict[str, Any]:
        """Return settings read from a file without its format, which `load` checks."""
        return {name: value for name, value in settings.items() if name != "format"}

    @classmethod
    def read(cls, setting: str, value: Any) -> Any:
        """Return a value for one setting in its plain Python type; see `Settings.read`."""
        try:
            return super().read(setting, value)
        except InputError as error:
            if setting != "extra_eval":
                raise
            # `Data` calls itself "data", which is another part of the recipe.
            raise InputError(re.sub(r"^data\b", setting, str(error))) from error

    @classmethod
    def full_name(cls, name: str) -> str:
        """Return the one name of a setting, which may be typed without its part or as others call it."""
        parts = {part: [item.name for item in fields(kind)] for part, kind in PARTS.items()}
        return full_name(name, [item.name for item in fields(cls)], parts)

    def override(self, assignments: Sequence[str]) -> Recipe:
        """Return the recipe with `key=value` settings applied: recipe, `data.…`, or TrainingArguments fields.

        `target` is `data.target`, and names that others use (epochs, batch_size …) are ours; see `settings.names`.
        Values are JSON where they parse as JSON, text otherwise; `chain` and `augment` also take names with commas.

        Raises:
            InputError: no "=", or a value that does not fit; unknown names are found when the training is checked.
        """
        for assignment in assignments:
            if "=" not in assignment:
                raise InputError(f"--set takes key=value, and {shown(assignment)} has no '='.")
        pairs = (assignment.split("=", 1) for assignment in assignments)
        return self.assigned((name, rules.parse_value(value)) for name, value in pairs)

    def assigned(self, pairs: Iterable[tuple[str, Any]]) -> Recipe:
        """Return the recipe with settings applied by any of their names, in order; see `override`."""
        known, changes = {item.name for item in fields(self)}, dict[str, Any]()
        for name, value in pairs:
            part, _, inner = (name := self.full_name(name)).partition(".")
            if inner and part in ("data", "text", "events", "extra_eval"):
                before = changes.get(part) or getattr(self, part) or self.data
                changes[part] = (before if isinstance(before, dict) else before.to_dict()) | {inner: value}
            elif name in known:
                changes[name] = self.read(name, value)
            else:
                changes["training"] = {**changes.get("training", self.training), name: value}
        return self.replace(**changes)

    def save(self, file: str | Path) -> None:
        """Write the recipe as JSON."""
        write_json(Path(file), self.to_dict())

    @classmethod
    def load(cls, file: str | Path) -> Recipe:
        """Read a recipe.json.

        Raises:
            InputError: a file that cannot be read or holds no recipe, or one of another audio_ft.
        """
        return cls.from_dict(read_versioned(Path(file)))
