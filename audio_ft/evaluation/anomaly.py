"""Find recordings that are unlike normal ones: by the distance of embeddings, and by an autoencoder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.data.spec import Data
from audio_ft.data.table.columns import among, named
from audio_ft.evaluation.detector_folder import SETTINGS_FILE
from audio_ft.file_io import FORMAT, replacing, write_json, write_text
from audio_ft.formatting import counted
from audio_ft.inference.embedding_table import Prepared, prepared
from audio_ft.inference.embeddings import Encoder
from audio_ft.metrics import Score
from audio_ft.metrics.detection import anomaly_scores, share
from audio_ft.redaction import display_name
from audio_ft.targets import Label
from audio_ft.targets.cells import as_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from audio_ft.models.autoencoder import Autoencoder

    Floats = NDArray[np.float64]

WEIGHTS_FILE, CARD_FILE = "detector.safetensors", "README.md"
METHODS = ("distance", "autoencoder")
# Mean distance to so many nearest normal recordings. Of digits, each speaker in turn normal, 1, 2, 4 and 8 have a mean
# AUC of .963, .962, .959 and .954, and the Mahalanobis distance .961 (wav2vec2-mini, layer 2).
NEIGHBORS = 2


@dataclass(frozen=True)
class Detector:
    """Hold what normal recordings are like.

    Attributes:
        encoder: the frozen network, with its cleaning and window.
        layer: the hidden layer that is embedded.
        vectors: embeddings of normal recordings (rows, 2 * width).
        autoencoder: trained on log-mel frames of the same recordings.
        thresholds: for each method, the score above which a recording is an anomaly.
        false_alarms: the share of new normal recordings that are expected above it.
        calibrated_on: how many normal recordings, held out of training, the thresholds come from.
    """

    encoder: Encoder
    layer: int
    vectors: NDArray[np.float32]
    autoencoder: Autoencoder
    thresholds: Mapping[str, float]
    false_alarms: float
    calibrated_on: int

    def scores(self, found: Prepared) -> dict[str, Floats]:
        """Return the anomaly score of each readable recording by method, (rows,), greater for more unusual ones."""
        errors = [self.autoencoder.score(frames) for frames in frames_of(found, range(found.cleaned.clips))]
        return {"distance": self.distances(found.vectors(self.layer)), "autoencoder": np.array(errors)}

    @cached_property
    def _scale(self) -> tuple[Floats, Floats]:
        return self.vectors.mean(0, np.float64), self.vectors.std(0, dtype=np.float64) + 1e-6

    def distances(self, vectors: NDArray[np.float32]) -> Floats:
        """Return the mean distance of vectors (n, width) to their nearest normal ones, in standard deviations."""
        from sklearn.neighbors import NearestNeighbors

        mean, scale = self._scale
        normal = NearestNeighbors(n_neighbors=min(NEIGHBORS, len(self.vectors))).fit((self.vectors - mean) / scale)
        return np.asarray(normal.kneighbors((vectors - mean) / scale)[0].mean(1) / np.sqrt(vectors.shape[1]))

    def save(self, folder: str | Path) -> None:
        """Write the detector into a folder, whole or not at all: settings as JSON, weights as safetensors, a card.

        Raises:
            InputError: the place cannot be written.
        """
        import torch
        from safetensors.torch import save_file

        weights = {f"autoencoder.{name}": value for name, value in self.autoencoder.state_dict().items()}
        with replacing(Path(folder).expanduser(), make_parents=True) as unfinished:
            unfinished.mkdir()
            save_file({**weights, "vectors": torch.from_numpy(self.vectors)}, unfinished / WEIGHTS_FILE)
            write_json(unfinished / SETTINGS_FILE, self.settings())
            write_text(unfinished / CARD_FILE, "\n".join([*self.card_lines(), ""]))

    def settings(self) -> dict[str, Any]:
        """Return all but the weights as JSON values."""
        return {
            "format": FORMAT,
            "model": self.encoder.name,
            "layer": self.layer,
            "window": self.encoder.adapter.window,
            "chain": self.encoder.chain.to_list(),
            "thresholds": dict(self.thresholds),
            "false_alarms": self.false_alarms,
            "calibrated_on": self.calibrated_on,
        }

    def card_lines(self) -> list[str]:
        """Return what the detector is, as lines of Markdown."""
        return [
            "# Anomaly detector",
            "",
            f"Trained on {counted(len(self.vectors), 'normal recording')} with audio_ft. Two scores: the distance of "
            f"an embedding (layer {self.layer} of {display_name(self.encoder.name)}) to the {NEIGHBORS} nearest normal "
            "ones, and the error of an autoencoder of log-mel frames.",
            "",
            f"Thresholds are calibrated on {self.calibrated_on} held-out normal recordings for a false-alarm rate of "
            f"{self.false_alarms:g}: {', '.join(f'{name} {self.thresholds[name]:.4g}' for name in METHODS)}.",
            "",
            f"Cleaning: {self.encoder.chain.describe()}",
        ]


def frames_of(found: Prepared, places: Iterable[int]) -> Iterator[NDArray[np.float32]]:
    """Yield the log-mel frames of some of the readable recordings, by their places among them."""
    from audio_ft.models.autoencoder import log_mel_frames

    for place in places:
        yield log_mel_frames(found.cleaned.wave(int(found.cleaned.used[place])), found.cleaned.sample_rate)


@dataclass(frozen=True)
class Detected:
    """Hold what a detector says of recordings.

    Attributes:
        files: the recordings that could be read.
        scores: the anomaly score of each by method.
        alarms: whether it is above the method's threshold.
        anomalous: whether each is an anomaly by the data; None where the data does not say.
        measured: by method `auc`, `pauc`, `false_alarms` (the share of normal recordings above the threshold) and
            `found` (that of anomalies); empty where the data does not say.
        unreadable: file and reason of each recording that was left out.
        notes: what a user should know.
    """

    files: list[str]
    scores: Mapping[str, Floats]
    alarms: Mapping[str, NDArray[np.bool_]]
    anomalous: NDArray[np.bool_] | None
    measured: Mapping[str, Mapping[str, Score]]
    unreadable: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]

    def order(self) -> list[int]:
        """Return the recordings, those with the greatest distance first."""
        return [int(row) for row in np.argsort(-self.scores[METHODS[0]], kind="stable")]

    def rows(self, order: Iterable[int]) -> list[dict[str, str]]:
        """Return recordings by their places as rows of a table: score and alarm by each method."""
        return [
            {"file_name": self.files[row]}
            | {f"{name}_score": f"{values[row]:.6g}" for name, values in self.scores.items()}
            | {f"{name}_alarm": str(bool(self.alarms[name][row])).lower() for name in self.scores}
            for row in order
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return all as JSON values."""
        rows = [
            {"file": file, "anomaly": None if self.anomalous is None else bool(self.anomalous[row])}
            | {
                name: {"score": float(self.scores[name][row]), "alarm": bool(self.alarms[name][row])}
                for name in METHODS
            }
            for row, file in enumerate(self.files)
        ]
        measured = {
            name: {key: score.to_dict() for key, score in found.items()} for name, found in self.measured.items()
        }
        return {"recordings": rows, "scores": measured, "unreadable": self.unreadable}


def detect(
    detector: Detector, data: Data | str | Path, *, target: str | None = None, normal: Sequence[str] = ("normal",)
) -> Detected:
    """Score recordings by how unlike the normal ones they are, and the detector where the data says which are normal.

    Args:
        detector: what `aft.load_detector` returned.
        data: recordings.
        target: the column that says which recordings are normal; None is `label` where that has normal and other ones.
        normal: the values of that column that are normal; any other one is an anomaly.

    Raises:
        InputError: no recording can be read, there is no such column, or by it all are normal or none is.
    """
    found = prepared(detector.encoder, data)
    scores = detector.scores(found)
    alarms = {name: values > detector.thresholds[name] for name, values in scores.items()}
    anomalous = _anomalous(found, target, normal)
    measured: dict[str, dict[str, Score]] = {}
    if anomalous is not None:
        all_groups = list(found.found.table["group"])
        groups = [all_groups[row] for row in found.cleaned.used]
        for name, values in scores.items():
            measured[name] = anomaly_scores(values, anomalous, groups)
            for key, chosen in (("false_alarms", ~anomalous), ("found", anomalous)):
                own = [group for group, inside in zip(groups, chosen, strict=True) if inside]
                measured[name][key] = share(alarms[name][chosen], own)
    return Detected(found.files, scores, alarms, anomalous, measured, found.cleaned.errors, found.found.notes)


def _anomalous(found: Prepared, target: str | None, normal: Sequence[str]) -> NDArray[np.bool_] | None:
    """Return which readable recordings are anomalies by a column of the data; None where none tells two sorts apart.

    Raises:
        InputError: there is no such column.
    """
    columns = found.found.columns
    if target is None:
        target = next((name for tier in Label.column_names for name in columns if among(name, tier)), None)
        if target is None or len({as_text(cell) in normal for cell in columns[target]}) < 2:
            return None
    cells = columns[named(columns, target, "the recordings")]
    return np.array([as_text(cells[row]) not in normal for row in found.cleaned.used])
