"""Transcript: the text that is spoken in a recording."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.errors import InputError
from audio_ft.formatting import counted, escaped
from audio_ft.metrics import Score
from audio_ft.metrics.alignment import align, errors
from audio_ft.metrics.samples import TextSample
from audio_ft.metrics.text_normalizers import normalizer
from audio_ft.targets.base import Array, Target
from audio_ft.targets.cells import as_text
from audio_ft.targets.judged import Confusion, Judged, Word
from audio_ft.targets.label import CONFUSIONS
from audio_ft.targets.transcripts import transcript_warnings
from audio_ft.targets.wording import Wording

if TYPE_CHECKING:
    from pandas import DataFrame

COUNTED = {"substitutions": "replaced", "deletions": "left out", "insertions": "added"}


@dataclass(frozen=True)
class Transcript(Target):
    """A text a recording, in the spelling that `text` says; predictions and references are strings (clips,)."""

    kind = "transcript"
    wording = Wording(
        short="transcripts",
        cell="the transcript",
        task="Speech recognition",
        card="For each recording it writes down what is said in it.",
        right="transcribed without an error",
        errors_order="most wrong words first, differences in spelling alone last",
        predictions_title="Word errors",
    )
    sample = TextSample
    second_score = "cer"
    selection_metric = "wer"
    pipeline_tag = "automatic-speech-recognition"
    column_names = (
        ("text",),
        ("transcription", "transcript", "sentence"),
        ("normalized_text", "raw_text", "raw_transcription", "normalized_transcription", "utterance"),
    )
    implied_by = "text"
    stratified_by = ""
    tags = ("speech",)
    by_words = True
    formats = ("srt", "vtt", "audacity", "textgrid")

    @classmethod
    def empty(cls, cell: Any) -> bool:
        """Return False: an empty cell is an empty transcript."""
        return False

    @classmethod
    def parse_cell(cls, cell: Any, source: str, key: str) -> str:
        """Return the transcript: "" for an empty cell, a number as text."""
        if isinstance(cell, list | tuple | dict | bytes):
            kind = type(cell).__name__
            raise InputError(f"{source}: expected a transcript as text, got {kind} for {key}: {cell!r:.80}")
        return as_text(cell)

    @classmethod
    def check_train(cls, targets: Sequence[Any]) -> None:
        """Accept any transcripts; the task refuses those without letters."""

    @classmethod
    def warnings(cls, splits: Mapping[str, tuple[Sequence[Any], Sequence[str]]], names: Sequence[str]) -> list[str]:
        """Return transcripts that look wrong, and sentences in two splits."""
        return transcript_warnings(splits)

    @classmethod
    def summary(cls, targets: Sequence[Any]) -> dict[str, Mapping[str, Any]]:
        """Return all words, the words of the longest transcript, and the number of empty ones."""
        words = [len(target.split()) for target in targets]
        return {"words": {"all": sum(words), "longest": max(words, default=0), "empty": words.count(0)}}

    def encode(self, targets: Sequence[Any]) -> Array:
        """Return the transcripts in the spelling that `text` says (clips,)."""
        return np.array([self.text.apply(target) for target in targets], object)

    def as_dict(self, prediction: Any) -> dict[str, Any]:
        """Return {"text": …}."""
        return {"text": str(prediction)}

    def as_line(self, prediction: Mapping[str, Any]) -> str:
        """Return the text."""
        return str(prediction["text"])

    def as_text(self, prediction: Mapping[str, Any]) -> str:
        """Return the text and a line break."""
        return f"{escaped(prediction['text'])}\n"

    def columns(self, predictions: Sequence[dict[str, Any]], targets: Sequence[Any]) -> dict[str, list[Any]]:
        """Return each clip's text beside the reference, with its words and errors."""
        texts = [prediction["text"] for prediction in predictions]
        references = self.encode(targets).tolist()
        counts = errors(references, texts)
        return {
            "reference": references,
            "prediction": texts,
            **{name: [getattr(count, name) for count in counts] for name in ("words", *COUNTED)},
        }

    def stored_references(self, table: DataFrame) -> Array:
        """Return the texts (clips,), which `columns` has spelled already."""
        return table["reference"].to_numpy()

    def describe(self, references: Mapping[str, Array]) -> list[str]:
        """Return a line on how transcripts are spelled."""
        text = self.text
        case = {"lower": "in lower case", "upper": "in capitals"}.get(str(text.case), "case as written")
        marks = "punctuation removed" if text.punctuation == "remove" else "punctuation as written"
        language = f"language {text.language}, " if text.language else ""
        tags = {"keep": "", "drop": ", tags dropped", "map": ", tags mapped"}.get(text.tags, f", tags of {text.tags}")
        return [f"transcripts {language}{case}, {marks}, {text.unicode}{tags}"]

    def judge(self, row: Mapping[str, Any]) -> Judged:
        """Judge by the words that stay wrong after normalizing, then by all wrong words."""
        normalize = normalizer(self.text.language)
        serious = errors([normalize(str(row["reference"]))], [normalize(str(row["prediction"]))])[0].total
        words, counts = int(row["words"]), {name: int(row[name]) for name in COUNTED}
        wrong = sum(counts.values())
        parts = ", ".join(f"{count} {COUNTED[name]}" for name, count in counts.items() if count)
        verdict = f"{parts}; {counted(words, 'word')} spoken" if wrong else "all right"
        return Judged.of(
            row,
            reference=str(row["reference"]),
            prediction=str(row["prediction"]),
            wrong=wrong > 0,
            badness=1_000 * serious + wrong + min(wrong / max(words, 1), 1.0) / 2,
            verdict=verdict if serious or not wrong else f"{verdict}; only case, punctuation or spelling differ",
        )

    def predictions_lead(self, clips: Sequence[Judged], scores: Mapping[str, Score]) -> str:
        """Return the kinds of error for every 100 words."""
        rates = {what: scores.get(f"{name.removesuffix('s')}_rate") for name, what in COUNTED.items()}
        parts = [f"{100 * score.value:.1f} {what}" for what, score in rates.items() if score]
        return f"For every 100 words spoken in the test split: {', '.join(parts)}, as written." if parts else ""

    def confusions(self, clips: Sequence[Judged]) -> list[Confusion]:
        """Return the most frequent confusions of words, without those that occur once or differ in spelling alone."""
        words = [word for clip in clips if clip.wrong for word in self.words(clip)]
        spoken = Counter(word.reference for word in words)
        pairs = Counter((word.reference, word.hypothesis) for word in words if word.kind not in ("equal", "spelling"))
        return [Confusion(*pair, count, spoken[pair[0]]) for pair, count in pairs.most_common(CONFUSIONS) if count > 1]

    def words(self, clip: Judged) -> tuple[Word, ...]:
        """Return truth and transcript of a clip word by word."""
        normalize = normalizer(self.text.language)
        words = []
        for pair in align(clip.reference, clip.prediction):
            spoken, written = pair.reference or "", pair.hypothesis or ""
            spelling = pair.kind == "substitution" and normalize(spoken).split() == normalize(written).split()
            words.append(Word("spelling" if spelling else pair.kind, spoken, written))
        return tuple(words)
