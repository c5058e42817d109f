"""The search space: which settings are tried, and between which values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from audio_ft.augmentation import Noise, Speed
from audio_ft.errors import InputError
from audio_ft.settings.rules import parse_value, shown
from audio_ft.training.resolving.arguments import check_training
from audio_ft.training.resolving.refusals import OF_CHECKPOINTS

if TYPE_CHECKING:
    import optuna

    from audio_ft.recipe import Recipe
    from audio_ft.training.setup import Prepared

# The learning rate is searched from a tenth of the default to ten times as much.
AROUND = 10.0
# Twice the changes of the default, to more of the clips.
STRONG = (Speed(range=(0.8, 1.2), probability=1.0), Noise(snr=(0.0, 20.0), probability=0.8))
# With other data, task or measure, scores of two trials could not be compared.
FIXED = ("model", "revision", "task", "chain", "method", "metric", "seed", "seeds", "probe", "push_to_hub")
SYNTAX = "NAME=LOW:HIGH, NAME=LOW:HIGH:log, NAME=A|B|C, or NAME=VALUE to search it no more"


@dataclass(frozen=True)
class Range:
    """Search between two numbers, both included; `log` draws 1 to 10 as often as 10 to 100, `whole` whole numbers."""

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def suggest(self, trial: optuna.Trial, name: str) -> Any:
        """Return the value that a trial tries."""
        if self.whole:
            return trial.suggest_int(name, int(self.low), int(self.high), log=self.log)
        return trial.suggest_float(name, self.low, self.high, log=self.log)

    def value(self, chosen: Any) -> Any:
        """Return a suggested value as the recipe takes it: five digits are enough to write down."""
        return chosen if self.whole else float(f"{chosen:.5g}")

    def usual(self, value: Any) -> Any:
        """Return how a trial calls a value of the recipe, None where it is outside."""
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return value if number and self.low <= value <= self.high else None

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g}{' (log)' if self.log else ''}"


@dataclass(frozen=True)
class Choice:
    """Search among values, each by the name that it has on the screen."""

    values: Mapping[str, Any]

    def suggest(self, trial: optuna.Trial, name: str) -> Any:
        """Return the name of the value that a trial tries."""
        return trial.suggest_categorical(name, list(self.values))

    def value(self, chosen: Any) -> Any:
        """Return a suggested value as the recipe takes it."""
        return self.values[chosen]

    def usual(self, value: Any) -> Any:
        """Return how a trial calls a value of the recipe, None where it is not among the choices."""
        return next((name for name, own in self.values.items() if own == value), None)

    def __str__(self) -> str:
        return ", ".join(self.values)


Space: TypeAlias = Mapping[str, Range | Choice]


def search_space(prepared: Prepared, asked: Recipe, searched: Mapping[str, Range | Choice | Any]) -> dict[str, Any]:
    """Return what is searched for a recipe as it was asked for and its prepared data: name and values of each setting.

    Settings that the recipe sets itself stay as they are; `searched` is what the user narrows and widens.

    Raises:
        InputError: a setting that cannot be searched, a value that it cannot have, or nothing left to search.
    """
    task, adapter = prepared.task, prepared.adapter
    if adapter.fitted_at_once:
        raise InputError(f"{asked.model} chooses its settings by the validation split in any case; train it instead.")
    rate = float(prepared.resolved.training["learning_rate"].value)
    half = f"layers:{max(1, int(adapter.config.num_hidden_layers) // 2)}"
    freezes = ("feature_encoder", half, *(("encoder",) if task.probes else ()))
    space: dict[str, Range | Choice] = {
        "learning_rate": Range(float(f"{rate / AROUND:.3g}"), float(f"{rate * AROUND:.3g}"), log=True),
        "freeze": Choice({name: name for name in freezes}),
        "weighted_layers": Choice({"no": False, "yes": True}),
        "augment": Choice({"default": None, "none": (), "strong": STRONG}),
        "dropout": Choice({"checkpoint's": None, "0": 0.0, "0.2": 0.2}),
    }
    plain = type(asked)(model=asked.model, data=asked.data)
    own = {name for name in space if name in asked.training or getattr(asked, name, None) != getattr(plain, name, None)}
    unused = {*task.ignores, *(OF_CHECKPOINTS if adapter.from_scratch else ()), *(("freeze",) if asked.peft else ())}
    space = {name: values for name, values in space.items() if name not in own | unused}
    fixed = {name for name, values in searched.items() if not isinstance(values, Range | Choice)}
    space |= {name: values for name, values in searched.items() if name not in fixed}
    space = {name: values for name, values in space.items() if name not in fixed}
    if not space:
        raise InputError(
            "There is nothing to search: every setting has one value. Leave one out of recipe and --search."
        )
    for name, values in space.items():
        for value in (values.low, values.high) if isinstance(values, Range) else values.values.values():
            check_training(asked.assigned([(name, value)]))
    return space


def read_search(recipe: Recipe, texts: Mapping[str, Any] | Sequence[str]) -> dict[str, Any]:
    """Return Range, Choice or one value by the full name of each setting, from "NAME=VALUES" or {NAME: VALUES}.

    Values are "LOW:HIGH", "LOW:HIGH:log", "A|B|C" or one value, and from Python a list of choices too.

    Raises:
        InputError: another form, or a setting that cannot be searched.
    """
    pairs = dict(text.partition("=")[::2] for text in texts) if not isinstance(texts, Mapping) else texts
    found = {}
    for name, values in pairs.items():
        full = recipe.full_name(name)
        if full in FIXED or full.partition(".")[0] in ("data", "text", "events", "extra_eval"):
            raise InputError(f"--search {name}: with another {full}, scores of two trials could not be compared; set "
                             "it in the recipe, or with --set.")  # fmt: skip
        found[full] = _values(name, values)
    return found


def _values(name: str, values: Any) -> Any:
    """Return what one setting is searched between: a Range, a Choice, or the one value that it has."""
    if isinstance(values, list | tuple):
        return Choice({str(value): value for value in values})
    if not isinstance(values, str):
        return values
    if not values:
        raise InputError(f"--search {name}: expected {SYNTAX}.")
    if "|" in values:
        return Choice({text: parse_value(text) for text in values.split("|")})
    low, high, *more = [*map(parse_value, values.split(":")), None]
    numbers = [end for end in (low, high) if isinstance(end, int | float) and not isinstance(end, bool)]
    if len(numbers) < 2:
        return parse_value(values)
    if (
        more[:-1] not in ([], ["log"])
        or not all(map(math.isfinite, numbers))
        or low >= high
        or (more[:-1] and low <= 0)
    ):
        raise InputError(
            f"--search {name}={shown(values)}: expected {SYNTAX}, with LOW below HIGH and above 0 for log."
        )
    return Range(low, high, log=bool(more[:-1]), whole=all(isinstance(end, int) for end in numbers))


def applied(recipe: Recipe, space: Space, settings: Mapping[str, Any]) -> Recipe:
    """Return the recipe with the settings of a trial, each by the name that the trial has for its value."""
    return recipe.assigned((name, space[name].value(chosen)) for name, chosen in settings.items())
