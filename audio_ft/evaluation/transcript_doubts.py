"""Transcript doubts: rank clips by how badly their transcript fits what a transcriber hears in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_ft.cleaning.forecast import header_seconds
from audio_ft.data import Data, load
from audio_ft.evaluation.doubts import MAD, OUTLYING, Doubt, Doubts
from audio_ft.evaluation.scoring import clean_rows
from audio_ft.formatting import counted
from audio_ft.inference.batching import BATCH, Collator, Windows, languages_of
from audio_ft.inference.predictor import Model
from audio_ft.metrics.alignment import errors
from audio_ft.metrics.text_normalizers import normalizer
from audio_ft.models.base import Adapter
from audio_ft.parallel import progress_bar
from audio_ft.redaction import display_name
from audio_ft.tasks.base import NO_TOKEN, forward


def transcript_doubts(model: Model, data: Data, name: str) -> Doubts:
    """Rank the clips of all splits of transcribed data by the probability of their transcript.

    A clip is named as doubtful if its transcript is far less probable than usual, or has far more or fewer characters a
    second; the character error rate between the transcript and what the model writes says how they differ.

    Args:
        model: a transcriber.
        data: recordings with transcripts.
        name: what messages call the model.

    Raises:
        InputError: another backend than transformers computes the model, or the data cannot be read.
    """
    task, network = model.task, model.torch_network("doubts")
    loaded = load(data.replace(folds=None, test_fold=None), known=task.target, need=("train",), together=True)
    table = loaded.splits["train"]
    adapter = task.fit_window(model.adapter, header_seconds(table, len(table)), None)
    cleaned = clean_rows(table, model.chain.remaining(loaded.chain), adapter.sample_rate)
    windows = Windows(cleaned, None, adapter.window, languages=languages_of(table, task))
    whole = np.flatnonzero(np.bincount(windows.clips)[windows.clips] == 1)
    texts, keys, groups = (list(table[column]) for column in ("target", "key", "group"))
    spelled = [task.target.text.apply(texts[windows.clips[row]]) for row in whole]
    alignment, heard = _judged(network, task, adapter, windows, whole, spelled)
    rates = np.array([len(text) for text in spelled]) / (windows.lengths[whole] / adapter.sample_rate)
    unusual = {"alignment": _outlying(alignment) < -OUTLYING, "rate": np.abs(_outlying(np.log(rates + 1))) > OUTLYING}
    measured = {
        "alignment": alignment,
        "character_error_rate": _error_rates(spelled, heard, task.target.text.language),
        "characters_a_second": rates,
    }
    clips = []
    for place, clip in enumerate(windows.clips[whole]):
        measures = {what: float(values[place]) for what, values in measured.items()}
        reason = _reason(measures, {what: bool(found[place]) for what, found in unusual.items()})
        quality = float(np.exp(alignment[place]))
        clips.append(Doubt(keys[clip], groups[clip], texts[clip], heard[place], None, quality, reason, measures))
    long = len(set(windows.clips.tolist())) - len(whole)
    method = [f"{counted(len(clips), 'clip')}, by the mean log-probability of their transcript in {display_name(name)}"]
    method += [f"{counted(long, 'clip')} longer than {adapter.window:g} s not judged"] if long else []
    return Doubts(
        clips=tuple(sorted(clips, key=lambda clip: (clip.quality, clip.file))),
        estimated=int(np.logical_or(*unusual.values()).sum()),
        kind=loaded.target.kind,
        column=loaded.column,
        method=tuple(method),
        unreadable=cleaned.errors,
        warnings=loaded.warnings,
        table=table,
        grouped_by=loaded.group,
    )


def _judged(
    network: Any, task: Any, adapter: Adapter, windows: Windows, rows: NDArray[np.int64], texts: list[str]
) -> tuple[NDArray[np.float64], list[str]]:
    """Return the mean log-probability of each text, and what the model writes instead."""
    import torch

    collator = Collator(adapter, task)
    alignment, heard = np.zeros(len(rows)), [""] * len(rows)
    order = np.argsort(windows.lengths[rows], kind="stable")
    with progress_bar(total=len(order), desc="aligning", unit="clip") as progress:
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            batch = collator(windows.__getitems__(rows[chosen].tolist()))
            inputs = {name: value.to(network.device) for name, value in batch.items()}
            with torch.inference_mode():
                found = task.log_probabilities(network, inputs, [texts[place] for place in chosen], adapter)
            alignment[chosen] = found.cpu().numpy()
            tokens = forward(network, task, adapter, batch)
            for place, row in zip(chosen, tokens, strict=True):
                heard[place] = task.decode(int(token) for token in row if token != NO_TOKEN)
            progress.update(len(chosen))
    return alignment, heard


def _error_rates(spelled: Sequence[str], heard: Sequence[str], language: str | None) -> NDArray[np.float64]:
    """Return the character error rate of each clip (clips,), of texts as Whisper's normalizer writes them."""
    normalize = normalizer(language)
    counts = (errors([normalize(truth)], [normalize(text)], unit="character")[0]
              for truth, text in zip(spelled, heard, strict=True))  # fmt: skip
    return np.array([count.total / max(count.words, 1) for count in counts])


def _outlying(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return distances from the median in robust standard deviations; without any spread, all are 0."""
    finite = np.isfinite(values)
    middle = np.median(values[finite]) if finite.any() else 0.0
    spread = np.median(np.abs(values[finite] - middle)) if finite.any() else 0.0
    return np.where(finite, MAD * (np.where(finite, values, 0.0) - middle) / (spread or np.inf), values)


def _reason(measures: dict[str, float], unusual: dict[str, bool]) -> str:
    """Return what is unusual about a transcript."""
    parts = []
    if unusual["alignment"]:
        fits = np.isfinite(measures["alignment"])
        parts.append(f"log-probability {measures['alignment']:.2f}" if fits else "longer than the recording allows")
    if unusual["rate"]:
        parts.append(f"{measures['characters_a_second']:.1f} characters a second")
    parts.append(f"CER {measures['character_error_rate']:.2f}")
    return ", ".join(parts)
