"""Names of scores in tables and on the Hub, and which of them are headlines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Name:
    """Hold a score's title, what it measures, and the Hub's id of the metric."""

    title: str
    meaning: str
    hub: str


# The scores in reports and cards, in that order; all others are in run.json.
SCORES = {
    "wer": Name("Word error rate", "wrong, missing and added words, for each word spoken; lower is better", "wer"),
    "wer_normalized": Name(
        "Word error rate, normalized", "the same, without case, punctuation and spelling variants", "wer"
    ),
    "cer": Name("Character error rate", "the same as word error rate, counted in characters", "cer"),
    "accuracy": Name("Accuracy", "share of recordings with the right label", "accuracy"),
    "subset_accuracy": Name("Exact match", "share of recordings with every label right", "accuracy"),
    "f1_macro": Name("F1, macro", "harmonic mean of precision and recall, all classes weighted equally", "f1"),
    "f1_micro": Name("F1, micro", "the same, over all labels of all recordings at once", "f1"),
    "unweighted_average_recall": Name(
        "Unweighted average recall", "recall of each class, all classes weighted equally", "recall"
    ),
    "mean_average_precision": Name(
        "Mean average precision", "area under precision over recall, averaged over the labels", "mean_average_precision"
    ),
    "roc_auc_macro": Name(
        "ROC AUC, macro", "chance that a recording with the label is ranked above one without", "roc_auc"
    ),
    "event_f1": Name(
        "Event F1", "harmonic mean of precision and recall of events with onset and offset close to the true ones", "f1"
    ),
    "event_onset_f1": Name("Event F1, onset only", "the same, whatever the offset of an event is", "f1"),
    "segment_f1": Name("Segment F1", "the same for what sounds in each segment of the recording, usually 1 s", "f1"),
    "segment_error_rate": Name(
        "Segment error rate",
        "classes replaced, missed and added in segments, for each that sounds; lower is better",
        "error_rate",
    ),
    "concordance": Name(
        "Concordance", "correlation that also counts a shift or a scale as error; 1 is perfect", "concordance"
    ),
    "pearson": Name("Pearson correlation", "linear correlation of prediction and truth; 1 is perfect", "pearsonr"),
    "mean_absolute_error": Name(
        "Mean absolute error", "average distance from the truth, in the target's unit; lower is better", "mae"
    ),
    "root_mean_squared_error": Name(
        "Root mean squared error", "the same, large errors weighing more; lower is better", "rmse"
    ),
}


def score_name(name: str) -> Name:
    """Return the names of a score; one that is not in the table keeps its own."""
    return SCORES.get(name, Name(name.replace("_", " ").capitalize(), "", name))


def headlines(scores: Iterable[str]) -> list[str]:
    """Return the names of the scores on the card, the main one first."""
    found = [name for name in scores if not name.endswith("]")]
    return [name for name in SCORES if name in found] or found
