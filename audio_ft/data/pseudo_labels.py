"""Pseudo-labels: targets that a model predicted, marked as such in a column; they are only ever trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from audio_ft.data.rows import Rows, merged
from audio_ft.data.table.columns import among
from audio_ft.errors import InputError
from audio_ft.formatting import counted
from audio_ft.targets.cells import as_text

# The column that `audio-ft suggest --pseudo-labels` writes, and what it says of a predicted target.
COLUMN, MARK = "label_source", "pseudo"


def marks(rows: Rows) -> list[bool]:
    """Return for each row whether its target is a pseudo-label."""
    column = next((name for name in rows.columns if among(name, (COLUMN,))), None)
    if column is None:
        return [False] * len(rows)
    return [as_text(cell).strip().lower() == MARK for cell in rows.columns[column]]


def apart(parts: Mapping[str, Rows], path: str) -> tuple[dict[str, Rows], Rows | None]:
    """Return the splits without pseudo-labels, and the rows of train that have one; None without any.

    Raises:
        InputError: there are pseudo-labels in another split, whose scores would mean nothing, or no other targets.
    """
    chosen = {name: marks(rows) for name, rows in parts.items()}
    for name, marked in chosen.items():
        if name != "train" and any(marked):
            raise InputError(
                f"{path}: {counted(sum(marked), 'row')} of {name} have pseudo-labels ({COLUMN}={MARK}), and a score on "
                f"what a model predicted means nothing; move them to train, or leave them out with "
                f"data.where={COLUMN}!={MARK}"
            )
    if not any(chosen.get("train", ())):
        return dict(parts), None
    if all(chosen["train"]):
        raise InputError(
            f"{path}: all targets of train are pseudo-labels ({COLUMN}={MARK}); add the recordings that people labeled"
        )
    train = parts["train"]
    picked = [[row for row, own in enumerate(chosen["train"]) if own is wanted] for wanted in (False, True)]
    return {**parts, "train": train.take(picked[0])}, train.take(picked[1])


def into_train(parts: Mapping[str, Rows], predicted: Rows | None) -> tuple[dict[str, Rows], list[str]]:
    """Return the splits with the pseudo-labels in train, and notes on them.

    Those of groups and recordings that other splits have are left out.
    """
    if predicted is None or "train" not in parts:
        return dict(parts), []
    others = [rows for name, rows in parts.items() if name != "train"]
    groups = {group for rows in others for group in rows.groups if group is not None}
    recordings = {identity for rows in others for identity in rows.identities}
    own = predicted.groups or [None] * len(predicted)
    kept = [
        row
        for row, (group, identity) in enumerate(zip(own, predicted.identities, strict=True))
        if group not in groups and identity not in recordings
    ]
    whole = merged({"train": parts["train"], "pseudo": predicted.take(kept)})
    targets = [*parts["train"].targets, *predicted.take(kept).targets]
    groups_of = [*(parts["train"].groups or [None] * len(parts["train"])), *(own[row] for row in kept)]
    has_groups = parts["train"].groups or predicted.groups
    train = replace(whole.in_splits("train"), targets=targets, groups=groups_of if has_groups else [])
    notes = [f"{len(kept):,} of {len(targets):,} training targets are pseudo-labels, which a model predicted"]
    if left := len(predicted) - len(kept):
        notes.append(f"{counted(left, 'pseudo-label')} of groups or recordings in validation or test left out")
    return {**parts, "train": train}, notes
