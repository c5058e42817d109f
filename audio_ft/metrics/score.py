"""Score: a value with its 95 % interval."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from audio_ft.errors import InputError


@dataclass(frozen=True)
class Score:
    """Hold a score, its 95 % interval and the number of clips it is based on.

    `low` and `high` are NaN where there is no interval (one clip says nothing about the spread of an error); JSON has
    no NaN, so `to_dict` writes them as None.
    """

    value: float
    low: float
    high: float
    n: int

    def to_dict(self) -> dict[str, float | int | None]:
        """Return the four fields as plain JSON values."""
        return {name: value if math.isfinite(value) else None for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Score:
        """Read what `to_dict` wrote.

        Raises:
            InputError: a field is missing or unknown.
        """
        if set(fields) != {"value", "low", "high", "n"}:
            raise InputError(f"a score has the fields value, low, high and n; this one has {sorted(fields)}")
        numbers = {key: math.nan if fields[key] is None else float(fields[key]) for key in ("value", "low", "high")}
        return cls(n=int(fields["n"]), **numbers)

    def __format__(self, spec: str) -> str:
        """Write value and interval, each with the float format `spec` (".3f" when empty)."""
        spec = spec or ".3f"
        if math.isnan(self.low) or math.isnan(self.high):
            return f"{self.value:{spec}} [no interval]"
        return f"{self.value:{spec}} [{self.low:{spec}}, {self.high:{spec}}]"

    def __str__(self) -> str:
        """Write value and interval with three decimals."""
        return format(self, "")
