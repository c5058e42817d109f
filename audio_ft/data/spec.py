"""What a user asks of data: where it is, which columns, which rows, which splits. Nothing is read here."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from audio_ft.data.columns import parse_condition
from audio_ft.data.splits import SPLITS
from audio_ft.errors import InputError


@dataclass(frozen=True)
class Data:
    """Say where recordings and their targets are.

    Attributes:
        path: folder, manifest (csv, tsv, jsonl, json, parquet), saved `datasets` folder, or id on the Hub.
        name: configuration on the Hub.
        revision: revision on the Hub.
        audio: column of the recordings; None finds it.
        target: column of the labels, numbers or transcripts; None finds it.
        group: column whose rows stay on one side of a split; None finds it, "" says that there is none.
        where: filters that rows must meet ("language=en", "duration>1"; = != > >= < <=), on any column.
        splits: {name in the data: ours}, ours being train, validation or test; {ours: name in the data} is taken too.
        validation: share of the validation split where it must be made.
        test: share of the test split where it must be made.
        seed: seed of splits and samples.
        limit: at most so many clips a split, stratified; for smoke runs.
        license: license of the data, for the model card.
        source: where the data comes from, for the model card.
        language: code of the language spoken ("fr"), or several with spaces, for the model card.

    Raises:
        InputError: a setting that cannot be.
    """

    path: str
    name: str | None = None
    revision: str | None = None
    audio: str | None = None
    target: str | None = None
    group: str | None = None
    where: tuple[str, ...] = ()
    splits: Mapping[str, str] | None = None
    validation: float = 0.1
    test: float = 0.1
    seed: int = 0
    limit: int | None = None
    license: str | None = None
    source: str | None = None
    language: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", os.fspath(self.path))
        where = (self.where,) if isinstance(self.where, str) else tuple(self.where)
        object.__setattr__(self, "where", where)
        for condition in where:
            parse_condition(condition)
        for name in ("validation", "test", "seed", "limit"):
            value = getattr(self, name)
            whole = name in ("seed", "limit")
            if value is None and name == "limit":
                continue
            if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
                raise InputError(f"data.{name}: expected a {'whole ' if whole else ''}number, got {value!r}")
        if not self.path:
            raise InputError("data: expected a path or an id on the Hub, got nothing")
        if not (0 <= self.validation < 1 and 0 <= self.test < 1 and self.validation + self.test < 1):
            raise InputError(f"data: expected validation and test shares of at least 0 and less than 1 together, "
                             f"got {self.validation} and {self.test}")  # fmt: skip
        if self.limit is not None and self.limit < 1:
            raise InputError(f"data: expected a limit of at least 1 clip a split, got {self.limit}")
        if self.splits is not None:
            object.__setattr__(self, "splits", _to_ours(self.splits))

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON values."""
        return {**asdict(self), "where": list(self.where)}

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> Data:
        """Return the Data that `to_dict` described.

        Raises:
            InputError: a setting that does not exist (with the closest that does), or none for `path`.
        """
        known = [field.name for field in fields(cls)]
        for name in settings:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                raise InputError(f"data: no setting {name!r}; " + (f"did you mean {near[0]!r}?" if near else
                                                                   f"there are {', '.join(known)}"))  # fmt: skip
        if "path" not in settings:
            raise InputError("data: expected a setting 'path', got none")
        return cls(**settings)


def _to_ours(renaming: Mapping[str, str]) -> dict[str, str]:
    """Return {name in the data: ours} for a renaming written either way round."""
    if all(ours in SPLITS for ours in renaming.values()):
        return dict(renaming)
    if all(ours in SPLITS for ours in renaming):
        return {theirs: ours for ours, theirs in renaming.items()}
    raise InputError(f"data: expected splits such as {{'dev': 'validation'}} with {', '.join(SPLITS)} on one "
                     f"side, got {dict(renaming)}")  # fmt: skip
