"""The variants of a recipe that an ablation compares: each cleaning step and each augmentation left out in turn."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from audio_ft.cleaning.chain import Chain
from audio_ft.cleaning.steps import Mono, Resample
from audio_ft.errors import InputError

if TYPE_CHECKING:
    from audio_ft.augmentation.base import Augment
    from audio_ft.recipe import Recipe
    from audio_ft.training.setup import Prepared

# What a model's input needs: its rate, and one channel.
NEEDED = (Resample, Mono)
AS_IT_IS = "nothing"
Part = TypeVar("Part")


@dataclass(frozen=True)
class Variant:
    """Hold what is left out, "nothing" in the recipe as it is, the phrase for it, and the settings without it."""

    name: str
    phrase: str
    chain: Chain
    augment: tuple[Augment, ...]

    @property
    def title(self) -> str:
        """Return what a line about the variant calls it."""
        return "as it is" if self.name == AS_IT_IS else f"without {self.name}"

    @property
    def slug(self) -> str:
        """Return the name as part of a file's name."""
        return "without-" + re.sub(r"\W+", "-", self.name.lower())

    def of(self, recipe: Recipe, seed: int) -> Recipe:
        """Return the recipe of one training."""
        return recipe.replace(chain=self.chain, augment=self.augment, seed=seed, seeds=1)


def variants_of(prepared: Prepared) -> tuple[Variant, ...]:
    """Return the recipe as it is, and without each part that can be left out; of several, without all of them too.

    Raises:
        InputError: no part can be left out.
    """
    chain, augments = prepared.recipe.steps, prepared.recipe.augments
    # Recordings that were prepared earlier cannot be cleaned less than they were.
    steps = [] if prepared.loaded.chain is not None else [step for step in chain.steps if not isinstance(step, NEEDED)]
    found = [Variant(AS_IT_IS, "the recipe as it is", chain, augments)]
    for name, step in _named(steps):
        rest = Chain(tuple(other for other in chain.steps if other is not step))
        found.append(Variant(name, step.describe(), rest, augments))
    if len(steps) > 1:
        rest = Chain(tuple(step for step in chain.steps if isinstance(step, NEEDED)))
        found.append(Variant("all of cleaning", "rate and channel alone", rest, augments))
    for name, augment in _named(augments):
        rest_of = tuple(other for other in augments if other is not augment)
        found.append(Variant(name, augment.describe(), chain, rest_of))
    if len(augments) > 1:
        found.append(Variant("all augmentation", "training clips as they are", chain, ()))
    if len(found) == 1:
        raise InputError("ablate leaves out cleaning steps and augmentations, and none here can be left out: the model "
                         "needs Resample and Mono, and prepared recordings stay as they are.")  # fmt: skip
    return tuple(found)


def _named(parts: Sequence[Any]) -> list[tuple[str, Any]]:
    """Return the parts with their names, of which equal ones are counted: Noise, Noise 2."""
    names = [type(part).__name__ for part in parts]
    counts = [names[: place + 1].count(name) for place, name in enumerate(names)]
    return [(name if count == 1 else f"{name} {count}", part)
            for name, count, part in zip(names, counts, parts, strict=True)]  # fmt: skip
