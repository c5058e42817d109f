"""What the Hub reads of a run: the metadata of its model card, and `.eval_results/`."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from audio_ft.errors import InputError
from audio_ft.metrics.names import headlines, score_name
from audio_ft.recipe import Recipe
from audio_ft.redaction import display_name, hub_id
from audio_ft.reporting.record import needs_audio_ft
from audio_ft.run import Run

# Significant digits of a score in the metadata; further digits differ between machines.
DIGITS = 6
_LICENSES = """
afl-3.0 agpl-3.0 apache-2.0 artistic-2.0 bigscience-openrail-m bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear bsl-1.0
c-uda cc cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0
cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cc-by-nd-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc0-1.0 cdla-permissive-1.0
cdla-permissive-2.0 cdla-sharing-1.0 ecl-2.0 epl-1.0 epl-2.0 eupl-1.1 eupl-1.2 gfdl gpl gpl-2.0 gpl-3.0 isc lgpl
lgpl-2.1 lgpl-3.0 lppl-1.3c mit mpl-2.0 ms-pl ncsa odbl odc-by openrail osl-3.0 pddl postgresql unlicense wtfpl zlib
"""
# The license identifiers that the Hub accepts; any other license is "other" with `license_name`.
LICENSES = frozenset(_LICENSES.split())


def metadata(run: Run, name: str, widget: Sequence[Mapping[str, str]] = ()) -> str:
    """Return the YAML metadata of a model card, with the headline scores of the test split as its model index.

    `widget` are recordings that the Hub's page offers to try, {example_title, src}.
    """
    from huggingface_hub import EvalResult, ModelCardData

    recipe, data, target = run.recipe, run.recipe.data, run.target
    license = recipe.license.strip().lower()
    listed = not license or license in LICENSES
    results = [
        EvalResult(
            task_type=target.pipeline_tag,
            task_name=target.wording.task,
            dataset_type=hub_id(data.path) or _slug(display_name(data.path)),
            dataset_name=display_name(data.path),
            dataset_config=data.name,
            dataset_split="all folds" if run.folds else "test",
            dataset_revision=data.revision,
            metric_type=score_name(name).hub,
            metric_name=score_name(name).title,
            metric_value=_rounded(run.scores["test"][name].value),
        )
        for name in headlines(run.scores["test"])
        if math.isfinite(run.scores["test"][name].value) and not run.smoke
    ]
    card = ModelCardData(
        language=languages(recipe) or None,
        license=(license or None) if listed else "other",
        license_name=None if listed else _slug(license),
        library_name="audio_ft" if needs_audio_ft(run) else "transformers",
        pipeline_tag=target.pipeline_tag,
        tags=["audio", "audio_ft", *target.tags, *(["smoke-run"] if run.smoke else [])],
        base_model=hub_id(recipe.model),
        datasets=[one.path for one in data.each if hub_id(one.path)] or None,
        metrics=list(dict.fromkeys(result.metric_type for result in results)) or None,
        model_name=name if results else None,
        eval_results=results or None,
        widget=[dict(each) for each in widget] or None,
    )
    return str(card.to_yaml())


def languages(recipe: Recipe) -> list[str]:
    """Return the codes of the languages that the recipe names for its data, or else for its transcripts.

    The Hub accepts codes of two or three letters without a region, and rejects a commit with any other.

    Raises:
        InputError: a word is not such a code.
    """
    words = re.split(r"[\s,;]+", (recipe.data.language or recipe.text.language or "").strip().lower())
    codes = [re.split("[-_]", word)[0] for word in words if word]
    for code in codes:
        if not re.fullmatch("[a-z]{2,3}", code):
            raise InputError(
                f"data.language: expected language codes such as 'fr' or 'yue', separated by spaces, got {code!r}; "
                "set data.language=CODE"
            )
    # Whisper has its own code for Javanese.
    return list(dict.fromkeys("jv" if code == "jw" else code for code in codes))


def eval_results(run: Run) -> dict[str, str]:
    """Return the first headline score as a file of `.eval_results/`, {name: YAML}; {} for local data and smoke runs.

    The Hub shows it on the page of the data set.
    """
    import yaml
    from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml

    data = hub_id(run.recipe.data.path)
    names = headlines(run.scores["test"])
    if data is None or not names or run.smoke:
        return {}
    score = run.scores["test"][names[0]]
    revision = run.recipe.data.revision or ""
    entry = EvalResultEntry(
        dataset_id=data,
        task_id=run.recipe.data.name or "default",
        value=_rounded(score.value),
        # The Hub expects the hash of a commit here.
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
    # The Hub rejects a commit with other than ASCII letters here.
    return re.sub(r"[^\w.-]+", "-", text, flags=re.ASCII).strip("-") or "data"
