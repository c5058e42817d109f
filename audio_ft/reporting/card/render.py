"""The model card: the template that ships with the package, filled in from a run."""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from audio_ft import __version__
from audio_ft.errors import InputError
from audio_ft.formatting import format_duration
from audio_ft.metrics.names import headlines, score_name
from audio_ft.models.scratch import is_from_scratch
from audio_ft.recipe import REQUIRED_CARD_FIELDS, Recipe
from audio_ft.redaction import display_name, hub_id, names_groups, without_names
from audio_ft.reporting import record
from audio_ft.reporting.card import markdown, tables
from audio_ft.reporting.card.citation import citation
from audio_ft.reporting.card.energy import energy
from audio_ft.reporting.card.metadata import metadata
from audio_ft.run import MODEL_FOLDER, Run

if TYPE_CHECKING:
    import jinja2

TEMPLATE = Path(__file__).parents[2] / "assets" / "card" / "card.md.jinja"


def model_card(run: Run, repo_id: str | None = None, widget: Sequence[Mapping[str, str]] = ()) -> str:
    """Return a run's model card with the Hub's metadata, as README.md of the model's repository.

    Args:
        run: a finished run.
        repo_id: the repository on the Hub that the card is for; None for the run's folder.
        widget: recordings that the Hub's page offers to try, {example_title, src}.

    Raises:
        InputError: intended_use, limits or consent is empty in the recipe.
    """
    require_card_fields(run.recipe)
    name = (repo_id or "").rpartition("/")[2] or run.recipe.name or run.folder.resolve().name
    measured, robustness = record.slice_results(run), record.robustness_results(run)
    slices = tables.slices(measured, run.data.get("group")) if measured else []
    place = repo_id or _model_path(run, name)
    shown = [(metric, score_name(metric)) for metric in headlines(run.scores["test"])]
    return _template().render(
        name=name,
        path=place,
        frame_code=record.frame_code(run, place),
        metadata=metadata(run, name, widget),
        samples=len(widget),
        run=run,
        whole=record.cross_validation_of(run),
        record=record,
        from_scratch=is_from_scratch(run.recipe.model),
        headlines=[(metric, titled.title, titled.meaning) for metric, titled in shown],
        classes=tables.classes(run),
        weakest_of=len(record.class_scores(run)),
        slices=slices,
        worse=sum(item["stands_out"] for item in slices),
        calibration=measured.get("calibration"),
        robustness=robustness,
        robustness_title=score_name(robustness["metric"]).title if robustness else "",
        retention=record.retention(run),
        settings=tables.settings(run),
        log=tables.log(run),
        citation=citation(record.model_type(run), run.versions.get("audio-ft", __version__)),
        energy=energy(run.hardware, float(run.seconds["total"])),
        batches=record.batches_text(run),
        leaks=any(names_groups(warning, run.data, "both ") for warning in run.data["warnings"]),
        warnings=without_names(run.data),
    )


def with_gaps_marked(run: Run) -> Run:
    """Return the run with a text in the place of each one that only its author can write and has not written yet."""
    gaps = {name: f"*Missing: set {name}.*" for name in REQUIRED_CARD_FIELDS if not getattr(run.recipe, name).strip()}
    return dataclasses.replace(run, recipe=run.recipe.replace(**gaps)) if gaps else run


def require_card_fields(recipe: Recipe) -> None:
    """Check that the recipe has the texts that only its author can write.

    Raises:
        InputError: intended_use, limits or consent is empty.
    """
    empty = [name for name in REQUIRED_CARD_FIELDS if not getattr(recipe, name).strip()]
    if empty:
        flags = " ".join(f'--set {name}="…"' for name in empty)
        raise InputError(
            f"The recipe's {', '.join(empty)} {'are' if len(empty) > 1 else 'is'} empty. A model card states the "
            f"intended use, the limits and the consent of the speakers: fill them in before training, or add {flags} "
            "to this command."
        )


def _template() -> jinja2.Template:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATE.parent),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "cell": markdown.cell,
        "code": markdown.code,
        "literal": markdown.literal,
        "shell": shlex.quote,
        "display_name": display_name,
        "duration": format_duration,
        "hub_id": hub_id,
        "json": json.dumps,
    }
    return environment.get_template(TEMPLATE.name)


def _model_path(run: Run, name: str) -> str:
    """Return the path of a run's model for the code examples, without the private folders above it.

    A run saved without its model, as in model_cards/, is shown as one in runs/ with its name.
    """
    if not run.model_folder.is_dir():
        return f"runs/{name}/{MODEL_FOLDER}"
    folder = run.folder.resolve()
    return f"{'runs/' if folder.parent.name == 'runs' else ''}{folder.name}/{MODEL_FOLDER}"


def override_card_fields(run: Run, assignments: Sequence[str]) -> Run:
    """Return the run with `key=value` settings applied to the texts of its recipe.

    Raises:
        InputError: a setting that changes the training.
    """
    recipe = run.recipe
    for assignment in assignments:
        changed = recipe.override([assignment])
        if changed.digest != recipe.digest:
            raise InputError(
                f"{assignment.partition('=')[0]} changes the training, which is finished. The settings of the card are "
                f"name, {', '.join(REQUIRED_CARD_FIELDS)}, license, data.license, data.source and data.language."
            )
        recipe = changed
    return dataclasses.replace(run, recipe=recipe)
