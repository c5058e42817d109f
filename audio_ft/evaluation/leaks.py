"""Leaks of a training: the certificate of its clean recordings, and the test score without the clips that leak."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from audio_ft.data.leaks.certificate import Certificate
from audio_ft.data.leaks.certify import Side, certify
from audio_ft.errors import InputError
from audio_ft.evaluation.scoring import Rows
from audio_ft.file_io import replacing
from audio_ft.metrics import Score
from audio_ft.targets import Target


def side_of(rows: Rows, target: Target) -> Side:
    """Return what is compared of one split: its clean recordings, their groups and, if it has any, transcripts."""
    clean, used = rows.cleaned, rows.cleaned.used
    codes = clean.rows.data.column("fingerprint")
    table = rows.table.select_columns(["key", "group", "target"]).select(used)[:]
    texts = list(map(str, table["target"])) if target.by_words else []
    prints = [codes[row].values.to_numpy() for row in used.tolist()]
    return Side(table["key"], clean.column("digest").tolist(), prints, table["group"], texts)


# What a run trained and chose by, for the evaluation of other data; names are kept, so it stays on this machine.
FINGERPRINTS_FILE = "fingerprints.npz"
EVALUATED = "evaluated"
_LISTS = ("keys", "digests", "groups", "transcripts")


def certificate_of(rows: Mapping[str, Rows], target: Target) -> Certificate:
    """Return the certificate of several splits."""
    return certify({name: side_of(split, target) for name, split in rows.items()})


def scores_without_leaks(
    certificate: Certificate, rows: Rows, target: Target, predictions: NDArray[Any], seed: int, split: str = "test"
) -> Mapping[str, Score]:
    """Score the predictions of a split, one a row, without the clips that leak; {} if none or all of them do."""
    keys, groups = certificate.leaked(split), certificate.leaked_groups(split)
    table = rows.table.select_columns(["key", "group"])[:]
    leaks = np.array([key in keys or group in groups for key, group in zip(table["key"], table["group"], strict=True)])
    present = rows.readable
    kept = present[~leaks[present]]
    if len(kept) in (0, len(present)):
        return {}
    own = [table["group"][row] for row in kept] if rows.groups else None
    return target.score(predictions[kept], target.encode(rows.table["target"])[kept], own, seed=seed)


def save_sides(sides: Mapping[str, Side], file: Path) -> None:
    """Write what is compared of the splits of a training, a kilobyte a second of recordings."""
    arrays: dict[str, Any] = {}
    for name, side in sides.items():
        arrays |= {f"{name}/{part}": np.array([cell or "" for cell in getattr(side, part)], str) for part in _LISTS}
        arrays[f"{name}/lengths"] = np.array([len(codes) for codes in side.fingerprints], np.int64)
        arrays[f"{name}/codes"] = np.concatenate([np.zeros(0, np.uint32), *side.fingerprints])
    with replacing(file) as unfinished, unfinished.open("wb") as written:
        np.savez(written, **arrays)


def load_sides(folder: Path) -> dict[str, Side]:
    """Read what `save_sides` wrote into the folder of a run; {} where there is none.

    Raises:
        InputError: the file is damaged.
    """
    file = folder / FINGERPRINTS_FILE
    if not file.is_file():
        return {}
    try:
        with np.load(file, allow_pickle=False) as read:
            arrays = {name: read[name] for name in read.files}
        names = dict.fromkeys(name.partition("/")[0] for name in arrays)
        return {name: _side(arrays, name) for name in names}
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise InputError(f"{file} is damaged ({error}); remove it to evaluate without a comparison.") from error


def _side(arrays: Mapping[str, NDArray[Any]], name: str) -> Side:
    keys, digests, groups, transcripts = (arrays[f"{name}/{part}"].tolist() for part in _LISTS)
    codes = np.split(arrays[f"{name}/codes"], np.cumsum(arrays[f"{name}/lengths"])[:-1]) if keys else []
    return Side(keys, digests, codes, [group or None for group in groups], transcripts)


def compared_with(trained: Mapping[str, Side], rows: Rows, target: Target) -> Certificate:
    """Return the certificate of rows that are evaluated, against what the model was trained on."""
    return certify({**trained, EVALUATED: side_of(rows, target)})
