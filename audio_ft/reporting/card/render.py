"""The page itself: facts of a run, in sentences and tables, set into the template that ships with the package."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from audio_ft.errors import InputError
from audio_ft.recipe import REQUIRED_CARD_FIELDS
from audio_ft.reporting.card.facts import facts
from audio_ft.reporting.card.metadata import metadata
from audio_ft.run import MODEL_FOLDER

if TYPE_CHECKING:
    from audio_ft.run import Run

TEMPLATE = Path(__file__).parents[2] / "assets" / "card" / "card.md.jinja"


def model_card(run: Run, repo_id: str | None = None) -> str:
    """Return a run's model card, Hub metadata at its head: README.md of the model's repository.

    `repo_id` is the repository on the Hub for which it is written; None writes it for the run's folder.

    Raises:
        InputError: the recipe does not say what the model is for, what it cannot do, and that the people heard agreed.
    """
    import jinja2

    untold = [name for name in REQUIRED_CARD_FIELDS if not getattr(run.recipe, name).strip()]
    if untold:
        flags = " ".join(f'--set {name}="…"' for name in untold)
        raise InputError(
            f"A model card says what the model is for, what it cannot do and that the people heard agreed, and the "
            f"recipe's {', '.join(untold)} {'are' if len(untold) > 1 else 'is'} empty. Fill in the recipe before "
            f"training, or add {flags} to this command."
        )
    name = (repo_id or "").rpartition("/")[2] or run.recipe.name or run.folder.resolve().name
    environment = jinja2.Environment(
        trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    place = repo_id or _place(run, name)
    return template.render(name=name, place=place, metadata=metadata(run, name), run=run, facts=facts(run))


def _place(run: Run, name: str) -> str:
    """Return where a run's model is, as a snippet says it: its folder by its own name, the folders above are private.

    A run that lies here without its model, as in model_cards/, is told as one in runs/ that has its name.
    """
    if not run.model_folder.is_dir():
        return f"runs/{name}/{MODEL_FOLDER}"
    folder = run.folder.resolve()
    return f"{'runs/' if folder.parent.name == 'runs' else ''}{folder.name}/{MODEL_FOLDER}"


def retold(run: Run, assignments: Sequence[str]) -> Run:
    """Return the run with `key=value` settings applied to the words of its recipe, which decide no weights.

    Raises:
        InputError: a setting that does decide them: the run was trained with another.
    """
    recipe = run.recipe
    for assignment in assignments:
        changed = recipe.override([assignment])
        if changed.digest != recipe.digest:
            raise InputError(
                f"{assignment.partition('=')[0]} decides the weights and the training is over; what can still be told "
                f"is name, {', '.join(REQUIRED_CARD_FIELDS)}, license, data.license, data.source and data.language."
            )
        recipe = changed
    return dataclasses.replace(run, recipe=recipe)
