"""Leaks between splits before the first step: copies are kept together, or the training is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from audio_ft.data.leaks.certificate import Certificate
from audio_ft.data.leaks.certify import families
from audio_ft.data.mixture import keep_together
from audio_ft.errors import InputError
from audio_ft.evaluation.leaks import side_of
from audio_ft.formatting import counted

if TYPE_CHECKING:
    from audio_ft.data import Loaded
    from audio_ft.evaluation.scoring import Rows
    from audio_ft.recipe import Recipe
    from audio_ft.targets import Target

# Makes splits in the place of those that the data gives, and keeps copies and groups together.
NEW_SPLITS = "data.folds=5 and data.test_fold=1"
_NAMED = 10


def with_copies_together(
    recipe: Recipe,
    loaded: Loaded,
    certificate: Certificate,
    rows: Mapping[str, Rows],
    target: Target,
    log: Callable[[str], None],
) -> Recipe | None:
    """Return the recipe with copies kept in one split, if the splits were made here; None where that changes nothing.

    `recipe.data.together` lists the copies, so that every later reading of the data makes the same splits. Copies in
    several sources stay where these have them.
    """
    # Every fold must be made with the same copies in mind, also where this one parts none.
    if "made here" not in loaded.rule or not (certificate.pairs or recipe.data.folds):
        return None
    found = families({name: side_of(split, target) for name, split in rows.items()})
    data = keep_together(recipe.data, found)
    if data == recipe.data:
        return None
    known = recipe.data.together or ()
    new = tuple(keys for keys in found if keys not in known)
    copies = counted(sum(map(len, new)), "recording")
    log(f"copies      {copies} hold the same sound as others (first: {' = '.join(new[0][:2])}); the splits are made "
        "again with each in one split")  # fmt: skip
    return recipe.replace(data=data)


def refuse_leaks(certificate: Certificate, recipe: Recipe, log: Callable[[str], None]) -> None:
    """Log what leaks between the splits.

    Raises:
        InputError: something does, and the recipe does not allow it.
    """
    sentences = list(certificate.sentences())
    if not sentences:
        log(f"leaks       {certificate.summary()}")
        return
    for sentence in sentences:
        log(f"warning: {sentence}")
    for pair in certificate.pairs[:_NAMED]:
        log(f"leak        {pair.other_split}: {pair.other_key} = {pair.split}: {pair.key} ({pair.kind})")
    if len(certificate.pairs) > _NAMED:
        log(f"leak        and {len(certificate.pairs) - _NAMED:,} more pairs; `audio-ft inspect {recipe.data.path} "
            "--decode --json` lists all")  # fmt: skip
    if not recipe.allow_leaks:
        raise InputError(
            f"The splits leak. {'. '.join(sentences)}. Remove the copies from one of the splits, make new splits that "
            f"keep them together ({NEW_SPLITS}), or train anyway with --allow-leaks (allow_leaks=True in a recipe), "
            "which run, report and card then say."
        )
