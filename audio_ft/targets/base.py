"""Target: what a recording is labeled with. Each kind of target is one file in this folder."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from numpy.typing import NDArray

from audio_ft import extensions
from audio_ft.errors import InputError
from audio_ft.formatting import escaped
from audio_ft.metrics import Score
from audio_ft.metrics.compute import score
from audio_ft.metrics.samples import Sample
from audio_ft.settings.rules import shown
from audio_ft.targets.cells import Tiers, missing, sorted_names
from audio_ft.targets.detection import Detection
from audio_ft.targets.judged import Reported
from audio_ft.targets.reading import Form, Reading
from audio_ft.targets.transcripts import Text

if TYPE_CHECKING:
    from pandas import DataFrame

Array: TypeAlias = NDArray[Any]
Estimator = Callable[[], Any]  # builds one of scikit-learn


@dataclass(frozen=True)
class Target(Reported):
    """Define one kind of target: how cells are read, encoded, scored, stored, judged and put into words.

    A subclass with a `kind` registers itself; other code calls the target's methods and never branches on its kind.

    Attributes:
        names: the names of the classes, in the order of the network's outputs; () where there are none.
        text: how texts are spelled, for kinds that are text.
        events: how events are found and compared, for kinds with times.
        kind: what run.json calls it.
        pipeline_tag: the Hub's name of the pipeline; `tags` are further ones.
        sample: the layout of predictions and references in metrics.
        second_score: the score to show beside `headline`.
        selection_metric: the score by which the best checkpoint is chosen unless a recipe says otherwise.
        column_names: names of columns that hold it, in tiers.
        storage: its column's type, as `datasets.Features.to_dict` writes it.
        implied_by: what of a folder's layout gives it without a column, "label" (class folders) or "text".
        stratified_by: what splits keep the shares of; "" for nothing.
        overlapping: whether a clip may be in several strata.
        slice_name: what slices by the target itself (names, or numbers to cut into ranges) are called; "" for none.
        exclusive: whether a clip has exactly one class, and references are class ids.
        regression: whether it is a number, learned by regression, whose scores have its unit and no common axis.
        by_words: whether it is speech as text, whose errors are words.
        ranked: whether predictions are classes by probability, of which the first ones can be asked for.
        has_times: whether it holds times in its recording: the rows of one recording are then one target (see
            `gather`), and cleaning and perturbations must not move them.
        constant_name: what the baseline that does not look at the audio is called.
        formats: the formats with times in which predictions can be written, beside text and JSON.
    """

    names: tuple[str, ...] = ()
    text: Text = field(default_factory=Text)
    events: Detection = field(default_factory=Detection)

    kind: ClassVar[str]
    sample: ClassVar[type[Sample]]
    second_score: ClassVar[str]
    selection_metric: ClassVar[str]
    pipeline_tag: ClassVar[str] = "audio-classification"
    tags: ClassVar[tuple[str, ...]] = ()
    column_names: ClassVar[Tiers] = ()
    storage: ClassVar[Mapping[str, Any]] = {"_type": "Value", "dtype": "string"}
    implied_by: ClassVar[str] = "label"
    stratified_by: ClassVar[str] = "label"
    overlapping: ClassVar[bool] = False
    slice_name: ClassVar[str] = ""
    exclusive: ClassVar[bool] = False
    regression: ClassVar[bool] = False
    by_words: ClassVar[bool] = False
    ranked: ClassVar[bool] = False
    has_times: ClassVar[bool] = False
    constant_name: ClassVar[str] = "majority"
    formats: ClassVar[tuple[str, ...]] = ()
    registry: ClassVar[dict[str, type[Target]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "kind" in cls.__dict__:
            Target.registry[cls.kind] = cls

    # Cells of a table.

    @classmethod
    def read(cls, cells: Sequence[Any], form: Form) -> Reading | None:
        """Return the cells as they are to be parsed, and how they were read; None if they are not of this kind."""
        return Reading(cells)

    @classmethod
    def counted(cls, targets: Sequence[Any]) -> str:
        """Return what targets are in a few words, "12 classes, one a clip"."""
        return cls.wording.short

    @classmethod
    def parse(cls, cells: Sequence[Any], source: str, keys: Sequence[str]) -> list[Any]:
        """Return a target for each cell; `source` (file and column) and `keys` are for error messages.

        Raises:
            InputError: an empty cell, or one that is not of this kind.
        """
        if blank := [row for row, cell in enumerate(cells) if cls.empty(cell)]:
            rows = "1 row has" if len(blank) == 1 else f"{len(blank)} rows have"
            raise InputError(
                f"{source}: {rows} no target (first: {', '.join(keys[row] for row in blank[:3])}); "
                "fill them in, or leave them out with the filter data.where='COLUMN!='"
            )
        return [cls.parse_cell(cell, source, key) for cell, key in zip(cells, keys, strict=True)]

    @classmethod
    def empty(cls, cell: Any) -> bool:
        """Return whether a cell holds no target."""
        return missing(cell)

    @classmethod
    @abstractmethod
    def parse_cell(cls, cell: Any, source: str, key: str) -> Any:
        """Return the target of one filled cell."""

    @classmethod
    def gather(
        cls, parts: Sequence[tuple[Any, float | None, float | None]], length: float | None, source: str, key: str
    ) -> Any:
        """Return the one target of a recording's rows, for targets with times.

        Each part is what `parse_cell` returned, with start and end of its row in seconds; without them it lasts from 0
        to `length`, the duration of the recording (None: not known).

        Raises:
            InputError: times that cannot be right.
        """
        raise NotImplementedError(f"a target of kind {cls.kind!r} has no times")

    @classmethod
    def labels_of(cls, target: Any) -> Sequence[str]:
        """Return the names of classes in one target, as often as it has them; () where there are none."""
        return ()

    @classmethod
    def names_in(cls, targets: Sequence[Any]) -> tuple[str, ...]:
        """Return the names of the classes in targets, sorted; () where there are none."""
        return sorted_names(label for target in targets for label in cls.labels_of(target))

    @classmethod
    def strata(cls, targets: Sequence[Any]) -> list[list[int]]:
        """Return the strata of each row, which splits keep the shares of: its classes as numbers."""
        codes = {name: code for code, name in enumerate(cls.names_in(targets))}
        if not codes:
            return [[0]] * len(targets)
        return [[codes[label] for label in cls.labels_of(target)] for target in targets]

    @classmethod
    def check_train(cls, targets: Sequence[Any]) -> None:
        """Refuse training targets that nothing can be learned from.

        Raises:
            InputError: fewer than two different ones.
        """
        different = set(targets)
        if len(different) < 2:
            raise InputError(
                f"expected at least two different targets in train, got only {next(iter(different))!r}; add recordings "
                "of another class"
            )

    @classmethod
    def warnings(cls, splits: Mapping[str, tuple[Sequence[Any], Sequence[str]]], names: Sequence[str]) -> list[str]:
        """Return warnings about the targets and keys of each split."""
        return []

    @classmethod
    def summary(cls, targets: Sequence[Any]) -> dict[str, Mapping[str, Any]]:
        """Return counts for `inspect`: {"classes": …}, {"values": …} or {"words": …}."""
        return {}

    # A data set's own target.
    @property
    def headline(self) -> str:
        """Return the main score, by which models are compared."""
        return self.sample.compared_by

    @abstractmethod
    def encode(self, targets: Sequence[Any]) -> Array:
        """Return targets as references, one row a clip."""

    def checked(self, predictions: Any, references: Any) -> Sample:
        """Return predictions and references as metrics take them."""
        return self.sample.checked(predictions, references, self.names, self.text.language)

    def score(
        self, predictions: Any, references: Any, groups: Sequence[str | None] | None = None, **settings: Any
    ) -> dict[str, Score]:
        """Score predictions, with 95 % intervals; see `metrics.score` for the settings."""
        return score(self.checked(predictions, references), groups=groups, **settings)

    def balanced_weights(self, references: Array) -> dict[str, float]:
        """Return a loss weight for each class that makes up for how rare it is.

        Raises:
            InputError: there are no classes.
        """
        raise InputError('class_weights="balanced" needs classes, and this target has none; leave it out.')

    def constant(self, references: Array, count: int) -> Array | None:
        """Return the best `count` predictions that do not look at the audio; None where there is no such baseline."""
        return None

    def fit_predict(self, build: Estimator, features: Array, references: Array, others: Array) -> Array | None:
        """Return what a scikit-learn estimator predicts for `others` (n, k) after learning from features (m, k).

        `build` makes a regressor where `regression` is set, else a classifier. None where the target cannot be learned
        from one row a clip.
        """
        return None

    def fit_linear(self, build: Estimator, features: Array, references: Array) -> tuple[Array, Array] | None:
        """Return weights (outputs, k) and bias (outputs,) of its logits or numbers; see `fit_predict`."""
        return None

    # Predictions as users and files have them.

    @abstractmethod
    def as_dict(self, prediction: Any) -> dict[str, Any]:
        """Return one clip's prediction (a row of what metrics take) as `Model` returns it."""

    def as_json(self, prediction: Mapping[str, Any]) -> dict[str, Any]:
        """Return a prediction (from `as_dict`) as the fields of its JSON line."""
        return dict(prediction)

    def as_line(self, prediction: Mapping[str, Any]) -> str:
        """Return a prediction in one line for the terminal."""
        return "  ".join(f"{name} {value:.3f}" for name, value in prediction.items())

    def as_text(self, prediction: Mapping[str, Any]) -> str:
        """Return a prediction as the content of a text file."""
        return "".join(f"{escaped(name)}\t{value:.3f}\n" for name, value in prediction.items())

    def segments(self, prediction: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return what `formats` are written from: {"start", "end", "text", "tier"?} with times in seconds."""
        return list(prediction["segments"])

    @abstractmethod
    def columns(self, predictions: Sequence[dict[str, Any]], targets: Sequence[Any]) -> dict[str, list[Any]]:
        """Return the columns of predictions.parquet for predictions from `as_dict`."""

    def stored_predictions(self, table: DataFrame) -> Array:
        """Return the predictions in a table of `columns`, as metrics take them."""
        return table["prediction"].to_numpy()

    def stored_references(self, table: DataFrame) -> Array:
        """Return the references in a table of predictions, as metrics take them."""
        return self.encode(list(table["reference"]))

    def reordered(self, predictions: Array, theirs: Target) -> Array:
        """Return another model's predictions with the classes in this target's order."""
        return predictions

    def describe(self, references: Mapping[str, Array]) -> list[str]:
        """Return lines about the targets of each split, logged before training."""
        return []


def target_class(kind: str) -> type[Target]:
    """Return the target of that kind.

    Raises:
        InputError: there is none.
    """
    found: type[Target] | None = Target.registry.get(kind) or extensions.load("targets", kind)
    if found is None:
        raise InputError(f"kind: expected one of {', '.join(Target.registry)}, got {shown(kind)}")
    return found
