"""Find the columns of recording, target and group, and filter rows."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from audio_ft.audio.output_paths import is_audio
from audio_ft.errors import InputError
from audio_ft.settings.rules import shown
from audio_ft.targets import Target
from audio_ft.targets.cells import Tiers, as_text, missing

# The column with the paths of recordings in what we write, and in rows that are made of files.
FILE = "file_name"
AUDIO: Tiers = (
    ("audio",),
    ("file_name", "filename", "file", "path", "filepath", "file_path", "audio_path", "audio_file", "audio_filepath",
     "audio_filename", "wav", "wav_path", "wav_file", "recording_path", "slice_file_name", "fname", "clip"),
    ("ytid", "youtube_id", "audio_id", "utt_id", "utterance_id", "clip_id", "wav_id", "file_id", "id"),
)  # fmt: skip
# In order of preference: the broadest source of leakage first.
GROUP: tuple[str, ...] = (
    "speaker_id", "speaker", "spk_id", "spk", "speaker_name", "client_id", "user_id", "user", "subject_id", "subject",
    "participant_id", "participant", "patient_id", "patient", "actor_id", "actor", "singer", "artist",
    "session_id", "session", "conversation_id", "dialogue_id", "recording_id", "recording", "source_file", "src_file",
    "original_file", "video_id", "youtube_id", "ytid", "fsid", "freesound_id", "location", "site", "device_id",
)  # fmt: skip
SPLIT: tuple[str, ...] = ("split", "subset", "partition")


def plain(name: str) -> str:
    """Return a column name without case and separators: "Speaker ID", "speaker-id" and "speakerId" are equal."""
    return re.sub(r"[\s\-_]+", "", name.lower())


def among(name: str, *tiers: Sequence[str]) -> bool:
    """Tell whether a column has a name of one of the tiers."""
    return any(plain(name) == plain(known) for tier in tiers for known in tier)


def names_target(name: str, implied_by: str = "") -> bool:
    """Tell whether targets have such a column: those of any kind, or of the kinds that `implied_by` gives too."""
    kinds = (kind for kind in Target.registry.values() if implied_by in ("", kind.implied_by))
    return among(name, *(tier for kind in kinds for tier in kind.column_names))


def named(names: Iterable[str], name: str, source: str) -> str:
    """Return the column that the user chose.

    Raises:
        InputError: there is no such column; lists the columns there are.
    """
    names = list(names)
    if name not in names:
        raise InputError(f"{source}: no column {name!r}; the columns are {', '.join(names) or 'none'}")
    return name


def find(names: Iterable[str], tiers: Tiers, what: str, setting: str, source: str) -> str:
    """Return the one column whose name is in the first tier with any match.

    Raises:
        InputError: no column matches, or several of one tier; lists the columns and the `setting` that chooses one.
    """
    names = list(names)
    for tier in tiers:
        found = [name for name in names if among(name, tier)]
        if len(found) == 1:
            return found[0]
        if found:
            raise InputError(
                f"{source}: columns {', '.join(found)} could each be {what}; choose one with data.{setting}=NAME"
            )
    raise InputError(
        f"{source}: no column name matches {what}; the columns are {', '.join(names) or 'none'}: "
        f"choose one with data.{setting}=NAME"
    )


def find_audio(columns: Mapping[str, Sequence[Any]], chosen: str | None, source: str) -> str:
    """Return the column with the paths of the recordings: of several names, the one with cells like audio files."""
    if chosen is not None:
        return named(columns, chosen, source)
    files = [name for name, cells in columns.items() if _lists_audio(cells)]
    likely = [name for name in files if among(name, *AUDIO)]
    if not likely and len(files) == 1:
        return files[0]
    return find(likely or columns, AUDIO, "the path of the recording", "audio", source)


def _lists_audio(cells: Sequence[Any]) -> bool:
    """Tell whether the first filled cells end in suffixes of audio files."""
    first = [cell for cell in cells[:100] if cell][:10]
    return bool(first) and all(isinstance(cell, str) and is_audio(cell) for cell in first)


def find_group(columns: Mapping[str, Sequence[Any]], chosen: str | None, target: str, source: str) -> str | None:
    """Return the column of groups, which splits keep disjoint; None where there is none or `chosen` is "".

    A column found by name needs more than one value and fewer values than rows; a column with one group for all rows
    is returned only where there is no better one, so that the split can refuse it.
    """
    if chosen == "":
        return None
    if chosen is not None:
        if chosen == target:
            raise InputError(
                f"{source}: column {chosen!r} cannot be both target and group; set data.group=NAME to another, or to ''"
            )
        return named(columns, chosen, source)
    by_name = {plain(name): name for name in columns if name != target}
    constant = None
    for name in filter(None, (by_name.get(plain(known)) for known in GROUP)):
        filled = [str(cell) for cell in columns[name] if not missing(cell)]
        if 1 < len(set(filled)) < len(columns[name]):
            return name
        if len(set(filled)) == 1 < len(filled):
            constant = constant or name
    return constant


_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le
}  # fmt: skip
_CONDITION = re.compile(r"\s*(?P<column>[^=!<>]+?)\s*(?P<sign>==|!=|>=|<=|=|>|<)\s*(?P<value>.*?)\s*", re.DOTALL)


def parse_condition(condition: str) -> tuple[str, str, str]:
    """Return (column, sign, value) of a row filter such as "language=en" or "duration>1".

    Raises:
        InputError: the sign or the column is missing, or a value to compare with is not a number.
    """
    match = _CONDITION.fullmatch(condition)
    if not match:
        raise InputError(f'where: expected a filter such as "language=en" or "duration>1", got {shown(condition)}')
    column, sign, value = match["column"], match["sign"].replace("==", "="), match["value"]
    if sign in _COMPARISONS and _number(value) is None:
        raise InputError(f"where: {shown(condition)} compares with {shown(value)}, which is not a number; use = or !=")
    return column, sign, value


def rows_where(columns: Mapping[str, Sequence[Any]], conditions: Sequence[str], source: str) -> list[int] | None:
    """Return the indices of the rows that meet every condition; None where there is no condition.

    An empty cell equals the empty text and meets no comparison.
    """
    if not conditions:
        return None
    keep = list(range(len(next(iter(columns.values()), ()))))
    for condition in conditions:
        column, sign, value = parse_condition(condition)
        cells = columns[named(columns, column, source)]
        keep = [row for row in keep if _meets(cells[row], sign, value, f"{source}, column {column!r}")]
    return keep


def _meets(cell: Any, sign: str, value: str, source: str) -> bool:
    """Compare a cell with a value; an empty cell meets no comparison of numbers."""
    if sign not in _COMPARISONS:
        return (as_text(cell) == value) is (sign == "=")
    if missing(cell):
        return False
    number = _number(cell)
    if number is None:
        raise InputError(f"{source}: {cell!r} is not a number, so it cannot be compared by {sign}; use = or !=")
    return _COMPARISONS[sign](number, float(value))


def _number(cell: Any) -> float | None:
    """Return a cell as a number, None where it is not one."""
    try:
        return float(cell)
    except (TypeError, ValueError):
        return None
