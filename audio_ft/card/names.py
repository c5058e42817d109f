"""What a card calls kinds of answers, scores, baselines, places and licences."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from audio_ft.run import Run


@dataclass(frozen=True)
class Kind:
    """Say what a model of one kind of target does, in the Hub's word and in ours."""

    pipeline: str
    task: str
    answer: str


# By Run.kind; {labels} and {target} are filled in.
KINDS = {
    "single": Kind(
        "audio-classification",
        "Audio classification",
        "For each recording it names one of {count} labels, with a probability for each: {labels}.",
    ),
    "multi": Kind(
        "audio-classification",
        "Audio classification, several labels at once",
        "For each recording it says which of {count} labels apply, with a probability for each: {labels}.",
    ),
    "regression": Kind(
        "audio-classification", "A number for each recording", "For each recording it answers with a number, {target}."
    ),
    "text": Kind(
        "automatic-speech-recognition", "Speech recognition", "For each recording it writes down what is said in it."
    ),
}


@dataclass(frozen=True)
class Name:
    """Name a score in words, say what it measures, and give the Hub's id of the metric."""

    title: str
    meaning: str
    hub: str


# What a reader wants to know, in that order; all other scores are in run.json.
SCORES = {
    "wer": Name("Word error rate", "wrong, missing and added words, for each word spoken; lower is better", "wer"),
    "wer_normalized": Name(
        "Word error rate, normalised", "the same, without case, punctuation and spelling variants", "wer"
    ),
    "cer": Name("Character error rate", "the same as word error rate, counted in characters", "cer"),
    "accuracy": Name("Accuracy", "share of recordings answered right", "accuracy"),
    "subset_accuracy": Name("Exact match", "share of recordings with every label right", "accuracy"),
    "f1_macro": Name("F1, macro", "harmonic mean of precision and recall, all classes counted alike", "f1"),
    "f1_micro": Name("F1, micro", "the same, over all labels of all recordings at once", "f1"),
    "unweighted_average_recall": Name(
        "Unweighted average recall", "share found of each class, all classes counted alike", "recall"
    ),
    "mean_average_precision": Name(
        "Mean average precision", "area under precision over recall, averaged over the labels", "mean_average_precision"
    ),
    "roc_auc_macro": Name(
        "ROC AUC, macro", "chance that a recording with the label is ranked above one without", "roc_auc"
    ),
    "concordance": Name(
        "Concordance", "correlation that also counts a shift or a scale as error; 1 is perfect", "concordance"
    ),
    "pearson": Name("Pearson correlation", "linear correlation of answer and truth; 1 is perfect", "pearsonr"),
    "mean_absolute_error": Name(
        "Mean absolute error", "average distance from the truth, in the target's unit; lower is better", "mae"
    ),
    "root_mean_squared_error": Name(
        "Root mean squared error", "the same, large errors weighing more; lower is better", "rmse"
    ),
}
BASELINES = {
    "untuned": "before fine-tuning",
    "linear_mfcc": "linear model on MFCC statistics",
    "majority": "the same answer to all",
}
_LICENCES = """
afl-3.0 agpl-3.0 apache-2.0 artistic-2.0 bigscience-openrail-m bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear bsl-1.0
c-uda cc cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0
cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cc-by-nd-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc0-1.0 cdla-permissive-1.0
cdla-permissive-2.0 cdla-sharing-1.0 ecl-2.0 epl-1.0 epl-2.0 eupl-1.1 eupl-1.2 gfdl gpl gpl-2.0 gpl-3.0 isc lgpl
lgpl-2.1 lgpl-3.0 lppl-1.3c mit mpl-2.0 ms-pl ncsa odbl odc-by openrail osl-3.0 pddl postgresql unlicense wtfpl zlib
"""
# The licence identifiers that the Hub takes; any other is "other" with a name of its own.
LICENCES = frozenset(_LICENCES.split())
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+", re.ASCII)


def score_name(name: str) -> Name:
    """Return what a card calls a score; one that is not in the table keeps its own name."""
    return SCORES.get(name, Name(name.replace("_", " ").capitalize(), "", name))


def headlines(run: Run) -> list[str]:
    """Return the names of the test scores that stand on the card, the first one first."""
    found = [name for name in run.scores["test"] if not name.endswith("]")]
    return [name for name in SCORES if name in found] or found


def hub_id(place: str) -> str | None:
    """Return a checkpoint's or data set's id on the Hub, or None for a place on somebody's machine."""
    if not _HUB_ID.fullmatch(place) or Path(place).exists():
        return None
    return place


def as_place(name: str) -> str:
    """Return what names a folder here, so that it is taken for one from anywhere: data/words may be an id as well."""
    return f"./{name}" if _HUB_ID.fullmatch(name) and Path(name).exists() else name


def shown(place: str) -> str:
    """Return a place as a card shows it: the folders above are nobody's business."""
    return place if hub_id(place) else place.replace("\\", "/").rstrip("/").rpartition("/")[2]
