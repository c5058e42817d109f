"""What the Hub reads of a run: the head of its model card, and `.eval_results/`."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from audio_ft.errors import InputError
from audio_ft.metrics.names import headlines, score_name
from audio_ft.redaction import display_name, hub_id
from audio_ft.reporting.card.licenses import LICENSES

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

    from audio_ft.recipe import Recipe
    from audio_ft.run import Run

# Significant digits of a score where machines read it: more are noise, and would differ from machine to machine.
DIGITS = 6


def metadata(run: Run, name: str) -> str:
    """Return the YAML at the head of a model's card: only what the run knows, in the Hub's own words."""
    from huggingface_hub import ModelCardData

    recipe = run.recipe
    data = hub_id(recipe.data.path)
    results = model_index(run)
    told = recipe.license.strip().lower()
    license = (told if told in LICENSES else "other") if told else None
    card = ModelCardData(
        language=languages(recipe) or None,
        license=license,
        # The Hub's way for a license that it does not know.
        license_name=_slug(recipe.license.lower()) if license == "other" else None,
        library_name="transformers",
        pipeline_tag=run.target.pipeline_tag,
        tags=["audio", "audio_ft", *run.target.tags],
        base_model=hub_id(recipe.model),
        datasets=[data] if data else None,
        metrics=list(dict.fromkeys(result.metric_type for result in results)),
        model_name=name,
        eval_results=results,
    )
    return str(card.to_yaml())


def languages(recipe: Recipe) -> list[str]:
    """Return the codes of the languages that the recipe names for its data, or else for its transcripts.

    The Hub takes codes of two or three letters and refuses the whole commit for any other word, regions included.

    Raises:
        InputError: a word that is no such code.
    """
    told = re.split(r"[\s,;]+", (recipe.data.language or recipe.text.language or "").strip().lower())
    codes = [re.split("[-_]", word)[0] for word in told if word]
    for code in codes:
        if not re.fullmatch("[a-z]{2,3}", code):
            raise InputError(
                f"data.language: the Hub takes codes such as 'fr' or 'yue', several with spaces between them, and no "
                f"{code!r}; add --set data.language=CODE."
            )
    # Whisper writes Javanese as nobody else does.
    return list(dict.fromkeys("jv" if code == "jw" else code for code in codes))


def model_index(run: Run) -> list[EvalResult]:
    """Return the test scores that are no class's own, each with the data it was measured on."""
    from huggingface_hub import EvalResult

    data, target = run.recipe.data, run.target
    return [
        EvalResult(
            task_type=target.pipeline_tag,
            task_name=target.wording.task,
            dataset_type=hub_id(data.path) or _slug(display_name(data.path)),
            dataset_name=display_name(data.path),
            dataset_config=data.name,
            dataset_split="test",
            dataset_revision=data.revision,
            metric_type=score_name(name).hub,
            metric_name=score_name(name).title,
            metric_value=_rounded(run.scores["test"][name].value),
        )
        for name in headlines(run.scores["test"])
        if math.isfinite(run.scores["test"][name].value)
    ]


def eval_results(run: Run) -> dict[str, str]:
    """Return the first headline score as a file for the folder `.eval_results/`: {name: YAML}.

    The Hub shows it beside the data set; data that is not on the Hub has no such place, and then there is no file.
    """
    import yaml
    from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml

    data = hub_id(run.recipe.data.path)
    names = headlines(run.scores["test"])
    if data is None or not names:
        return {}
    score = run.scores["test"][names[0]]
    revision = run.recipe.data.revision or ""
    entry = EvalResultEntry(
        dataset_id=data,
        task_id=run.recipe.data.name or "default",
        value=_rounded(score.value),
        # The Hub wants the hash of a commit here; names of branches move.
        dataset_revision=revision if re.fullmatch(r"[0-9a-f]{40}", revision) else None,
        date=run.created or None,
        notes=f"{score_name(names[0]).title.lower()} on the test split, {score} with its 95 % interval, "
        f"{score.n:,} recordings",
    )
    text = yaml.safe_dump(eval_result_entries_to_yaml([entry]), sort_keys=False, allow_unicode=True, width=1000)
    return {f"{_slug(data)}.yaml": text}


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def _slug(text: str) -> str:
    # The Hub refuses letters beyond ASCII here, and the whole commit with them.
    return re.sub(r"[^\w.-]+", "-", text, flags=re.ASCII).strip("-") or "data"
