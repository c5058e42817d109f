"""Train a detector of anomalies on normal recordings alone, and calibrate it on those that are held out."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio_ft.data.spec import Data
from audio_ft.errors import InputError
from audio_ft.evaluation.anomaly import WEIGHTS_FILE, Detector, frames_of
from audio_ft.evaluation.detector_folder import SETTINGS_FILE, is_detector
from audio_ft.file_io import read_versioned
from audio_ft.hub.load import load_frozen
from audio_ft.inference.embedding_table import layer_of, prepared
from audio_ft.metrics.units import MIN_GROUPS

# The share of the normal recordings that thresholds are calibrated on.
HELD_OUT = 0.25


def train_detector(
    data: Data | str | Path, model: str, *, layer: int | None = None, false_alarms: float = 0.1, seed: int = 0
) -> Detector:
    """Train both methods on three quarters of normal recordings, and calibrate their thresholds on the others.

    The others are of other groups (speakers, machines) where there are at least five. A threshold is the score that so
    many held-out recordings reach that a new normal one of the same kind is above it with a probability of at most
    `false_alarms` (split conformal prediction).

    Args:
        data: normal recordings.
        model: a run, or any checkpoint, whose embeddings are compared.
        layer: the hidden layer; see `aft.embed`.
        false_alarms: the false-alarm rate, above 0 and below 1.
        seed: seed of the choice of recordings and of the autoencoder.

    Example:
        >>> import audio_ft as aft
        >>> detector = aft.train_detector("normal", "facebook/wav2vec2-base")  # doctest: +SKIP
        >>> detector.save("detectors/pump")  # doctest: +SKIP

    Raises:
        InputError: too few recordings can be read for this false-alarm rate, or there is no such model or layer.
    """
    from audio_ft.models.autoencoder import fitted

    if not 0 < false_alarms < 1:
        raise InputError(f"false_alarms={false_alarms:g}: expected a rate above 0 and below 1.")
    encoder = load_frozen(model)
    layer = layer_of(encoder, layer)
    found = prepared(encoder, data)
    groups = list(found.found.table["group"])
    held_out = _held_out([groups[row] for row in found.cleaned.used], seed)
    needed = math.ceil(1 / false_alarms) - 1
    if held_out.sum() < needed or held_out.all():
        raise InputError(
            f"{held_out.sum():,} of {len(held_out):,} normal recordings are held out, and a false-alarm rate of "
            f"{false_alarms:g} needs at least {needed}; give more recordings, or a higher rate."
        )
    vectors = found.vectors(layer)
    autoencoder = fitted(np.concatenate(list(frames_of(found, np.flatnonzero(~held_out)))), seed)
    detector = Detector(found.encoder, layer, vectors[~held_out], autoencoder, {}, false_alarms, int(held_out.sum()))
    errors = [autoencoder.score(frames) for frames in frames_of(found, np.flatnonzero(held_out))]
    scores = {"distance": detector.distances(vectors[held_out]), "autoencoder": np.array(errors)}
    thresholds = {name: threshold(values, false_alarms) for name, values in scores.items()}
    return replace(detector, thresholds=thresholds)


def load_detector(folder: str | Path) -> Detector:
    """Load what `Detector.save` wrote, and the checkpoint that it names.

    Raises:
        InputError: there is no detector in the folder, or its checkpoint cannot be loaded.
    """
    from safetensors.torch import load_file

    from audio_ft.cleaning.chain import Chain
    from audio_ft.models.autoencoder import Autoencoder

    folder = Path(folder).expanduser()
    if not is_detector(folder):
        raise InputError(f"{folder} has no {SETTINGS_FILE}; give the --output of `audio-ft anomaly NORMAL`.")
    known = read_versioned(folder / SETTINGS_FILE)
    weights = load_file(folder / WEIGHTS_FILE)
    vectors, autoencoder = weights.pop("vectors").numpy(), Autoencoder()
    autoencoder.load_state_dict({name.partition(".")[2]: value for name, value in weights.items()})
    encoder = load_frozen(known["model"], chain=Chain.from_dict({"steps": known["chain"]}))
    if encoder.loose:
        encoder = encoder.within(known["window"])
    return Detector(encoder, known["layer"], vectors, autoencoder.eval(), known["thresholds"], known["false_alarms"],
                    known["calibrated_on"])  # fmt: skip


def threshold(scores: NDArray[np.float64], false_alarms: float) -> float:
    """Return the score that a new one of the same distribution exceeds with a probability of at most `false_alarms`."""
    rank = math.ceil((len(scores) + 1) * (1 - false_alarms) - 1e-9)
    return float(np.sort(scores)[rank - 1])


def _held_out(groups: list[str | None], seed: int) -> NDArray[np.bool_]:
    """Return which recordings are held out, a quarter of them: whole groups where there are enough."""
    rng, known = np.random.default_rng(seed), sorted({group for group in groups if group is not None})
    if len(known) >= MIN_GROUPS and None not in groups:
        names = rng.permutation(known)
        sizes = np.cumsum([groups.count(name) for name in names])
        chosen = set(names[: 1 + int(np.searchsorted(sizes, HELD_OUT * len(groups)))])
        return np.array([group in chosen for group in groups])
    held_out = np.zeros(len(groups), bool)
    held_out[rng.permutation(len(groups))[: math.ceil(HELD_OUT * len(groups))]] = True
    return held_out
