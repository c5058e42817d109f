"""Rights: what the columns of consent and license of a table say, and a warning of recordings without consent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from audio_ft.data.rows import Columns
from audio_ft.data.table.columns import among
from audio_ft.formatting import counted
from audio_ft.targets.cells import as_text

CONSENT = ("consent", "consent_given", "speaker_consent", "has_consent")
LICENSE = ("license", "licence", "license_name", "rights")
# Cells that say that a speaker has not agreed.
REFUSED = {"no", "n", "false", "0", "none", "refused", "denied", "withdrawn", "revoked"}
# More different ones are free text, which may name people.
MOST = 12


def refusals(rights: Mapping[str, Mapping[str, int]]) -> int:
    """Return how many rows say that their speaker has not agreed, of counts as `rights_in` returns them.

    Example:
        >>> refusals({"consent": {"yes": 10, "No": 2}, "license": {"none": 12}})
        2
    """
    columns = [counts for name, counts in rights.items() if among(name, CONSENT)]
    return sum(count for counts in columns for cell, count in counts.items() if cell.lower() in REFUSED)


def rights_in(columns: Columns, used: set[str | None]) -> tuple[dict[str, dict[str, int]], list[str]]:
    """Return how often each value of the columns of consent and license occurs, by column, and warnings.

    `used` are columns with another meaning. An empty cell counts as "not stated".
    """
    found, notes = {}, []
    for name, cells in columns.items():
        if name in used or not among(name, CONSENT, LICENSE):
            continue
        counts = Counter(as_text(cell).strip() or "not stated" for cell in cells)
        if len(counts) <= MOST:
            found[name] = dict(sorted(counts.items()))
        if among(name, CONSENT) and (
            refused := sum(count for cell, count in counts.items() if cell.lower() in REFUSED)
        ):
            said = next(cell for cell in counts if cell.lower() in REFUSED)
            notes.append(
                f"{counted(refused, 'row')} without consent (column {name!r} says {said!r}) are used like all others; "
                f"data.where={name}!={said} leaves them out"
            )
    return found, notes
