"""The sentences of a model card, made from what a run recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audio_ft.formatting import capitalized, format_duration
from audio_ft.metrics.names import headlines, score_name
from audio_ft.redaction import display_name, hub_id, names_groups
from audio_ft.reporting.card.tables import code

if TYPE_CHECKING:
    from audio_ft.run import Run

# Longer lists of labels are shortened.
MOST_LABELS = 30


def summary(run: Run) -> str:
    """Return what the model predicts."""
    labels = [code(label) for label in run.labels]
    listed = ", ".join([*labels[:MOST_LABELS], *(["…"] if len(labels) > MOST_LABELS else [])])
    return run.target.wording.card.format(count=len(labels), labels=listed, column=code(run.data.get("target")))


def base_model(run: Run) -> str:
    """Return the checkpoint that was fine-tuned."""
    return _source(run.recipe.model, run.recipe.revision, "", "a local checkpoint")


def data(run: Run) -> str:
    """Return the data that the model was fine-tuned on."""
    source = _source(run.recipe.data.path, run.recipe.data.revision, "datasets/", "local recordings")
    return source + (f", configuration `{run.recipe.data.name}`" if run.recipe.data.name else "")


def origin(run: Run) -> str:
    """Return the data's source, its license and the filter that was applied."""
    settings = run.recipe.data
    sentences = [f"{capitalized(data(run))}."]
    sentences += [f"Source: {settings.source.rstrip('.')}."] if settings.source else []
    sentences += [f"License: {settings.license}."] if settings.license else []
    sentences += [f"Only rows with {' and '.join(map(code, settings.where))} were used."] if settings.where else []
    return " ".join(sentences)


def meanings(run: Run) -> str:
    """Return what the headline scores measure."""
    names = [score_name(name) for name in headlines(run.scores["test"])]
    return "; ".join(f"*{name.title}*: {name.meaning}" for name in names if name.meaning)


def spelling(run: Run) -> str:
    """Return how transcripts were normalized; "" if they were not, or if there are none."""
    text = run.recipe.text
    changes = [f"converted to {text.case} case"] if text.case in ("lower", "upper") else []
    changes += ["stripped of punctuation"] if text.punctuation == "remove" else []
    return f"Transcripts were {' and '.join(changes)}." if changes and run.target.by_words else ""


def groups(run: Run) -> str:
    """Return whether groups such as speakers are in one split only."""
    group = run.data.get("group")
    if not group:
        return (
            "The data does not name groups such as speakers or sessions, so one group may be in several splits; expect "
            "lower scores on new speakers."
        )
    if any(names_groups(warning, run.data, "both ") for warning in run.data["warnings"]):
        return f"Some groups (`{group}`) are in more than one split, as listed below."
    return f"The splits are disjoint by group (`{group}`): no group of the test split was used in training."


def cleaning(run: Run) -> str:
    """Return the cleaning steps and the augmentations."""
    text = (
        f"{run.recipe.steps.describe()} audio_ft applies the same steps at inference (`chain.json`, digest "
        f"`{run.digests['chain'][:12]}`)."
    )
    augmentations = ", ".join(augment.describe() for augment in run.recipe.augments)
    return f"{text} Augmentation, training split only: {augmentations}." if augmentations else text


def steps(run: Run) -> str:
    """Return how many steps the training took, and which checkpoint was kept."""
    steps = max((int(entry.get("step", 0)) for entry in run.history), default=0)
    epochs = max((float(entry.get("epoch", 0)) for entry in run.history), default=0.0)
    length = f"{steps:,} optimizer steps in {epochs:.3g} epochs. " if steps else ""
    return f"{length}The checkpoint of step {run.best['step']} was kept: {run.best['why']}."


def durations(run: Run) -> str:
    """Return how long the run took, in all and by stage."""
    parts = ", ".join(f"{format_duration(value)} {name}" for name, value in run.seconds.items() if name != "total")
    return f"{format_duration(run.seconds['total'])} in total: {parts}"


def _source(name: str, revision: str | None, kind: str, local: str) -> str:
    """Return a link to a repository on the Hub, or the last part of a local path with what it is, `local`."""
    repository = hub_id(name)
    if repository is None:
        return f"`{display_name(name)}` ({local})"
    return f"[{repository}](https://huggingface.co/{kind}{repository})" + (
        f" at revision `{revision}`" if revision else ""
    )
